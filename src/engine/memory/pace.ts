import { createTurns } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';

/** How many orders a CA gets at once: at the start, at least, at most. */
const start = 32;
const least = 4;
const most = 256;

/** Answers this much slower than in the CA's best round show that it, or this machine, is at its limit. */
const slower = { factor: 3, byMs: 100 };

/** While a CA is down, it gets one certificate a minute, to find out whether it is back; a run does that three times. */
const probes = { everyMs: 60_000, most: 3 };

/**
 * Finds out how many orders to have in flight at one CA, because most of the time is spent waiting for it. The number
 * doubles after each round of good answers, and halves if the CA is busy, limits us, or becomes slower.
 */
export interface Pace {
  /** How many orders may be in flight now. */
  limit(): number;
  /**
   * How many certificates may be in work now. Once the CA has accepted an order, as many as it has orders are prepared or
   * delivered meanwhile.
   */
  lanes(): number;
  /** Runs `work`, from newOrder to the certificate, once the limit allows one more order. */
  inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Calls `run` whenever these numbers may have grown, until the returned function is called. */
  onGrowth(run: () => void): () => void;
  /** The CA answered a request that was sent at this time of the monotonic clock. */
  answered(askedMs: number): void;
  /** The CA answered 429 or 503, or did not answer in time. */
  strained(askedMs: number): void;
  /**
   * The CA gave no answer to a new order, or before it, or answered with a 5xx: it is down.
   *
   * @returns whether it had worked until now, so that this run will probe it
   */
  failed(): boolean;
  /** An order was accepted. */
  works(): void;
  /** The CA was down in the last run: first try one certificate only. One that has failed less than a minute ago stays down. */
  probe(): void;
  /**
   * In how many ms the next certificate may probe a CA that died during this run; if 0, the caller is the one. Undefined if
   * the CA is not down, has accepted nothing since the run began, or has failed all probes.
   */
  nextProbe(): number | undefined;
  state(): PaceState;
}

type PaceState = 'unknown' | 'works' | 'probing' | 'down';

export type Paces = (directory: string) => Pace;

export function createPaces(clock: Clock): Paces {
  const paces = new Map<string, Pace>();
  return (directory) => {
    const pace = paces.get(directory) ?? createPace(clock);
    paces.set(directory, pace);
    return pace;
  };
}

export function createPace(clock: Pick<Clock, 'monotonicMs'>): Pace {
  let limit = start;
  let state: PaceState = 'unknown';
  let failedMs = 0;
  let probesLeft = 0;
  let round = { answers: 0, ms: 0, sinceMs: clock.monotonicMs() };
  /** The mean of the fastest round. */
  let bestMs = Number.POSITIVE_INFINITY;
  const listeners = new Set<() => void>();
  const mayBegin = () => (state === 'probing' ? 1 : limit);
  const turns = createTurns(mayBegin);

  const untilProbe = () => Math.max(0, failedMs + probes.everyMs - clock.monotonicMs());

  const grown = () => {
    turns.admit();
    for (const run of listeners) run();
  };
  const begin = (next: number) => {
    const before = limit;
    limit = Math.min(Math.max(next, least), most);
    round = { answers: 0, ms: 0, sinceMs: clock.monotonicMs() };
    if (limit > before) grown();
  };
  // Requests sent before the number changed say nothing about the new one. Otherwise, hundreds of late answers would halve
  // it again and again.
  const isOfBefore = (askedMs: number) => askedMs < round.sinceMs;

  return {
    limit: mayBegin,
    lanes: () => (state === 'works' ? 2 * limit : state === 'down' && probesLeft > 0 ? 1 : mayBegin()),
    inTurn: (work, signal) => turns.run(work, signal),
    onGrowth(run) {
      listeners.add(run);
      return () => void listeners.delete(run);
    },
    answered(askedMs) {
      if (isOfBefore(askedMs)) return;
      round.answers += 1;
      round.ms += clock.monotonicMs() - askedMs;
      if (round.answers < limit) return;
      const meanMs = round.ms / round.answers;
      bestMs = Math.min(bestMs, meanMs);
      begin(meanMs > bestMs * slower.factor + slower.byMs ? limit / 2 : limit * 2);
    },
    strained(askedMs) {
      if (!isOfBefore(askedMs)) begin(limit / 2);
    },
    failed() {
      const hasDied = state === 'works';
      if (hasDied) probesLeft = probes.most;
      failedMs = clock.monotonicMs();
      state = 'down';
      return hasDied;
    },
    works() {
      if (state === 'works') return;
      state = 'works';
      grown();
    },
    probe() {
      if (state === 'unknown' || (state === 'down' && untilProbe() === 0)) state = 'probing';
    },
    nextProbe() {
      if (state !== 'down' || probesLeft === 0) return undefined;
      const waitMs = untilProbe();
      if (waitMs > 0) return waitMs;
      probesLeft -= 1;
      state = 'probing';
      return 0;
    },
    state: () => state,
  };
}
