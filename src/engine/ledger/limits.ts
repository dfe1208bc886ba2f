import { isFailure } from '../../core/errors/errors.ts';
import { look, type Rate, refilledUntil, refunded, spent } from '../../core/limits/gcra.ts';
import {
  type Bucket,
  bucketsAsked,
  bucketsNeeded,
  bucketsOfFailure,
  bucketsOfPauses,
  bucketsSpent,
  type OrderFacts,
  type Refusal,
  refusal,
  sinceIssue,
} from '../../core/limits/order-buckets.ts';
import { limitsOf, type RateLimit } from '../../core/limits/rate-limits.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { renewMs } from '../../core/lineage/renewal.ts';
import { type Identifier, identifierSet } from '../../core/names/identifier.ts';
import { orderFacts, versionsFor } from '../../core/plan/order-facts.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import type { IssuerSettings, StoredSpec } from '../../core/spec/spec.ts';
import { type Engine, report } from '../engine.ts';
import { createGathering, type Gathering } from '../memory/gathering.ts';
import { accountUrl } from './account.ts';
import { changeDocument, latestMs, placeOf, possible, readArrivals, readTime } from './buckets.ts';

// What our own orders have left of a CA's rate limits. All times are the CA's.

/** An order at a CA whose limits are known. */
export interface LimitedOrder {
  readonly directory: string;
  /** The key of its account, which may not be open yet. */
  readonly account: string;
  readonly limits: readonly RateLimit[];
  readonly facts: OrderFacts;
  /** When the current certificate for exactly these names was issued: a renewal at its time is not written down. */
  readonly issuedAtMs: number | undefined;
}

const limitsBySettings = new WeakMap<IssuerSettings, readonly RateLimit[]>();

/** Returns the limits of an issuer. A pass asks for them several times for each certificate. */
export function limitsOfIssuer(settings: IssuerSettings): readonly RateLimit[] {
  const limits = limitsBySettings.get(settings) ?? limitsOf(settings.directory, settings.limits);
  limitsBySettings.set(settings, limits);
  return limits;
}

/** Returns a map key that issuers share if they are one CA with the same limits. */
export const limitsKey = ({ directory, limits }: IssuerSettings): string => JSON.stringify([directory, limits]);

/** Returns the time of the CA's clock, as far as it is known. */
export const caTimeMs = ({ clock, memory }: Pick<Engine, 'clock' | 'memory'>, directory: string): number =>
  clock.now().getTime() - (memory.skews.get(directory) ?? 0);

const dayMs = 86_400_000;

/**
 * Returns an order as its CA counts it, or undefined if nothing is known of the CA's limits.
 *
 * @param given.identifiers the names to order, if those of the spec that were refused are left out
 * @param given.replaces whether the order names its predecessor (RFC 9773 §5); by default, whether it will
 */
export async function limitedOrder(
  engine: Engine,
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  given: { readonly account: string; readonly identifiers?: readonly Identifier[]; readonly replaces?: boolean },
): Promise<LimitedOrder | undefined> {
  const { directory } = wanted.issuer.settings;
  const limits = limitsOfIssuer(wanted.issuer.settings);
  if (limits.length === 0) return undefined;
  const account = accountKey(accountOf(wanted.issuer.settings));
  const { identifiers = wanted.identifiers } = given;
  const [newest] = lineage ? versionsFor(lineage, directory, identifiers) : [];
  const registeredDomain = await engine.loadRegisteredDomain();
  return {
    directory,
    account,
    limits,
    issuedAtMs: newest && Date.parse(newest.issuedAt),
    facts: orderFacts(wanted, lineage, {
      ...given,
      atMs: caTimeMs(engine, directory),
      registeredDomain,
    }),
  };
}

/**
 * Returns the URL of an issuer's account, or an empty text if it is not open yet. It is read once in a pass, unless it
 * may be opened meanwhile.
 */
export async function accountOfPass(engine: Engine, settings: IssuerSettings, signal: AbortSignal): Promise<string> {
  const { accounts } = engine.pass.limits;
  const key = accountKey(accountOf(settings));
  const url = accounts.get(key) ?? (await accountUrl(engine, settings, signal));
  if (url) accounts.set(key, url);
  return url;
}

