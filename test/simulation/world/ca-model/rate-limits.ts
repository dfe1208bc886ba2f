import { getDomain } from 'tldts';
import type { Identifier } from './state.ts';
import { setKey } from './state.ts';

/**
 * Boulder's rate limits, written from its package `ratelimits` and proven against it (test/real/ca-model.test.ts). They
 * judge what certfleet foretells, so they have nothing in common with the limits in `src/`.
 */

export type LimitName =
  | 'newOrdersPerAccount'
  | 'certificatesPerDomain'
  | 'certificatesPerSet'
  | 'failedAuthorizations'
  | 'pausingFailures';

/** `count` tokens come back in each period; a full bucket has `burst`. */
export interface Limit {
  readonly burst: number;
  readonly count: number;
  readonly periodMs: number;
}

export type Limits = Readonly<Partial<Record<LimitName, Limit>>>;

/** An exhausted bucket. */
export interface Exhausted {
  readonly limit: LimitName;
  readonly rate: Limit;
  /** What the bucket is of: a registered domain, a name, a set, or the account's number. */
  readonly of: string;
  /** When the next token comes, in ms from now. */
  readonly waitMs: number;
}

/** What the limits need to know of an order. */
export interface LimitedOrder {
  readonly accountId: number;
  readonly identifiers: readonly Identifier[];
  /** The same exact set was issued within 120 days. */
  readonly isRenewal: boolean;
}

interface Bucket {
  readonly limit: LimitName;
  readonly rate: Limit;
  readonly of: string;
}

/** Boulder counts in nanoseconds, which a number of milliseconds since 1970 does not hold. */
const toleranceMs = 0.001;

/** Boulder does not pause a name again for so long after its account was unpaused. */
const graceMs = 14 * 86_400_000;

export interface RateLimits {
  /** Asks for a new order, and takes the account's token unless a bucket is exhausted. Returns the one with the longest wait. */
  order(order: LimitedOrder): Exhausted | undefined;
  /** Gives the token back: the order was refused for another reason. */
  refund(order: LimitedOrder): void;
  /** Counts a certificate. */
  issued(order: LimitedOrder): void;
  /** Counts a failed validation. Reports whether it was one too many, which pauses the name. */
  failed(accountId: number, name: string): boolean;
  succeeded(accountId: number, name: string): void;
  /** Returns those of the names that are paused. */
  paused(accountId: number, names: readonly string[]): readonly string[];
  unpause(accountId: number): void;
  /** Counts certificates that others got. */
  issuedToOthers(identifiers: readonly Identifier[], certificates: number): void;
}

