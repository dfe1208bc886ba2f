import { createSingleFlight } from '../../core/single-flight.ts';
import type { Clock } from '../../ports/clock.ts';

/** Limits for the TTL of a cached result: an order takes seconds, and a day-long NS record may be wrong. */
const shortestMs = 30_000;
const longestMs = 3_600_000;

/** Caches results for their TTL. Callers that ask for the same at the same time share one search. */
export function createMemory(clock: Clock) {
  const kept = new Map<string, { readonly value: unknown; readonly until: number }>();
  const share = createSingleFlight<unknown>();

  return async function remember<T>(
    key: string,
    signal: AbortSignal,
    find: () => Promise<{ readonly value: T; readonly ttl: number }>,
  ): Promise<T> {
    signal.throwIfAborted();
    const known = kept.get(key);
    if (known && known.until > clock.monotonicMs()) return known.value as T;
    const search = async () => {
      const { value, ttl } = await find();
      const keepMs = Math.min(Math.max(ttl * 1000, shortestMs), longestMs);
      kept.set(key, { value, until: clock.monotonicMs() + keepMs });
      return value;
    };
    return (await share(key, search, signal)) as T;
  };
}
