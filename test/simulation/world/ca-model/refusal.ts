import { type CertfleetError, fail } from '../../../../src/core/errors/errors.ts';
import type { Problem } from '../../../../src/ports/issuer.ts';
import type { Exhausted, LimitName } from './rate-limits.ts';
import type { Outage } from './settings.ts';
import type { Identifier } from './state.ts';

/** What the CA answers in place of what was asked for, wherever in it this is thrown. */
export class Refusal extends Error {
  readonly status: number;
  /** Undefined for the page of a load balancer. */
  readonly problem: Problem | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** The bucket that was exhausted. */
  readonly exhausted: Exhausted | undefined;

  constructor(
    status: number,
    problem: Problem | undefined,
    more: { readonly retryAfterSeconds?: number | undefined; readonly exhausted?: Exhausted } = {},
  ) {
    super(problem?.detail ?? `HTTP ${status}`);
    this.status = status;
    this.problem = problem;
    this.retryAfterSeconds = more.retryAfterSeconds;
    this.exhausted = more.exhausted;
  }
}

const namespace = 'urn:ietf:params:acme:error:';

export const problemOf = (status: number, type: string, detail: string): Problem => ({
  type: `${namespace}${type}`,
  detail,
  status,
  subproblems: [],
});

export const refuse = (status: number, type: string, detail: string): Refusal =>
  new Refusal(status, problemOf(status, type, detail));

export const shortTypeOf = ({ type }: Problem): string => type.replace(namespace, '');

/** A load balancer's page, or Boulder's own problem. */
export const outageOf = ({ status, detail, retryAfterSeconds }: Outage): Refusal =>
  new Refusal(status, detail === undefined ? undefined : problemOf(status, 'serverInternal', detail), {
    retryAfterSeconds,
  });

/** RFC 8555 §6.7: the name is excluded by policy. */
export const rejected = ({ value }: Identifier): Refusal =>
  refuse(
    400,
    'rejectedIdentifier',
    `Error creating new order :: Cannot issue for "${value}": The ACME server refuses to issue a certificate for this domain name, because it is forbidden by policy`,
  );

const texts: Readonly<Record<LimitName, readonly [text: string, anchor: string]>> = {
  newOrdersPerAccount: ['too many new orders (BURST) from this account in the last PERIOD', 'new-orders-per-account'],
  certificatesPerDomain: [
    'too many certificates (BURST) already issued for "OF" in the last PERIOD',
    'new-certificates-per-registered-domain',
  ],
  certificatesPerSet: [
    'too many certificates (BURST) already issued for this exact set of identifiers in the last PERIOD',
    'new-certificates-per-exact-set-of-identifiers',
  ],
  failedAuthorizations: [
    'too many failed authorizations (BURST) for "OF" in the last PERIOD',
    'authorization-failures-per-identifier-per-account',
  ],
  // Not a text of Boulder, which pauses the name.
  pausingFailures: ['too many consecutive failures (BURST) for "OF"', ''],
};

/** The name in a bucket, as Boulder cuts it out of the bucket's key: after the last colon, also one of an address. */
const nameIn = (of: string): string => of.slice(Math.max(of.lastIndexOf(' '), of.lastIndexOf(':')) + 1);

/** 429, with up to 3 % of chance on top of the wait, in whole seconds: 0 are no Retry-After at all. */
export function limited(exhausted: Exhausted, now: { readonly ms: number; readonly chance: number }): Refusal {
  const { limit, rate, of, waitMs } = exhausted;
  const retryMs = waitMs * (1 + 0.03 * now.chance);
  const [text, anchor] = texts[limit];
  const reason = text
    .replace('BURST', String(rate.burst))
    .replace('OF', nameIn(of))
    .replace('PERIOD', goDuration(rate.periodMs));
  const until = new Date(now.ms + retryMs).toISOString().replace('T', ' ').slice(0, 19);
  const detail = `${reason}, retry after ${until} UTC: see https://letsencrypt.org/docs/rate-limits/#${anchor}`;
  const problem = { ...problemOf(429, 'rateLimited', detail), limit, ...limitOf(exhausted) };
  const seconds = Math.round(retryMs / 1000);
  return new Refusal(429, problem, { retryAfterSeconds: seconds > 0 ? seconds : undefined, exhausted });
}

/** The name that the client reads from the detail. */
const limitOf = ({ limit, of }: Exhausted): { readonly limitOf?: string } => {
  const isNamed = limit === 'certificatesPerDomain' || limit === 'failedAuthorizations';
  return isNamed && !nameIn(of).startsWith('/') ? { limitOf: nameIn(of) } : {};
};

/** Writes a duration as Go does: 168h0m0s. */
function goDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds}s`;
  const minutes = `${Math.floor(seconds / 60) % 60}m${seconds % 60}s`;
  return seconds < 3600 ? minutes : `${Math.floor(seconds / 3600)}h${minutes}`;
}

/** 429 without Retry-After: a person must unpause the account. */
export function pausedFor(names: readonly string[], origin: string): Refusal {
  const detail = `Your account is temporarily prevented from requesting certificates for ${names.join(', ')} and possibly others. Please visit: ${origin}/sfe/v1/unpause?jwt=simulated`;
  const [name = '', ...others] = names;
  const limit = { limit: 'pausingFailures' as const, ...(others.length > 0 ? {} : { limitOf: name }) };
  return new Refusal(429, { ...problemOf(429, 'rateLimited', detail), ...limit });
}

/** Returns the error that the client makes of a refusal. `clockMs` is the client's clock. */
export function failureOf(
  refusal: Refusal,
  { issuer, what, clockMs }: { readonly issuer: string; readonly what: string; readonly clockMs: number },
): CertfleetError {
  const { status, problem, retryAfterSeconds, exhausted } = refusal;
  const detail = problem ? `${problem.detail} (${shortTypeOf(problem)})` : `HTTP ${status}`;
  const at = retryAfterSeconds === undefined ? {} : { retryAt: new Date(clockMs + retryAfterSeconds * 1000) };
  const kept = problem === undefined ? {} : { problem };
  if (status === 429) {
    if (exhausted === undefined) return fail('acme/paused', { issuer, detail }, kept);
    // Without Retry-After, the token is less than half a second away.
    return fail('acme/rate-limited', { issuer, what, detail }, { retryAt: new Date(clockMs + 1_000), ...kept, ...at });
  }
  if (problem === undefined || status >= 500) {
    const words = problem ? `${status} (${detail})` : detail;
    return fail('acme/busy', { issuer, status: words, what }, { ...kept, ...at });
  }
  return fail('acme/problem', { issuer, what, detail, advice: 'See the message of the CA.' }, { ...kept, ...at });
}
