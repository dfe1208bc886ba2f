import { untilAny } from '../../core/async/on-abort.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';

/** The result of one look: done with a value, or not yet. */
export type Sight<T> = { readonly done: T } | NotYet<T>;

/** Why it is not done yet, what was seen anyway, and the other side's Retry-After, if any. */
interface NotYet<T> {
  readonly reason: string;
  readonly seen?: T;
  readonly retryAfterMs?: number | undefined;
}

/** The last reason of a wait that ran out of time. */
export interface TimedOut<T = unknown> {
  readonly timedOut: string;
  readonly seen?: T;
  /** The other side's Retry-After, which a later run must obey. */
  readonly retryAfterMs?: number;
}

/**
 * Waits until `look` is done. This is the engine's only loop that waits. It looks again after a pause that grows by
 * half from `firstMs` to `mostMs`, or after the other side's Retry-After if that is longer. `Retry-After: 0` is
 * ignored, because polling without a pause would flood the other side.
 */
export async function waitFor<T>(
  clock: Clock,
  options: {
    readonly budgetMs: number;
    readonly firstMs: number;
    readonly mostMs: number;
    /** If given, pause before the first look, because it cannot be done yet. */
    readonly first?: NotYet<T>;
    readonly signal: AbortSignal;
  },
  look: () => Promise<Sight<T>>,
): Promise<{ readonly value: T } | TimedOut<T>> {
  const end = clock.monotonicMs() + options.budgetMs;
  let pause = options.firstMs;
  for (let known = options.first; ; known = undefined) {
    const sight = known ?? (await look());
    if ('done' in sight) return { value: sight.done };
    const { reason, retryAfterMs, seen } = sight;
    const wait = Math.max(retryAfterMs ?? 0, pause);
    if (clock.monotonicMs() + wait > end)
      return {
        timedOut: reason,
        ...present({ seen, retryAfterMs }),
      };
    await clock.sleep(wait, options.signal);
    pause = Math.min(pause * 1.5, options.mostMs);
  }
}

/** Returns the `retryAt` for the error of a wait that ran out of time, from the other side's Retry-After. */
export const retryAtOf = (clock: Clock, { retryAfterMs }: TimedOut): { readonly retryAt?: Date } =>
  retryAfterMs === undefined ? {} : { retryAt: new Date(clock.now().getTime() + retryAfterMs) };

/**
 * Waits for all promises, then throws the first failure by position. Unlike after Promise.all, nothing is still running
 * in the background when the caller cleans up.
 */
export async function together<T extends readonly unknown[]>(
  promises: readonly [...{ readonly [K in keyof T]: Promise<T[K]> }],
): Promise<T> {
  const settled: readonly PromiseSettledResult<unknown>[] = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
  return settled.map((one) => (one as PromiseFulfilledResult<unknown>).value) as unknown as T;
}

/**
 * Runs something that should not be interrupted: after `signal` aborts, it may continue for `graceMs`. `now` stops it
 * at once.
 */
export async function lingering<T>(
  clock: Clock,
  options: { readonly signal: AbortSignal; readonly now: AbortSignal; readonly graceMs: number },
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { signal, now, graceMs } = options;
  signal.throwIfAborted();
  const late = new AbortController();
  let over: AbortController | undefined;
  const begin = () => {
    over = new AbortController();
    clock.sleep(graceMs, over.signal).then(
      () => late.abort(signal.reason),
      () => undefined,
    );
  };
  signal.addEventListener('abort', begin, { once: true });
  try {
    const result = await untilAny([late.signal, now], run);
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', begin);
    over?.abort('it has ended');
  }
}