/** Returns a time of the CA's clock as this machine's clock will show it. */
export const ownTime = (
  { memory }: Pick<Engine, 'memory'>,
  { directory }: Pick<IssuerSettings, 'directory'>,
  atMs: number,
): Date => new Date(atMs + (memory.skews.get(directory) ?? 0));

/** Reads how many tokens the orders have left. Afterwards, {@link refusalOf} knows. */
export async function readLimits(engine: Engine, orders: readonly LimitedOrder[], signal: AbortSignal): Promise<void> {
  for (const directory of new Set(orders.map((one) => one.directory))) {
    const places = orders
      .filter((one) => one.directory === directory)
      .flatMap((order) => needed(order).map((bucket) => placeIn(engine, order, bucket)));
    const arrivals = engine.pass.limits.arrivalsAt(directory);
    for (const [key, arrivalMs] of await readArrivals(engine, places, signal)) arrivals.set(key, arrivalMs);
  }
}

const placeIn = (engine: Engine, { directory, facts }: LimitedOrder, bucket: Bucket) =>
  placeOf(engine, directory, bucket, facts.registeredDomain);

const needed = ({ facts, limits }: LimitedOrder): readonly Bucket[] => bucketsNeeded(facts, limits);

/** Returns the bucket that would refuse an order, as far as this pass knows, and until when. */
export function refusalOf(engine: Engine, order: LimitedOrder): Refusal | undefined {
  const { directory } = order;
  const arrivals = engine.pass.limits.arrivalsAt(directory);
  const buckets = needed(order);
  const known = new Map<string, number>();
  for (const bucket of buckets) {
    const arrivalMs = sinceIssue(bucket, arrivals.get(bucket.key), order.issuedAtMs);
    if (arrivalMs !== undefined) known.set(bucket.key, arrivalMs);
  }
  return refusal(buckets, known, caTimeMs(engine, directory));
}

/**
 * Writes down the time that was read in place of one that only a wrong clock can have written. Otherwise, the latest
 * possible time would never come nearer.
 */
export async function settleTime(
  engine: Engine,
  order: LimitedOrder,
  bucket: Bucket,
  signal: AbortSignal,
): Promise<void> {
  const { directory } = order;
  const arrivalMs = engine.pass.limits.arrivalsAt(directory).get(bucket.key);
  if (arrivalMs === undefined || arrivalMs < latestMs(bucket, engine.clock.now().getTime())) return;
  await change(engine, order, [bucket], () => arrivalMs, signal);
}

/**
 * The CA takes a token a little later than we write it down, and its Date, from which we know its clock, is cut to whole
 * seconds.
 */
const countedLaterMs = 2_000;

/** Returns the arrival time after one token is spent, never earlier than the CA's own. */
const spentBy = (beforeMs: number | undefined, rate: Rate, nowMs: number): number =>
  spent(beforeMs, rate, nowMs + Math.min(countedLaterMs, rate.intervalMs));

/**
 * Spends what an order costs, durably, right before the order is sent. Returns the bucket that would refuse it, if there
 * is one; then it is not to be sent, and nothing was spent.
 */
export async function spend(
  engine: Engine,
  order: LimitedOrder,
  name: string,
  signal: AbortSignal,
): Promise<Refusal | undefined> {
  const { directory, facts, limits } = order;
  await readLimits(engine, [order], signal);
  const refused = refusalOf(engine, order);
  if (refused) return refused;
  const [bucket] = bucketsSpent(facts, limits, 'order');
  if (!bucket) return undefined;
  const { document, hash } = placeIn(engine, order, bucket);
  const arrivals = engine.pass.limits.arrivalsAt(directory);
  const change = (stored: Map<string, number>): Refusal | undefined => {
    const nowMs = caTimeMs(engine, directory);
    const before = possible(bucket, stored.get(hash), nowMs);
    const { nextAtMs } = look(before, bucket.limit, nowMs);
    const arrivalMs = nextAtMs > nowMs ? before : spentBy(before, bucket.limit, nowMs);
    if (arrivalMs !== undefined) {
      stored.set(hash, arrivalMs);
      arrivals.set(bucket.key, arrivalMs);
    }
    return nextAtMs > nowMs ? { by: bucket, untilMs: nextAtMs } : undefined;
  };
  const spending = changeDocument(engine, document, change, signal, gatheringOf(engine, order));
  engine.pass.limits.gone(name);
  return spending;
}

