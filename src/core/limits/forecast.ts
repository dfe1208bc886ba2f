import type { Identifier } from '../names/identifier.ts';
import { look, spent } from './gcra.ts';
import { createHeap, type Heap } from './heap.ts';
import { type Bucket, bucketsNeeded, bucketsSpent, type OrderFacts, refusal } from './order-buckets.ts';
import type { RateLimit } from './rate-limits.ts';

/** An order to be made as soon as its tokens are there. */
export interface Waiting<T> {
  readonly what: T;
  /** The certificate's name, which decides between equals. */
  readonly name: string;
  readonly order: OrderFacts;
  /** When the current certificate expires. Undefined for a first issue. */
  readonly expiresAtMs?: number | undefined;
  /** The last try failed. */
  readonly hasFailed?: boolean | undefined;
  /** It is not to be made before. Defaults to now. */
  readonly fromMs?: number | undefined;
  /** The CA has its order already, so it asks for no token. It costs only what is used up when it is issued. */
  readonly isOrdered?: boolean | undefined;
}

/** A certificate of the configuration. */
export interface Declared {
  readonly name: string;
  readonly identifiers: readonly Identifier[];
}

/** What a forecast begins with. */
export interface Beginning {
  /** The arrival times of the buckets, by `Bucket.key`. */
  readonly arrivals: ReadonlyMap<string, number>;
  readonly limits: readonly RateLimit[];
  readonly nowMs: number;
  /** All certificates of the configuration, also those that need no order: they decide whose turn it is. */
  readonly declared: readonly Declared[];
}

export interface Forecast<T> {
  readonly what: T;
  /** When all of its tokens are there. */
  readonly atMs: number;
  /** The bucket that it waits for. Undefined if no limit delays it. */
  readonly by?: Bucket | undefined;
}

/** Orders that need the same tokens of an account and of domains, so only the first of them can be next. */
interface Group<T> {
  readonly shared: readonly Bucket[];
  readonly entries: Heap<Entry<T>>;
  /** Where the first entry waits for a token. */
  queue?: Queue<T> | undefined;
  /** The last bucket for which one waited. */
  by?: Bucket | undefined;
}

interface Entry<T> {
  readonly waiting: Waiting<T>;
  readonly rank: number;
  readonly group: Group<T>;
  /** The buckets of its set and its names. */
  readonly own: readonly Bucket[];
  /** When it joined its group, and the bucket for which it waited until then. */
  sinceMs: number;
  by?: Bucket | undefined;
}

/** The first entries of the groups that wait for a bucket. */
interface Queue<T> {
  readonly bucket: Bucket;
  readonly entries: Heap<Entry<T>>;
  /** An event or a candidate will look at it. */
  isExpected: boolean;
}

const byRank = ({ rank }: { readonly rank: number }) => rank;

/**
 * Returns when each order gets its tokens, in the order of these times. It assumes that a certificate is issued as soon
 * as it is ordered.
 *
 * Tokens go by rank (see `ranked`), but none stays free while an order can use it: an order that waits for one bucket
 * holds no token of another. So a domain's limit delays no other domain, and an account's no other account.
 *
 * It goes from event to event: a token comes, or an order becomes due. Of all orders with the same account and domains
 * it looks only at the first, so 10,000 orders take a fraction of a second.
 *
 * A forecast comes true: one that is made later, of those that still wait, says the same.
 */
export function forecast<T>(
  waiting: readonly Waiting<T>[],
  { arrivals, limits, nowMs, declared }: Beginning,
): readonly Forecast<T>[] {
  const levels = new Map(arrivals);
  const answers: Forecast<T>[] = [];
  const events = createHeap<{ readonly atMs: number; happen(): void }>(({ atMs }) => atMs);
  /** Who may get a token at this instant. */
  const candidates = createHeap<{ readonly rank: number; consider(): void }>(byRank);
  const queues = new Map<string, Queue<T>>();
  let atMs = nowMs;

  function join(entry: Entry<T>): void {
    const { group } = entry;
    entry.sinceMs = atMs;
    group.entries.push(entry);
    if (group.entries.first() === entry) offer(group);
  }

  function offer(group: Group<T>): void {
    const entry = group.entries.first();
    group.queue = undefined;
    if (entry) candidates.push({ rank: entry.rank, consider: () => isFirst(entry, undefined) && consider(entry) });
  }

  /** Reports whether an entry is still the first of its group, and waits there. */
  const isFirst = ({ group, rank }: Entry<T>, queue: Queue<T> | undefined): boolean =>
    group.queue === queue && group.entries.first()?.rank === rank;

  /** Takes an entry's tokens if all are there, or else makes it wait. */
  function consider(entry: Entry<T>): void {
    const { group, waiting } = entry;
    const late = refusal(entry.own, levels, atMs);
    const full = refusal(group.shared, levels, atMs);
    if (late) wait(entry, late.by, late.untilMs);
    else if (full) waitInQueue(entry, full.by, full.untilMs);
    else {
      for (const { key, limit } of spentOn(waiting, limits)) levels.set(key, spent(levels.get(key), limit, atMs));
      answers.push({ what: waiting.what, atMs, by: atMs > entry.sinceMs ? group.by : entry.by });
      leave(group);
    }
  }

  /** Takes the first entry out of its group. */
  function leave(group: Group<T>): void {
    group.entries.pop();
    offer(group);
  }

  /** Waits outside of the group, which goes on. */
  function wait(entry: Entry<T>, by: Bucket, untilMs: number): void {
    entry.by = by;
    events.push({ atMs: untilMs, happen: () => join(entry) });
    leave(entry.group);
  }

  function waitInQueue(entry: Entry<T>, bucket: Bucket, untilMs: number): void {
    const queue = queues.get(bucket.key) ?? { bucket, entries: createHeap<Entry<T>>(byRank), isExpected: false };
    queues.set(bucket.key, queue);
    entry.group.queue = queue;
    entry.group.by = bucket;
    queue.entries.push(entry);
    if (queue.isExpected) return;
    queue.isExpected = true;
    events.push({ atMs: untilMs, happen: () => wake(queue) });
  }

  /** Makes the first entry of a queue a candidate for its token. */
  function wake(queue: Queue<T>): void {
    const { entries, bucket } = queue;
    // An entry whose group has another first one, or waits elsewhere, is out of date.
    while (entries.first() && !isFirst(entries.first()!, queue)) entries.pop();
    const entry = entries.first();
    queue.isExpected = entry !== undefined;
    if (!entry) return;
    const { nextAtMs } = look(levels.get(bucket.key), bucket.limit, atMs);
    if (nextAtMs > atMs) {
      events.push({ atMs: nextAtMs, happen: () => wake(queue) });
      return;
    }
    const take = () => {
      // Another one may have got the token first.
      if (isFirst(entry, queue) && look(levels.get(bucket.key), bucket.limit, atMs).left > 0) {
        entry.group.queue = undefined;
        consider(entry);
      }
      wake(queue);
    };
    candidates.push({ rank: entry.rank, consider: take });
  }

  for (const entry of entriesOf(ranked(waiting, declared), limits)) {
    const fromMs = Math.max(entry.waiting.fromMs ?? nowMs, nowMs);
    events.push({ atMs: fromMs, happen: () => join(entry) });
  }
  for (let event = events.first(); event; event = events.first()) {
    atMs = event.atMs;
    for (; event && event.atMs <= atMs; event = events.first()) {
      events.pop();
      event.happen();
    }
    for (let next = candidates.pop(); next; next = candidates.pop()) next.consider();
  }
  return answers;
}

