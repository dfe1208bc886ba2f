import { createBoundedMap } from '../../core/async/bounded-map.ts';
import { createTurns } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';

/** How many orders a CA gets at once: initially, at least, and at most. */
const start = 32;
const least = 4;
const most = 256;

/** Responses this much slower than in the CA's best round show that it, or this machine, is at its limit. */
const slower = { factor: 3, byMs: 100 };

/** After this time without a response, the CA's best round no longer counts. */
const bestForMs = 3_600_000;

/** More CAs than one store's certificates use. */
const mostCas = 64;

/**
 * Determines how many orders to have in flight at one CA, because most of the time is spent waiting for it. The number
 * doubles after each round of good responses, and halves if the CA is busy, limits us, or becomes slower.
 */
export interface Pace {
  /** Returns how many orders may be in flight now. */
  limit(): number;
  /** Runs `work`, from newOrder to the certificate, once the limit allows one more order. */
  inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Calls `run` whenever the limit has grown, until the returned function is called. */
  onGrowth(run: () => void): () => void;
  /** Records that the CA responded to a request that was sent at this time of the monotonic clock. */
  answered(askedMs: number): void;
  /** Records that the CA returned 429 or 503, or did not respond in time. */
  strained(askedMs: number): void;
}

export type Paces = (directory: string) => Pace;

export function createPaces(clock: Clock): Paces {
  const paces = createBoundedMap<Pace>(mostCas);
  return (directory) => {
    const pace = paces.get(directory) ?? createPace(clock);
    paces.set(directory, pace);
    return pace;
  };
}

export function createPace(clock: Pick<Clock, 'monotonicMs'>): Pace {
  let limit = start;
  let round = { answers: 0, ms: 0, sinceMs: clock.monotonicMs() };
  /** The mean of the fastest round. `answeredMs` is when the CA last responded. */
  let bestMs = Number.POSITIVE_INFINITY;
  let answeredMs = clock.monotonicMs();
  const listeners = new Set<() => void>();
  const turns = createTurns(() => limit);

  const begin = (next: number) => {
    const before = limit;
    limit = Math.min(Math.max(next, least), most);
    round = { answers: 0, ms: 0, sinceMs: clock.monotonicMs() };
    if (limit <= before) return;
    turns.admit();
    for (const run of listeners) run();
  };
  // Requests sent before the number changed say nothing about the new number. Otherwise, hundreds of late responses
  // would halve it again and again.
  const isOfBefore = (askedMs: number) => askedMs < round.sinceMs;

  return {
    limit: () => limit,
    inTurn: (work, signal) => turns.run(work, signal),
    onGrowth(run) {
      listeners.add(run);
      return () => void listeners.delete(run);
    },
    answered(askedMs) {
      if (isOfBefore(askedMs)) return;
      const nowMs = clock.monotonicMs();
      if (nowMs - answeredMs >= bestForMs) bestMs = Number.POSITIVE_INFINITY;
      answeredMs = nowMs;
      round.answers += 1;
      round.ms += nowMs - askedMs;
      if (round.answers < limit) return;
      const meanMs = round.ms / round.answers;
      bestMs = Math.min(bestMs, meanMs);
      begin(meanMs > bestMs * slower.factor + slower.byMs ? limit / 2 : limit * 2);
    },
    strained(askedMs) {
      if (!isOfBefore(askedMs)) begin(limit / 2);
    },
  };
}
