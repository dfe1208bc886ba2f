import { type Identifier, identifierKey, identifierSet } from '../names/identifier.ts';
import { look, spent } from './gcra.ts';
import type { RateLimit } from './rate-limits.ts';

/**
 * Which buckets an order asks for and spends from. All of this was asked of Boulder's own code; test/real/rate-limits
 * asks again.
 */

/** What a CA counts an order by. */
export interface OrderFacts {
  /** The account's URL, or another text that names only this account if it is not open yet. */
  readonly account: string;
  readonly identifiers: readonly Identifier[];
  /** A certificate for exactly these identifiers, of any account, was issued in the last 120 days. */
  readonly isRenewal: boolean;
  /** The CA accepts `replaces`, and its suggested window is open: from its start, until before its end. */
  readonly isExempt: boolean;
  registeredDomain(value: string): string;
}

export interface Bucket {
  readonly limit: RateLimit;
  /** The account's URL, `example.com`, `a.example.com b.example.com`, or `a.example.com`, depending on the limit. */
  readonly of: string;
  /** The same for the same bucket, and different for any other of the CA. */
  readonly key: string;
}

const bucket = (limit: RateLimit, of: string, account = ''): Bucket => ({
  limit,
  of,
  key: [limit.id, account, of].filter(Boolean).join(' '),
});

/**
 * The buckets that must have a token at newOrder. An order with `replaces` needs none inside the CA's window, and is
 * like any other outside it. A renewal without it needs the exact set and all names without failures, but neither the
 * account nor the domain.
 *
 * `*.example.com` and `example.com` fail separately, also below one base name. Two names of one registered domain need
 * one token.
 *
 * The limits are in Boulder's order: of several refusals with the same wait it names the last.
 */
export function bucketsAsked(order: OrderFacts, limits: readonly RateLimit[]): readonly Bucket[] {
  if (order.isExempt) return [];
  const isAsked = ({ id, scope }: RateLimit) =>
    id !== 'pausingFailures' && (scope === 'set' || scope === 'name' || !order.isRenewal);
  return limits.filter(isAsked).flatMap((limit) => bucketsOf(order, limit));
}

/**
 * The buckets that must have a token before we order. Once the failures of a name have used up those that lead to a
 * pause, the CA refuses the name until a person ends the pause, and is asked once a day, when a token comes back.
 */
export const bucketsNeeded = (order: OrderFacts, limits: readonly RateLimit[]): readonly Bucket[] =>
  order.isExempt ? [] : [...bucketsAsked(order, limits), ...bucketsOfPauses(order, limits)];

/** The buckets of an order's names that lead to a pause. */
export const bucketsOfPauses = (order: OrderFacts, limits: readonly RateLimit[]): readonly Bucket[] =>
  limits.filter(({ id }) => id === 'pausingFailures').flatMap((limit) => bucketsOf(order, limit));

/**
 * The buckets that lose a token. Nothing is reserved: the CA asks for the domain and the set at newOrder, but takes
 * their tokens only when it issues, and then from a renewal's and an exempt order's set, too. Every newOrder costs one
 * of the account's, also if the CA answers with an order that is already open.
 */
export function bucketsSpent(
  order: OrderFacts,
  limits: readonly RateLimit[],
  when: 'order' | 'issued',
): readonly Bucket[] {
  const isFree = order.isRenewal || order.isExempt;
  return limits
    .filter(({ spentAt, scope }) => spentAt === when && (scope === 'set' || !isFree))
    .flatMap((limit) => bucketsOf(order, limit));
}

/** The buckets that lose a token at each failed validation of an identifier, as ordered (with `*.` of a wildcard). */
export const bucketsOfFailure = (account: string, name: string, limits: readonly RateLimit[]): readonly Bucket[] =>
  limits.filter(({ scope }) => scope === 'name').map((limit) => bucket(limit, name, account));

function bucketsOf(order: OrderFacts, limit: RateLimit): readonly Bucket[] {
  switch (limit.scope) {
    case 'account':
      return [bucket(limit, order.account)];
    case 'domain': {
      const domains = new Set(order.identifiers.map(({ value }) => order.registeredDomain(value)));
      return [...domains].sort().map((domain) => bucket(limit, domain));
    }
    case 'set':
      return [bucket(limit, identifierSet(order.identifiers))];
    case 'name':
      return namesOf(order).map((name) => bucket(limit, name, order.account));
  }
}

/** Boulder sorts the identifiers of an order: names, then addresses. */
const namesOf = ({ identifiers }: OrderFacts): readonly string[] =>
  (['dns', 'ip'] as const).flatMap((type) =>
    identifiers
      .filter((one) => one.type === type)
      .map(identifierKey)
      .sort(),
  );

/**
 * Returns the arrival time of a bucket after the last issue for its set, which is not written down if it was a normal
 * renewal: then the stored time is not later than the issue. Other buckets have the stored time.
 */
export const sinceIssue = (
  { limit }: Bucket,
  storedMs: number | undefined,
  issuedAtMs: number | undefined,
): number | undefined =>
  limit.scope === 'set' && issuedAtMs !== undefined && (storedMs ?? issuedAtMs) <= issuedAtMs
    ? spent(undefined, limit, issuedAtMs)
    : storedMs;

export interface Refusal {
  readonly by: Bucket;
  readonly untilMs: number;
}

/**
 * Returns the bucket that refuses an order, and until when; undefined if all have a token. Of several, the CA names the
 * one that refuses longest.
 *
 * @param arrivals by {@link Bucket.key}
 */
export function refusal(
  asked: readonly Bucket[],
  arrivals: ReadonlyMap<string, number>,
  nowMs: number,
): Refusal | undefined {
  let longest: Refusal | undefined;
  for (const by of asked) {
    const { nextAtMs } = look(arrivals.get(by.key), by.limit, nowMs);
    if (nextAtMs > nowMs && nextAtMs >= (longest?.untilMs ?? 0)) longest = { by, untilMs: nextAtMs };
  }
  return longest;
}
