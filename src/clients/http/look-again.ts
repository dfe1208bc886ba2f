import type { Clock } from '../../ports/clock.ts';

/** Thrown if it is unknown whether a change was made, or if the state differs from what was read. */
export class LookAgain {
  readonly error: unknown;
  /** Identifies the change. A different one than before means that there was progress. */
  readonly change: string;

  constructor(error: unknown, change: string) {
    this.error = error;
    this.change = change;
  }
}

/** The limit for one change. A rule and a group need a dozen changes. */
const mostLooks = 8;
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;

/**
 * Runs work that reads the state and then changes it, and repeats the work while it ends in {@link LookAgain}: after a
 * lost response, only reading again shows whether the change was made.
 */
export async function untilKnown<T>(clock: Clock, work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  let last: string | undefined;
  for (let looks = 1; ; looks++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof LookAgain)) throw error;
      if (error.change !== last) looks = 1;
      last = error.change;
      if (looks === mostLooks) throw error.error;
      // A change whose response was lost may still be in progress.
      await clock.sleep(Math.min(firstPauseMs * 2 ** (looks - 1), longestPauseMs), signal);
    }
  }
}
