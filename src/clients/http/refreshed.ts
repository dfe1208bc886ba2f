import { createSingleFlight } from '../../core/async/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';

/** A temporary value, such as keys or a token. */
export interface Refreshed<T> {
  /** Returns a value that is currently valid. @param about what it is needed for, for errors */
  current(signal: AbortSignal, about?: string): Promise<T>;
  /** Discards a value that the service reports as expired. Returns false if there was none. */
  renew(): boolean;
}

/** How long before its expiry to refresh a value. A call and its repetitions take less time. */
const refreshMs = 5 * 60_000;
/** The pause after a failed refresh, while the old value is still valid. */
const retryMs = 30_000;

/** Fetches a value when it is first needed, and again well before it expires. */
export function createRefreshed<T extends { readonly expires: Date }>(
  fetch: (signal: AbortSignal, about: string | undefined) => Promise<T>,
  clock: Clock,
): Refreshed<T> {
  const flight = createSingleFlight<T>();
  let last: T | undefined;
  let nextMs = 0;
  return {
    async current(signal, about) {
      const leftMs = last === undefined ? 0 : last.expires.getTime() - clock.now().getTime();
      if (last !== undefined && (leftMs > refreshMs || (leftMs > 0 && clock.monotonicMs() < nextMs))) return last;
      try {
        last = await flight('', () => fetch(signal, about), signal);
        // The service issues new ones only shortly before the old ones expire.
        nextMs = clock.monotonicMs() + retryMs;
        return last;
      } catch (error) {
        if (signal.aborted || last === undefined || leftMs <= 0) throw error;
        nextMs = clock.monotonicMs() + retryMs;
        return last;
      }
    },
    renew() {
      const had = last !== undefined;
      last = undefined;
      return had;
    },
  };
}
