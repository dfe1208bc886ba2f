import { orAborted } from './on-abort.ts';

/** See {@link createSingleFlight}. */
export type SingleFlight<T> = (key: string, run: () => Promise<T>, signal?: AbortSignal) => Promise<T>;

/**
 * Overlapping calls with the same key share one run and its result. If the call that started the run is aborted, one of
 * the others starts a new run.
 */
export function createSingleFlight<T>(): SingleFlight<T> {
  const running = new Map<string, { readonly result: Promise<T>; readonly signal: AbortSignal | undefined }>();
  return async (key, run, signal) => {
    for (let other = running.get(key); other; other = running.get(key)) {
      try {
        return await (signal ? orAborted(other.result, signal) : other.result);
      } catch (error) {
        if (signal?.aborted || !other.signal?.aborted) throw error;
        if (running.get(key) === other) running.delete(key);
      }
    }
    signal?.throwIfAborted();
    const mine = { result: run(), signal };
    running.set(key, mine);
    try {
      return await mine.result;
    } finally {
      if (running.get(key) === mine) running.delete(key);
    }
  };
}
