import { createSingleFlight } from '../../core/async/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';

/** Limits for the TTL of a cached result: an order takes seconds, and a day-long NS record may be wrong. */
const shortestMs = 30_000;
const longestMs = 3_600_000;

/** More than a pass over thousands of certificates needs at once. The names in responses may be new each time. */
const mostKept = 4_096;

/**
 * Caches results for their TTL, evicting the oldest when there is no room. Concurrent callers with the same key share
 * one search.
 */
export function createZoneMemory(clock: Clock) {
  const kept = new Map<string, { readonly value: unknown; readonly until: number }>();
  const share = createSingleFlight<unknown>();

  return async function remember<T>(
    key: string,
    signal: AbortSignal,
    find: () => Promise<{ readonly value: T; readonly ttl: number; readonly isLarge?: boolean }>,
  ): Promise<T> {
    signal.throwIfAborted();
    const known = kept.get(key);
    if (known && known.until > clock.monotonicMs()) return known.value as T;
    const search = async () => {
      const { value, ttl, isLarge } = await find();
      if (isLarge) return value;
      const keepMs = Math.min(Math.max(ttl * 1000, shortestMs), longestMs);
      // Delete first: a map lists its keys in the order in which they were added.
      kept.delete(key);
      kept.set(key, { value, until: clock.monotonicMs() + keepMs });
      const [oldest] = kept.keys();
      if (kept.size > mostKept && oldest !== undefined) kept.delete(oldest);
      return value;
    };
    return (await share(key, search, signal)) as T;
  };
}
