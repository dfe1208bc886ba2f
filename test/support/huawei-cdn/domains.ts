import { covers } from '../alibaba-gateway/pem.ts';
import { createRollOut, type RollOut } from '../roll-out.ts';
import { type Bound, bind } from './certificate.ts';
import { refuseCdn } from './errors.ts';
import type { Behaviour, DomainOptions, DomainStatus, HuaweiCdnOptions } from './options.ts';

/** What a change of HTTPS may touch besides the certificate. */
export interface Https {
  http2: boolean;
  ocspStapling: boolean;
  tlsVersion: string;
  second: Bound | undefined;
}

export interface Domain {
  readonly id: string;
  readonly name: string;
  readonly project: string;
  readonly configs: Readonly<Record<string, unknown>>;
  readonly https: Https;
  originProtocol: 'follow' | 'http' | 'https';
  forceRedirect: 'http' | 'https' | undefined;
  isLocked: boolean;
  isBanned: boolean;
  /** As a person or a roll-out left it. */
  status: DomainStatus;
  /** The status in which the next failure ends. */
  failsAs: DomainStatus;
  modifiedMs: number;
  /** HTTPS is on exactly if there is one. */
  readonly certificate: RollOut<Bound | undefined>;
}

export interface Domains {
  readonly all: readonly Domain[];
  /** The domain of a request, or the refusal. */
  find(name: string): Domain;
  /** The status that an answer shows. */
  status(domain: Domain): DomainStatus;
  /** The certificate that an answer shows. */
  shown(domain: Domain): Bound | undefined;
  /** Refuses a certificate that does not fit the domain, and a domain that takes no change now. */
  check(domain: Domain, certificate: Bound | undefined): void;
  /** Sets a certificate, or switches HTTPS off. */
  set(domain: Domain, certificate: Bound | undefined): void;
  serve(name: string): Bound | undefined;
}

export const defaults: Omit<Https, 'second'> = {
  ...{ http2: false, ocspStapling: false, tlsVersion: 'TLSv1.1,TLSv1.2,TLSv1.3' },
};

export function createDomains(options: HuaweiCdnOptions, behaviour: Behaviour): Domains {
  const { clock, rollOutMs = 0 } = options;
  const nowMs = (): number => clock.now().getTime();

  function create(given: DomainOptions, index: number): Domain {
    const { http2 = false, ocspStapling = false, tlsVersion = defaults.tlsVersion } = given;
    const second = given.second && bind(given.second, 'accepted');
    const domain: Domain = {
      id: `ff8080${(index + 1).toString(16).padStart(26, '0')}`,
      name: given.name,
      project: given.project ?? '0',
      configs: given.configs ?? {},
      https: { http2, ocspStapling, tlsVersion, second },
      originProtocol: given.originProtocol ?? 'follow',
      forceRedirect: given.forceRedirect,
      isLocked: given.isLocked === true,
      isBanned: given.isBanned === true,
      status: given.status ?? 'online',
      failsAs: 'configure_failed',
      modifiedMs: nowMs(),
      certificate: createRollOut<Bound | undefined>(
        { clock, ms: rollOutMs, initial: given.certificate && bind(given.certificate, 'accepted') },
        (succeeded) => {
          domain.status = succeeded ? 'online' : domain.failsAs;
        },
      ),
    };
    return domain;
  }

  const all = options.domains.map(create);

  return {
    all,
    find(name) {
      const found = all.find((one) => one.name === name);
      if (found === undefined) throw refuseCdn('CDN.0170');
      return found;
    },
    status(domain) {
      const isRolling = domain.certificate.before !== undefined;
      return isRolling && nowMs() - domain.modifiedMs >= behaviour.statusLagMs ? 'configuring' : domain.status;
    },
    shown({ certificate }) {
      const { before, value } = certificate;
      return before !== undefined && behaviour.configsDuringRollOut === 'old' ? before.value : value;
    },
    check(domain, certificate) {
      const isRolling = domain.certificate.before !== undefined;
      if (domain.isBanned) throw refuseCdn('CDN.0115');
      if (domain.isLocked) throw refuseCdn('CDN.0116');
      const failedBefore = domain.status === 'configure_failed' && behaviour.configureFailed === 'accepted';
      if (domain.status !== 'online' && !failedBefore) throw refuseCdn('CDN.0106');
      if (isRolling && behaviour.busy === 'refused') throw refuseCdn('CDN.0106');
      if (certificate !== undefined && !covers(certificate, domain.name)) throw refuseCdn('CDN.0406');
    },
    set(domain, certificate) {
      domain.modifiedMs = nowMs();
      if (domain.certificate.before !== undefined) domain.certificate.queue(certificate);
      else domain.certificate.begin(certificate);
    },
    serve(name) {
      const lower = name.toLowerCase();
      const wildcard = `*${lower.slice(lower.indexOf('.'))}`;
      const found = all.find((one) => one.name === lower) ?? all.find((one) => one.name === wildcard);
      return found === undefined || found.status === 'offline' ? undefined : found.certificate.serve();
    },
  };
}
