import { letters } from '../alibaba-clb/random.ts';
import { type Cas, createCas, type PemOptions } from '../alibaba-gateway/cas.ts';
import { type CertificateFacts, readCertificate } from '../alibaba-gateway/pem.ts';
import { chanceOf } from '../seeded.ts';
import { refuse } from './errors.ts';
import {
  type AlibabaEsaOptions,
  type Behaviour,
  type Quotas,
  quotas,
  type SiteStatus,
  strictBehaviour,
} from './options.ts';

export interface SiteCertificate {
  readonly id: string;
  readonly name: string;
  readonly type: 'cas' | 'upload' | 'free';
  readonly casId: number | undefined;
  readonly region: string;
  readonly createdMs: number;
  readonly updatedMs: number;
  /** Absent as long as a free certificate is applied for. */
  readonly issued: (CertificateFacts & { readonly pem: string; readonly key: string }) | undefined;
}

/** How a roll-out ends that comes to nothing: lists show what was before again, or the change for ever. */
export type Failure = 'shows-old' | 'shows-new';

export interface Site {
  readonly id: number;
  readonly name: string;
  readonly region: string;
  readonly instance: string;
  readonly records: readonly string[];
  isInArrears: boolean;
  status: SiteStatus;
  certificates: readonly SiteCertificate[];
  rollOut:
    | { readonly before: readonly SiteCertificate[]; readonly untilMs: number; readonly failsAs: Failure | undefined }
    | undefined;
  turns: number;
}

export interface Sites {
  readonly behaviour: Behaviour;
  readonly quotas: Quotas;
  readonly cas: Cas;
  readonly all: readonly Site[];
  now(): number;
  /** The site of a call, at the endpoint of its account. */
  find(region: string, id: number | undefined): Site;
  newId(): string;
  /** Changes the certificates of a site, in a roll-out. */
  change(site: Site, certificates: readonly SiteCertificate[]): void;
  /** The certificates of a site that cover a name, as they are listed. */
  covering(certificates: readonly SiteCertificate[], name: string): readonly SiteCertificate[];
  /** What an edge shows to a client that asks for the name. */
  served(name: string): SiteCertificate | undefined;
  failRollOut(site: string, as: Failure, times: number): void;
  settle(): void;
}

/** Whether a certificate's name is that of the site or below it. */
export const isOf = (site: string, name: string): boolean => name === site || name.endsWith(`.${site}`);

export function createSites(options: AlibabaEsaOptions): Sites {
  const { clock, rollOutMs = 0 } = options;
  const behaviour = { ...strictBehaviour, ...options.behaviour };
  const random = chanceOf(7);
  const cas = createCas(options, behaviour);
  for (const pem of options.certificates ?? []) cas.add('cn-hangzhou', pem);
  const now = () => clock.now().getTime();
  const newId = () => `baba${letters(random, 28, '0123456789abcdef')}`;
  const failures: { readonly site: string; readonly as: Failure; left: number }[] = [];

  const issuedOf = ({ certificate: pem, privateKey: key }: PemOptions) => {
    const facts = readCertificate(pem, key, 'accepted');
    if (typeof facts === 'string') throw new Error(`The ${facts} of the options is wrong.`);
    return { ...facts, pem, key };
  };
  const all = options.sites.map((given, index): Site => {
    const { name, region = 'cn-hangzhou', instance = `esa-site-${index}`, records = [], status = 'active' } = given;
    return {
      ...{ id: 1_234_567_890_123 + index, name, region, instance, records, status },
      ...{ isInArrears: given.isInArrears === true, rollOut: undefined, turns: 0 },
      certificates: (given.certificates ?? []).map(({ name: own, pem, type = 'upload' }) => ({
        ...{ id: newId(), name: own, type, region: '', createdMs: now(), updatedMs: now() },
        casId: type === 'cas' ? [...cas.certificates.values()].find((one) => one.name === pem?.name)?.id : undefined,
        issued: pem && issuedOf(pem),
      })),
    };
  });

  function settle(): void {
    for (const site of all) {
      const { rollOut } = site;
      if (rollOut === undefined || clock.monotonicMs() < rollOut.untilMs || rollOut.failsAs === 'shows-new') continue;
      site.rollOut = undefined;
      if (rollOut.failsAs === 'shows-old') site.certificates = rollOut.before;
    }
  }

  const covering: Sites['covering'] = (certificates, name) => {
    const wildcard = `*${name.slice(name.indexOf('.'))}`;
    const issued = certificates.filter((one) => one.issued !== undefined);
    const exact = issued.filter((one) => one.issued!.names.includes(name));
    return exact.length > 0 ? exact : issued.filter((one) => one.issued!.names.includes(wildcard));
  };

  return {
    ...{ behaviour, cas, all, now, newId, covering, settle, quotas: { ...quotas, ...options.quotas } },
    find(region, id) {
      if (id === undefined) throw refuse('MissingSiteId');
      const found = all.find((one) => one.id === id && one.region === region);
      if (found === undefined) throw refuse('InvalidParameter.SiteId');
      return found;
    },
    change(site, certificates) {
      const failure = failures.find((one) => one.site === site.name && one.left > 0);
      if (failure !== undefined) failure.left -= 1;
      const before = site.rollOut?.before ?? site.certificates;
      site.rollOut = { before, untilMs: clock.monotonicMs() + rollOutMs, failsAs: failure?.as };
      site.certificates = certificates;
      settle();
    },
    served(name) {
      settle();
      const [site] = all.filter((one) => isOf(one.name, name)).sort((a, b) => b.name.length - a.name.length);
      if (site === undefined || site.status !== 'active') return undefined;
      site.turns += 1;
      const isOld = site.rollOut !== undefined && (site.rollOut.failsAs !== undefined || site.turns % 2 === 1);
      const matching = covering(isOld ? site.rollOut!.before : site.certificates, name);
      const valid = matching.filter(({ issued }) => issued!.notAfter > now());
      const found = valid.length > 0 ? valid : matching;
      const { twoForOneName } = behaviour;
      if (twoForOneName === 'older') return found[0];
      // A roll-out takes every other turn.
      return twoForOneName === 'newer' ? found.at(-1) : found[Math.floor(site.turns / 2) % found.length];
    },
    failRollOut: (site, as, left) => void failures.push({ site, as, left }),
  };
}
