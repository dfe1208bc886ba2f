import type { Clock } from '../../ports/clock.ts';

/**
 * Yields what comes, and undefined each time that nothing has come for so long, until the signal aborts. Then whatever it
 * waits for must end by itself, because a generator that waits cannot be ended from outside.
 */
export async function* orQuiet<T>(
  all: AsyncIterable<T>,
  quietMs: number,
  clock: Pick<Clock, 'sleep'>,
  signal: AbortSignal,
): AsyncGenerator<T | undefined, void> {
  const source = all[Symbol.asyncIterator]();
  let next = source.next();
  try {
    while (!signal.aborted) {
      const enough = new AbortController();
      const sleep = clock.sleep(quietMs, AbortSignal.any([signal, enough.signal])).catch(() => undefined);
      const found = await Promise.race([next, sleep]);
      enough.abort();
      if (signal.aborted || found?.done) return;
      yield found?.value;
      if (found) next = source.next();
    }
  } finally {
    // One that waits answers only once it has ended.
    void source.return?.().catch(() => undefined);
  }
}