const spentOn = ({ order, isOrdered }: Waiting<unknown>, limits: readonly RateLimit[]): readonly Bucket[] => [
  ...(isOrdered ? [] : bucketsSpent(order, limits, 'order')),
  ...bucketsSpent(order, limits, 'issued'),
];

const isShared = ({ limit }: Bucket): boolean => limit.scope === 'account' || limit.scope === 'domain';

function entriesOf<T>(waiting: readonly Waiting<T>[], limits: readonly RateLimit[]): readonly Entry<T>[] {
  const groups = new Map<string, Group<T>>();
  return waiting.map((one, rank) => {
    const needed = one.isOrdered ? [] : bucketsNeeded(one.order, limits);
    const shared = needed.filter(isShared);
    const key = shared.map((bucket) => bucket.key).join(' ');
    const group = groups.get(key) ?? { shared, entries: createHeap<Entry<T>>(byRank) };
    groups.set(key, group);
    return { waiting: one, rank, group, own: needed.filter((bucket) => !isShared(bucket)), sinceMs: 0 };
  });
}

/**
 * Sorts by who comes first: existing certificates by their expiry, then first issues, one of each registered domain in
 * turn, and last, in turn too, those whose last try failed. So failing names of one domain use up no other's tokens.
 * Equals go by name, so every command ranks them alike, in whatever order it has found them.
 */
function ranked<T>(waiting: readonly Waiting<T>[], declared: readonly Declared[]): readonly Waiting<T>[] {
  const byExpiry = waiting.toSorted((a, b) => expiryOf(a) - expiryOf(b) || byName(a.name, b.name));
  const healthy = byExpiry.filter(({ hasFailed }) => !hasFailed);
  return [
    ...healthy.filter(({ expiresAtMs }) => expiresAtMs !== undefined),
    ...inTurn(
      healthy.filter(({ expiresAtMs }) => expiresAtMs === undefined),
      declared,
    ),
    ...inTurn(
      byExpiry.filter(({ hasFailed }) => hasFailed),
      declared,
    ),
  ];
}

/** As people count: `www2` before `www10`. */
const natural = new Intl.Collator('en', { numeric: true });

const byName = (a: string, b: string): number => natural.compare(a, b) || (a < b ? -1 : Number(a > b));

/** What has no certificate expires after all others. Two of these differ by zero. */
const never = Number.MAX_SAFE_INTEGER;
const expiryOf = ({ expiresAtMs = never }: Waiting<unknown>): number => expiresAtMs;

/**
 * The first of each registered domain, then the second of each, and so on. A certificate's turn is its place among all
 * that are declared below its domain, so it stays the same while others are issued or fail. If only those were counted
 * that wait, each pass would begin again with the first of each domain, and nothing would come when it was foretold.
 */
function inTurn<T>(waiting: readonly Waiting<T>[], declared: readonly Declared[]): readonly Waiting<T>[] {
  const [first, ...others] = waiting;
  if (!first || others.length === 0) return waiting;
  const { registeredDomain } = first.order;
  const domainOf = ({ identifiers }: Pick<Declared, 'identifiers'>) => registeredDomain(identifiers[0]?.value ?? '');
  const domains = new Map<string, Map<string, number>>();
  for (const one of waiting) {
    const domain = domainOf(one.order);
    domains.set(domain, (domains.get(domain) ?? new Map<string, number>()).set(one.name, expiryOf(one)));
  }
  for (const one of declared) {
    const names = domains.get(domainOf(one));
    if (!names?.has(one.name)) names?.set(one.name, never);
  }
  const turns = new Map<string, number>();
  for (const names of domains.values()) {
    const sorted = [...names].sort(([a, aMs], [b, bMs]) => aMs - bMs || byName(a, b));
    for (const [turn, [name]] of sorted.entries()) turns.set(name, turn);
  }
  return waiting.toSorted((a, b) => turns.get(a.name)! - turns.get(b.name)!);
}
