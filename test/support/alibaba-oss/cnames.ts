import { type Cas, type CasCertificate, createCas } from '../alibaba-gateway/cas.ts';
import { type AlibabaOssOptions, type Behaviour, strictBehaviour } from './options.ts';

/** A certificate as a domain has it: a copy, which stays when CAS forgets the certificate. */
export interface Bound {
  readonly certId: string;
  readonly type: 'CAS' | 'Upload';
  readonly setMs: number;
  readonly certificate: CasCertificate;
}

export interface Cname {
  readonly domain: string;
  readonly bucket: string;
  readonly isWildcard: boolean;
  readonly modifiedMs: number;
  isDisabled: boolean;
  bound: Bound | undefined;
  rollOut:
    | { readonly old: Bound | undefined; readonly untilMs: number; readonly failsAs: Failure | undefined }
    | undefined;
  turns: number;
}

/** How a roll-out ends that comes to nothing: the list shows the old certificate again, or the new one for ever. */
export type Failure = 'shows-old' | 'shows-new';

export interface Cnames {
  readonly behaviour: Behaviour;
  readonly regions: readonly string[];
  readonly cas: Cas;
  readonly buckets: ReadonlyMap<string, string>;
  readonly all: Cname[];
  find(domain: string, isWildcard: boolean): Cname | undefined;
  /** A certificate of CAS that services find. */
  inCas(certId: string): CasCertificate | undefined;
  named(name: string): CasCertificate;
  bind(cname: Cname, bound: Bound | undefined): void;
  /** What an edge shows to a client that asks for the name. */
  served(name: string): CasCertificate | undefined;
  failRollOut(domain: string, as: Failure, times: number): void;
  settle(): void;
  now(): number;
}

export const idOf = ({ id, region }: CasCertificate): string => `${id}-${region}`;

export function createCnames(options: AlibabaOssOptions): Cnames {
  const { clock, rollOutMs = 0 } = options;
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const regions = options.regions ?? ['cn-hangzhou', 'cn-shanghai', 'ap-southeast-1'];
  const cas = createCas(options, behaviour);
  for (const pem of options.certificates ?? []) cas.add('cn-hangzhou', pem);
  const failures: { readonly domain: string; readonly as: Failure; left: number }[] = [];
  const now = () => clock.now().getTime();
  const named = (name: string): CasCertificate => {
    const found = [...cas.certificates.values()].find((one) => one.name === name);
    if (found === undefined) throw new Error(`There is no certificate ${name}.`);
    return found;
  };
  const all = options.buckets.flatMap(({ name: bucket, cnames = [] }) =>
    cnames.map(({ domain, certificate: of, isOldUpload, isDisabled, isWildcard }): Cname => {
      const certificate = of === undefined ? undefined : named(of);
      const certId = certificate && (isOldUpload ? `old-${certificate.id}` : idOf(certificate));
      const type = isOldUpload ? 'Upload' : 'CAS';
      return {
        ...{ domain, bucket, isDisabled: isDisabled === true, isWildcard: isWildcard === true, modifiedMs: now() },
        bound: certificate && certId ? { certId, type, setMs: now(), certificate } : undefined,
        ...{ rollOut: undefined, turns: 0 },
      };
    }),
  );

  function settle(): void {
    for (const cname of all) {
      const { rollOut } = cname;
      if (rollOut === undefined || clock.monotonicMs() < rollOut.untilMs || rollOut.failsAs === 'shows-new') continue;
      cname.rollOut = undefined;
      if (rollOut.failsAs === 'shows-old') cname.bound = rollOut.old;
    }
  }

  const find = (domain: string, isWildcard: boolean) =>
    all.find((one) => one.domain === domain && one.isWildcard === isWildcard);

  return {
    ...{ behaviour, regions, cas, all, find, named, settle, now },
    buckets: new Map(options.buckets.map(({ name, region = regions[0]! }) => [name, region])),
    inCas(certId) {
      const [, id, region] = /^(\d{1,15})-([a-z0-9-]+)$/.exec(certId) ?? [];
      return region === undefined ? undefined : cas.find(region, Number(id));
    },
    bind(cname, bound) {
      const failure = failures.find((one) => one.domain === cname.domain && one.left > 0);
      if (failure !== undefined) failure.left -= 1;
      const old = cname.rollOut?.failsAs === undefined ? cname.bound : cname.rollOut.old;
      cname.rollOut = { old, untilMs: clock.monotonicMs() + rollOutMs, failsAs: failure?.as };
      cname.bound = bound;
      settle();
    },
    served(name) {
      settle();
      const cname = find(name, false) ?? find(name.slice(name.indexOf('.') + 1), true);
      if (cname === undefined || cname.isDisabled) return undefined;
      const { rollOut, bound } = cname;
      if (rollOut === undefined) return bound?.certificate;
      cname.turns += 1;
      const isOld = rollOut.failsAs !== undefined || behaviour.duringRollOut === 'old' || cname.turns % 2 === 1;
      return (isOld ? rollOut.old : bound)?.certificate;
    },
    failRollOut: (domain, as, left) => void failures.push({ domain, as, left }),
  };
}
