import { createSingleFlight } from './single-flight.ts';

/** What was read a short while ago. */
export interface Recent<T> {
  /** Returns it as it was at most `ageMs` ago, and reads it again if it is older. Overlapping calls share one read. */
  get(ageMs: number, signal: AbortSignal): Promise<T>;
  /** Forgets what was read, because it has changed. */
  forget(): void;
}

export function createRecent<T>(
  clock: { monotonicMs(): number },
  read: (signal: AbortSignal) => Promise<T>,
): Recent<T> {
  const flight = createSingleFlight<T>();
  let known: { readonly atMs: number; readonly value: T } | undefined;
  return {
    async get(ageMs, signal) {
      const atMs = clock.monotonicMs();
      if (known && atMs - known.atMs < ageMs) return known.value;
      const value = await flight('', () => read(signal), signal);
      known = { atMs, value };
      return value;
    },
    forget() {
      known = undefined;
    },
  };
}
