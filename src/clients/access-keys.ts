import type { Secret } from '../core/secret.ts';
import { createSingleFlight } from '../core/single-flight.ts';
import type { Clock } from '../ports/clock.ts';

/** The keys that sign a call. */
export interface AccessKeys {
  readonly id: Secret;
  readonly secret: Secret;
  /** Of temporary keys. */
  readonly token?: Secret;
}

/** Temporary keys. */
export interface TemporaryKeys extends AccessKeys {
  readonly expires: Date;
}

/** Where keys come from. */
export interface KeySource {
  /** Keys that are valid for a while. */
  keys(signal: AbortSignal): Promise<AccessKeys>;
  /** Forgets keys that the service calls expired; returns false if there are no others. */
  renew(): boolean;
}

export const fixedKeys = (keys: AccessKeys): KeySource => ({ keys: async () => keys, renew: () => false });

/** Before they expire; a call and its repetitions take less. */
const refreshMs = 5 * 60_000;
/** After a refresh that failed, while the keys are still valid. */
const retryMs = 30_000;

/** Temporary keys, fetched when they are first needed and again in time before they expire. */
export function refreshedKeys(fetchKeys: (signal: AbortSignal) => Promise<TemporaryKeys>, clock: Clock): KeySource {
  const flight = createSingleFlight<TemporaryKeys>();
  let current: TemporaryKeys | undefined;
  let nextMs = 0;
  return {
    async keys(signal) {
      const leftMs = current === undefined ? 0 : current.expires.getTime() - clock.now().getTime();
      if (current !== undefined && (leftMs > refreshMs || (leftMs > 0 && clock.monotonicMs() < nextMs))) return current;
      try {
        current = await flight('keys', () => fetchKeys(signal), signal);
        // The service gives new keys only shortly before the old ones expire.
        nextMs = clock.monotonicMs() + retryMs;
        return current;
      } catch (error) {
        if (signal.aborted || current === undefined || leftMs <= 0) throw error;
        nextMs = clock.monotonicMs() + retryMs;
        return current;
      }
    },
    renew() {
      const had = current !== undefined;
      current = undefined;
      return had;
    },
  };
}
