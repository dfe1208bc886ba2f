import { createSingleFlight } from '../core/single-flight.ts';

/** What an API knows a zone by, so that it is searched for once. */
export interface ZoneCache<T> {
  get(zone: string, signal: AbortSignal): Promise<T>;
  /** Searches again the next time, because the API does not know it any more. */
  forget(zone: string): void;
}

/** @param find fails with `dns/refused` if the account lacks the zone; failures are not remembered */
export function createZoneCache<T>(find: (zone: string, signal: AbortSignal) => Promise<T>): ZoneCache<T> {
  const flight = createSingleFlight<T>();
  const known = new Map<string, T>();
  return {
    async get(zone, signal) {
      const before = known.get(zone);
      if (before !== undefined) return before;
      const found = await flight(zone, () => find(zone, signal), signal);
      known.set(zone, found);
      return found;
    },
    forget: (zone) => void known.delete(zone),
  };
}
