import { createSingleFlight } from '../../core/async/single-flight.ts';
import { refusalOf } from './json-api.ts';

/** A cache of an API's identifiers for zones, so that each zone is searched for once. */
export interface ZoneCache<T> {
  get(zone: string, signal: AbortSignal): Promise<T>;
  /** Makes a call about a zone that may have been found long ago. Forgets the zone if the API no longer knows it. */
  use<R>(zone: string, signal: AbortSignal, call: (known: T) => Promise<R>): Promise<R>;
  /** Removes the zone from the cache. */
  forget(zone: string): void;
}

/**
 * @param find fails with `dns/refused` if the account lacks the zone; failures are not cached
 * @param isUnknown reports whether a call failed because the API no longer knows the zone
 */
export function createZoneCache<T>(
  find: (zone: string, signal: AbortSignal) => Promise<T>,
  isUnknown = (error: unknown): boolean => refusalOf(error)?.status === 404,
): ZoneCache<T> {
  const flight = createSingleFlight<T>();
  const known = new Map<string, T>();
  async function get(zone: string, signal: AbortSignal): Promise<T> {
    const before = known.get(zone);
    if (before !== undefined) return before;
    const found = await flight(zone, () => find(zone, signal), signal);
    known.set(zone, found);
    return found;
  }
  return {
    get,
    async use(zone, signal, call) {
      const found = await get(zone, signal);
      try {
        return await call(found);
      } catch (error) {
        if (isUnknown(error)) known.delete(zone);
        throw error;
      }
    },
    forget: (zone) => void known.delete(zone),
  };
}
