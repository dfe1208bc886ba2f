import { createSingleFlight } from '../../core/async/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';

/** Something temporary, such as keys or a token. */
export interface Refreshed<T> {
  /** One that is valid for a while. @param about what it is needed for, for errors */
  current(signal: AbortSignal, about?: string): Promise<T>;
  /** Forgets one that the service calls expired; returns false if there was none. */
  renew(): boolean;
}

/** Before it expires; a call and its repetitions take less. */
const refreshMs = 5 * 60_000;
/** After a refresh that failed, while the old one is still valid. */
const retryMs = 30_000;

/** Fetches when it is first needed, and again in time before it expires. */
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
        // The service gives new ones only shortly before the old ones expire.
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
