import type { Cas } from '../alibaba-gateway/cas.ts';
import type { CertificateFacts } from '../alibaba-gateway/pem.ts';
import { refuse } from './errors.ts';
import type { AlibabaCdnOptions, Behaviour, DomainStatus } from './options.ts';

/** A certificate as a domain has it: a copy, which stays when CAS forgets the certificate. */
export interface Bound extends CertificateFacts {
  readonly id: number;
  readonly region: string;
  readonly name: string;
  readonly type: 'cas' | 'upload';
  readonly pem: string;
  readonly key: string;
  readonly setMs: number;
}

interface RollOut {
  readonly old: Bound | undefined;
  readonly untilMs: number;
  /** The status in which it ends without effect. */
  readonly failsAs: DomainStatus | undefined;
}

export interface Domain {
  readonly id: number;
  readonly name: string;
  readonly product: 'cdn' | 'dcdn';
  readonly coverage: string;
  readonly functions: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly isProtected: boolean;
  status: DomainStatus;
  /** What is set; HTTPS is on exactly if there is one. */
  certificate: Bound | undefined;
  rollOut: RollOut | undefined;
  readonly queue: (Bound | undefined)[];
  modifiedMs: number;
  /** How often it was asked for a certificate during roll-outs. */
  turns: number;
}

export interface Domains {
  readonly all: readonly Domain[];
  /** The domain of a request. */
  find(product: Domain['product'], name: string): Domain;
  /** Sets a certificate, or switches HTTPS off. */
  set(domain: Domain, certificate: Bound | undefined): void;
  /** What an edge node serves to a client that asks for the name: during a roll-out, old and new by turns. */
  serve(name: string): Bound | undefined;
  /** The certificate that the description of a domain shows. */
  shown(domain: Domain): Bound | undefined;
  /** Lets the next roll-outs of the domain end in this status, without effect. */
  failRollOut(name: string, status: DomainStatus, times: number): void;
}

/** A domain's name as RAM and the console write it. */
export const starred = (name: string): string => name.replace(/^\./, '*.');

export function createDomains(options: AlibabaCdnOptions, behaviour: Behaviour, cas: Cas): Domains {
  const { clock, rollOutMs = 0 } = options;
  const failures = new Map<string, { readonly status: DomainStatus; left: number }>();

  const all = options.domains.map((given, index): Domain => {
    const { name, product = 'cdn', certificate: pem } = given;
    const held = [...cas.certificates.values()].find((one) => one.name === pem?.name);
    const certificate = pem && (held ?? cas.add('cn-hangzhou', pem));
    return {
      id: 11_223_344 + index,
      name,
      product,
      coverage: given.coverage ?? 'domestic',
      functions: given.functions ?? {},
      isProtected: given.isProtected === true,
      status: given.status ?? 'online',
      certificate: certificate && { ...certificate, type: 'cas', setMs: clock.now().getTime() },
      rollOut: undefined,
      queue: [],
      modifiedMs: clock.now().getTime(),
      turns: 0,
    };
  });

  function begin(domain: Domain, certificate: Bound | undefined, atMs: number): void {
    const failure = failures.get(domain.name);
    const fails = failure !== undefined && failure.left > 0;
    if (fails) failure.left -= 1;
    domain.rollOut = {
      old: domain.certificate,
      untilMs: atMs + rollOutMs,
      failsAs: fails ? failure.status : undefined,
    };
    domain.certificate = certificate;
    domain.modifiedMs = clock.now().getTime();
    if (behaviour.statusOfRollOut === 'configuring') domain.status = 'configuring';
  }

  /** Ends the roll-outs whose time has come. */
  function settle(domain: Domain): Domain {
    for (let { rollOut } = domain; rollOut && clock.monotonicMs() >= rollOut.untilMs; rollOut = domain.rollOut) {
      const { old, untilMs, failsAs } = rollOut;
      domain.rollOut = undefined;
      domain.status = failsAs ?? 'online';
      if (failsAs !== undefined) domain.certificate = old;
      if (domain.queue.length > 0) begin(domain, domain.queue.shift(), untilMs);
    }
    return domain;
  }

  function matching(name: string): Domain | undefined {
    const lower = name.toLowerCase();
    const candidates = all
      .filter(({ name: own }) => own === lower || (own.startsWith('.') && lower.endsWith(own)))
      .sort((a, b) => b.name.length - a.name.length);
    return candidates.find(({ name: own }) => own === lower) ?? candidates[0];
  }

  return {
    get all() {
      return all.map(settle);
    },
    find(product, name) {
      // A wildcard domain is known with a dot only; `*.example.com` is answered like any unknown name.
      const found = all.find((one) => one.product === product && one.name === name.toLowerCase());
      if (found === undefined) throw refuse('InvalidDomain.NotFound');
      return settle(found);
    },
    set(domain, certificate) {
      const { status, isProtected } = domain;
      if (isProtected) throw refuse('DomainInProtectedMode');
      if (status === 'offline') throw refuse('InvalidDomain.Offline');
      if (status === 'configure_failed' && behaviour.configureFailed === 'refused')
        throw refuse('InvalidDomain.Configure_failed');
      if (['checking', 'check_failed', 'stopping', 'deleting'].includes(status)) throw refuse('IllegalOperation');
      const isBusy = status === 'configuring' || domain.rollOut !== undefined;
      if (isBusy && (behaviour.busy === 'refused' || domain.rollOut === undefined)) throw refuse('ServiceBusy');
      if (isBusy) domain.queue.push(certificate);
      else begin(domain, certificate, clock.monotonicMs());
    },
    serve(name) {
      const domain = matching(name);
      if (domain === undefined || settle(domain).status === 'offline') return undefined;
      const { rollOut, certificate } = domain;
      if (rollOut === undefined) return certificate;
      domain.turns += 1;
      return domain.turns % 2 === 1 || rollOut.failsAs !== undefined ? rollOut.old : certificate;
    },
    shown: ({ rollOut, certificate }) =>
      rollOut !== undefined && behaviour.infoDuringRollOut === 'old' ? rollOut.old : certificate,
    failRollOut: (name, status, left) => void failures.set(name, { status, left }),
  };
}