export function createRateLimits(nowMs: () => number, limits: () => Limits): RateLimits {
  /** When each bucket will be full. A bucket that is not here is full. */
  const fullAtMs = new Map<string, number>();
  /** Until when each name is paused (for ever), or when it was unpaused. */
  const pauses = new Map<string, { readonly unpausedAtMs: number | undefined }>();

  const keyOf = ({ limit, of }: Bucket): string => `${limit} ${of}`;
  const everyMs = ({ count, periodMs }: Limit): number => periodMs / count;

  /** How long until the bucket has a token. */
  function waitMs(bucket: Bucket): number {
    const now = nowMs();
    const missingMs = Math.max(0, (fullAtMs.get(keyOf(bucket)) ?? now) - now);
    const wait = missingMs - (bucket.rate.burst - 1) * everyMs(bucket.rate);
    return wait > toleranceMs ? wait : 0;
  }

  /** Takes a token. Reports false, and takes nothing, if there is none. */
  function take(bucket: Bucket): boolean {
    if (waitMs(bucket) > 0) return false;
    const now = nowMs();
    fullAtMs.set(keyOf(bucket), Math.max(now, fullAtMs.get(keyOf(bucket)) ?? now) + everyMs(bucket.rate));
    return true;
  }

  const bucketsOf = (limit: LimitName, owners: readonly string[]): readonly Bucket[] => {
    const rate = limits()[limit];
    return rate ? owners.map((of) => ({ limit, rate, of })) : [];
  };
  const ofAccount = ({ accountId }: LimitedOrder) => bucketsOf('newOrdersPerAccount', [String(accountId)]);
  const ofDomains = (identifiers: readonly Identifier[]) =>
    bucketsOf('certificatesPerDomain', [...new Set(identifiers.map(registeredDomain))].sort());
  const ofSet = (identifiers: readonly Identifier[]) => bucketsOf('certificatesPerSet', [setKey(identifiers)]);
  const ofNames = (limit: LimitName, accountId: number, names: readonly string[]) =>
    bucketsOf(
      limit,
      names.map((name) => `${accountId} ${name}`),
    );

  return {
    order(order) {
      const { accountId, identifiers, isRenewal } = order;
      const account = isRenewal ? [] : ofAccount(order);
      const asked = [
        ...account,
        ...ofNames(
          'failedAuthorizations',
          accountId,
          identifiers.map(({ value }) => value),
        ),
        ...(isRenewal ? [] : ofDomains(identifiers)),
        ...ofSet(identifiers),
      ];
      let worst: Exhausted | undefined;
      for (const bucket of asked) {
        const wait = waitMs(bucket);
        // Of equal ones, Boulder names the last.
        if (wait > 0 && wait >= (worst?.waitMs ?? 0)) worst = { ...bucket, waitMs: wait };
      }
      if (!worst) for (const bucket of account) take(bucket);
      return worst;
    },
    refund(order) {
      if (order.isRenewal) return;
      for (const bucket of ofAccount(order)) {
        const full = fullAtMs.get(keyOf(bucket));
        if (full !== undefined) fullAtMs.set(keyOf(bucket), full - everyMs(bucket.rate));
      }
    },
    issued({ identifiers, isRenewal }) {
      for (const bucket of [...(isRenewal ? [] : ofDomains(identifiers)), ...ofSet(identifiers)]) take(bucket);
    },
    failed(accountId, name) {
      for (const bucket of ofNames('failedAuthorizations', accountId, [name])) take(bucket);
      const isTooMany = ofNames('pausingFailures', accountId, [name]).some((bucket) => !take(bucket));
      const key = `${accountId} ${name}`;
      const unpausedAtMs = pauses.get(key)?.unpausedAtMs;
      const isInGrace = unpausedAtMs !== undefined && nowMs() - unpausedAtMs < graceMs;
      if (isTooMany && !isInGrace) pauses.set(key, { unpausedAtMs: undefined });
      return isTooMany;
    },
    succeeded(accountId, name) {
      for (const bucket of ofNames('pausingFailures', accountId, [name])) fullAtMs.delete(keyOf(bucket));
    },
    paused(accountId, names) {
      if (pauses.size === 0) return [];
      return names.filter((name) => {
        const pause = pauses.get(`${accountId} ${name}`);
        return pause !== undefined && pause.unpausedAtMs === undefined;
      });
    },
    unpause(accountId) {
      for (const [key, { unpausedAtMs }] of pauses)
        if (unpausedAtMs === undefined && key.startsWith(`${accountId} `)) pauses.set(key, { unpausedAtMs: nowMs() });
    },
    issuedToOthers(identifiers, certificates) {
      for (let n = 0; n < certificates; n++) this.issued({ accountId: 0, identifiers, isRenewal: false });
    },
  };
}

const domains = new Map<string, string>();

/** Returns what a certificate for this identifier counts for: a registered domain, or an address block. */
export function registeredDomain({ type, value }: Identifier): string {
  if (type === 'ip') return value.includes(':') ? `${firstHalf(value)}/64` : `${value}/32`;
  const known = domains.get(value);
  if (known !== undefined) return known;
  const base = value.startsWith('*.') ? value.slice(2) : value;
  // A public suffix counts for itself, and a wildcard directly below one is such a domain, too.
  const domain = getDomain(base, { allowPrivateDomains: true }) ?? value;
  if (domains.size > 50_000) domains.clear();
  domains.set(value, domain);
  return domain;
}

/** The first 64 bits of an IPv6 address, in the text form of RFC 5952. */
function firstHalf(address: string): string {
  const [head = '', tail] = address.split('::');
  const parts = (text: string) => (text === '' ? [] : text.split(':'));
  const missing = tail === undefined ? 0 : 8 - parts(head).length - parts(tail).length;
  const all = [...parts(head), ...Array.from({ length: missing }, () => '0'), ...parts(tail ?? '')];
  return new URL(`http://[${all.slice(0, 4).join(':')}::]/`).hostname.slice(1, -1);
}
