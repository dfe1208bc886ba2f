import { createSingleFlight } from './single-flight.ts';

/** What was read a short while ago. */
export interface Recent<T> {
  /** Returns it as it was at most `ageMs` ago, and reads it again if it is older. Overlapping calls share one read. */
  get(ageMs: number, signal: AbortSignal): Promise<T>;
  /** Makes the same change to what was read as this process has just made to the original. */
  change(to: (value: T) => T): void;
  /** Forgets what was read, because it has changed. */
  forget(): void;
}

export function createRecent<T>(
  clock: { monotonicMs(): number },
  read: (signal: AbortSignal) => Promise<T>,
): Recent<T> {
  const flight = createSingleFlight<T>();
  let known: { readonly atMs: number; readonly value: T } | undefined;
  let forgotten = 0;
  return {
    async get(ageMs, signal) {
      const atMs = clock.monotonicMs();
      if (known && atMs - known.atMs < ageMs) return known.value;
      // A read that began before it was forgotten may be of how it was then.
      const time = forgotten;
      const value = await flight(String(time), () => read(signal), signal);
      if (time === forgotten) known = { atMs, value };
      return value;
    },
    change(to) {
      if (known) known = { ...known, value: to(known.value) };
    },
    forget() {
      forgotten += 1;
      known = undefined;
    },
  };
}