/** Records that an order will soon be spent for, so that those before it wait a moment to share its write. */
export function expectSpend(engine: Engine, order: LimitedOrder, name: string): void {
  if (bucketsSpent(order.facts, order.limits, 'order').length === 0) return;
  const gathering = gatheringOf(engine, order);
  gathering.expect(name);
  engine.pass.limits.expected.set(name, gathering);
}

function gatheringOf({ memory, clock }: Engine, { account }: LimitedOrder): Gathering {
  const gathering = memory.gatherings.get(account) ?? createGathering(clock);
  memory.gatherings.set(account, gathering);
  return gathering;
}

/** Returns the keys of the buckets that must have a token, unique over all CAs. */
export const bucketKeys = (order: LimitedOrder): readonly string[] => needed(order).map(({ key }) => keyAt(order, key));

const keyAt = ({ directory }: LimitedOrder, key: string): string => `${directory} ${key}`;

/** Gives back what was spent for an order that the CA refused: that costs nothing. */
export const refund = (engine: Engine, order: LimitedOrder, signal: AbortSignal): Promise<void> =>
  change(engine, order, bucketsSpent(order.facts, order.limits, 'order'), refunded, signal);

/**
 * Sets the bucket that a refusal names: it is used up until the CA's Retry-After. Returns its key, or undefined if the
 * refusal names none.
 */
export async function correct(
  engine: Engine,
  order: LimitedOrder,
  error: unknown,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (!isFailure(error, 'acme/rate-limited', 'acme/paused')) return undefined;
  const named = bucketNamed(order, error.problem);
  if (!named) return undefined;
  const waitMs = error.retryAt ? error.retryAt.getTime() - engine.clock.now().getTime() : named.limit.intervalMs;
  const untilMs = caTimeMs(engine, order.directory) + waitMs;
  await change(engine, order, [named], (_before, limit) => refilledUntil(limit, untilMs), signal);
  return keyAt(order, named.key);
}

/** Returns the bucket that a refusal names (`limit` and `limitOf` of its problem). */
function bucketNamed({ facts, limits }: LimitedOrder, problem: unknown): Bucket | undefined {
  const { limit, limitOf } = (problem ?? {}) as { readonly limit?: string; readonly limitOf?: string };
  const all = { ...facts, isRenewal: false, isExempt: false };
  const named = [...bucketsAsked(all, limits), ...bucketsOfPauses(facts, limits)].filter(
    (one) => one.limit.id === limit,
  );
  return named.find(({ of }) => of === limitOf) ?? (named.length === 1 ? named[0] : undefined);
}

/**
 * Spends what the CA takes when it issues. A normal renewal costs no write: its set is full again long before, unless
 * other certificates have the same names.
 */
export async function noteIssued(engine: Engine, order: LimitedOrder, signal: AbortSignal): Promise<void> {
  const { facts, limits, issuedAtMs } = order;
  const nowMs = caTimeMs(engine, order.directory);
  const taken = bucketsSpent(facts, limits, 'issued').filter(
    ({ limit, of }) =>
      limit.scope !== 'set' ||
      issuedAtMs === undefined ||
      nowMs - issuedAtMs < limit.periodMs ||
      sharedSets(engine).has(of),
  );
  // A success ends what leads to a pause.
  const arrivals = engine.pass.limits.arrivalsAt(order.directory);
  const ended = bucketsOfPauses(facts, limits).filter(({ key }) => arrivals.has(key));
  const next = (before: number | undefined, limit: RateLimit, at: number, bucket: Bucket) =>
    ended.includes(bucket) ? at : spentBy(sinceIssue(bucket, before, issuedAtMs), limit, at);
  await change(engine, order, [...ended, ...taken], next, signal);
}

