import type { Clock } from '../../ports/clock.ts';
import { onAbort } from './on-abort.ts';

/** Ends a sleep early. A ring while nothing sleeps ends the next sleep at once. */
export interface Bell {
  readonly ring: () => void;
  /** Resolves once it rings, after `ms`, or when the signal aborts. */
  orAfter(ms: number, clock: Pick<Clock, 'sleep'>, signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  let hasRung = false;
  let wake = () => {};
  return {
    ring() {
      hasRung = true;
      wake();
    },
    async orAfter(ms, clock, signal) {
      const early = new AbortController();
      wake = () => early.abort();
      const forget = onAbort(signal, wake);
      if (!hasRung && !signal.aborted) await clock.sleep(ms, early.signal).catch(() => undefined);
      forget();
      wake = () => {};
      hasRung = false;
    },
  };
}
