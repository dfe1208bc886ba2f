import { isFailure } from '../../core/errors.ts';
import { onAbort } from '../../core/on-abort.ts';
import type { Clock } from '../../ports/clock.ts';

/** A cached finding is kept for its TTL, within these: an order takes seconds, and a day-long NS record may be wrong. */
const shortestMs = 30_000;
const longestMs = 3_600_000;

/**
 * Keeps what was found for its TTL, and lets those who ask for the same at the same time share one search. A search
 * belongs to the one who began it: when it was stopped, the next one begins anew.
 */
export function createMemory(clock: Clock) {
  const kept = new Map<string, { readonly value: unknown; readonly until: number }>();
  const running = new Map<string, Promise<unknown>>();

  return async function remember<T>(
    key: string,
    signal: AbortSignal,
    find: () => Promise<{ readonly value: T; readonly ttl: number }>,
  ): Promise<T> {
    for (;;) {
      signal.throwIfAborted();
      const known = kept.get(key);
      if (known && known.until > clock.monotonicMs()) return known.value as T;
      const other = running.get(key);
      if (other === undefined) break;
      // Its failure is ours too, unless it was only stopped; then this loop begins our own search.
      await settled(other, signal);
      const failed = !kept.has(key) && (await failureOf(other));
      if (failed && isFailure(failed)) throw failed;
    }
    const search = find().then(({ value, ttl }) => {
      const keepMs = Math.min(Math.max(ttl * 1000, shortestMs), longestMs);
      kept.set(key, { value, until: clock.monotonicMs() + keepMs });
      return value;
    });
    running.set(key, search);
    try {
      return await search;
    } finally {
      if (running.get(key) === search) running.delete(key);
    }
  };
}

const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

/** Resolves when the promise has ended either way; rejects at once on abort. */
function settled(promise: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason));
    const end = () => {
      forget();
      resolve();
    };
    promise.then(end, end);
  });
}
