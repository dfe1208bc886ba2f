import type { Clock } from '../ports/clock.ts';

/** One look: done with a value, or not yet, with a reason and perhaps the time the other side asked for. */
export type Sight<T> = { readonly done: T } | { readonly reason: string; readonly retryAfterMs?: number | undefined };

/**
 * The one loop that waits. It looks, and looks again after a pause that grows from `firstMs` by half to `mostMs`;
 * where the other side named a time, that time is kept. Nothing else in the engine sleeps.
 *
 * @returns the value, or the last reason when `budgetMs` has passed
 */
export async function waitFor<T>(
  clock: Clock,
  options: {
    readonly budgetMs: number;
    readonly firstMs: number;
    readonly mostMs: number;
    /** Pause before the first look, where it cannot be done yet. */
    readonly waitFirst?: boolean;
    readonly signal: AbortSignal;
  },
  look: () => Promise<Sight<T>>,
): Promise<{ readonly value: T } | { readonly timedOut: string }> {
  const end = clock.monotonicMs() + options.budgetMs;
  let pause = options.firstMs;
  if (options.waitFirst) await clock.sleep(pause, options.signal);
  for (;;) {
    const sight = await look();
    if ('done' in sight) return { value: sight.done };
    const wait = sight.retryAfterMs ?? pause;
    if (clock.monotonicMs() + wait > end) return { timedOut: sight.reason };
    await clock.sleep(wait, options.signal);
    pause = Math.min(pause * 1.5, options.mostMs);
  }
}

/**
 * Waits for all, then throws the first failure by position: unlike Promise.all, nothing goes on in the background
 * while the caller already cleans up.
 */
export async function together<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<T>).value);
}

/**
 * Runs what must not be left in the middle: after an abort of `signal` it is given `graceMs` to come to its end. `now`
 * aborts it at once.
 */
export async function lingering<T>(
  clock: Clock,
  options: { readonly signal: AbortSignal; readonly now: AbortSignal; readonly graceMs: number },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, now, graceMs } = options;
  signal.throwIfAborted();
  const late = new AbortController();
  const over = new AbortController();
  const begin = () => {
    clock.sleep(graceMs, over.signal).then(
      () => late.abort(signal.reason),
      () => undefined,
    );
  };
  signal.addEventListener('abort', begin, { once: true });
  try {
    const result = await run(AbortSignal.any([late.signal, now]));
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', begin);
    over.abort('it has ended');
  }
}