/** Returns the sets of names that several declared certificates have. */
function sharedSets({ declared, pass: { limits } }: Engine): ReadonlySet<string> {
  if (limits.sharedSets) return limits.sharedSets;
  const seen = new Set<string>();
  const shared = new Set<string>();
  for (const { identifiers } of declared()) {
    const set = identifierSet(identifiers);
    (seen.has(set) ? shared : seen).add(set);
  }
  limits.sharedSets = shared;
  return shared;
}

/** Spends what the failed validation of a name, as it was ordered, costs. */
export async function noteFailed(
  engine: Engine,
  order: LimitedOrder,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { facts, limits } = order;
  const buckets = bucketsOfFailure(facts.account, name, limits);
  await change(engine, order, buckets, spentBy, signal);
}

/** Changes buckets, those of a document in one write. The CA would repeat what cannot be written. */
async function change(
  engine: Engine,
  order: LimitedOrder,
  buckets: readonly Bucket[],
  next: (beforeMs: number | undefined, limit: RateLimit, nowMs: number, bucket: Bucket) => number,
  signal: AbortSignal,
): Promise<void> {
  const { directory } = order;
  const arrivals = engine.pass.limits.arrivalsAt(directory);
  const places = buckets.map((bucket) => placeIn(engine, order, bucket));
  const write = (document: string) =>
    changeDocument(
      engine,
      document,
      (stored) => {
        const nowMs = caTimeMs(engine, directory);
        for (const { bucket, hash } of places.filter((one) => one.document === document)) {
          const arrivalMs = next(possible(bucket, stored.get(hash), nowMs), bucket.limit, nowMs, bucket);
          stored.set(hash, arrivalMs);
          arrivals.set(bucket.key, arrivalMs);
        }
      },
      signal,
    );
  const results = await Promise.allSettled([...new Set(places.map(({ document }) => document))].map(write));
  signal.throwIfAborted();
  const failed = results.find((one) => one.status === 'rejected');
  if (failed) {
    const message = `what the order has used up of the CA’s rate limits could not be stored: ${failed.reason}`;
    report(engine, { level: 'warn', event: 'log', message });
  }
}

/** A certificate, as far as it matters for whether it is ordered although a limit forbids it. */
export interface Overdue {
  readonly name: string;
  readonly lineage: Lineage | undefined;
  readonly now: Date;
}

/**
 * Reports whether a certificate is ordered although a limit forbids it: once a day past its renewal time, because what
 * we believe must not let a certificate expire.
 */
export async function mayOverrule(
  engine: Engine,
  order: LimitedOrder,
  { name, lineage, now }: Overdue,
  signal: AbortSignal,
): Promise<boolean> {
  if (!lineage?.current || (renewMs(lineage) ?? Number.POSITIVE_INFINITY) > now.getTime()) return false;
  const { document, hash } = overrulings(engine, order, name);
  const untilMs = await readTime(engine, { document, hash }, signal);
  return untilMs === undefined || untilMs <= now.getTime() || untilMs > now.getTime() + dayMs;
}

/** Writes down that a certificate is ordered although a limit forbids it. */
export async function noteOverruled(
  engine: Engine,
  order: LimitedOrder,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const { document, hash } = overrulings(engine, order, name);
  const until = engine.clock.now().getTime() + dayMs;
  await changeDocument(engine, document, (times) => times.set(hash, until), signal);
}

const overrulings = ({ connect }: Engine, { directory }: LimitedOrder, name: string) => ({
  document: `${directory}~overruled`,
  hash: connect.digest(name).slice(0, 16),
});

/** Forgets what is known of a bucket that forbade an order, because the CA has accepted it, and spends for the order. */
export async function forget(engine: Engine, order: LimitedOrder, bucket: Bucket, signal: AbortSignal): Promise<void> {
  await change(engine, order, [bucket], (_before, _limit, nowMs) => nowMs, signal);
  await change(engine, order, bucketsSpent(order.facts, order.limits, 'order'), spentBy, signal);
}
