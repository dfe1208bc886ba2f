import type { Clock } from '../ports/clock.ts';

/** One look: done with a value, or not yet. */
export type Sight<T> = { readonly done: T } | NotYet;

/** Why not yet, and perhaps the time the other side asked for. */
interface NotYet {
  readonly reason: string;
  readonly retryAfterMs?: number | undefined;
}

/** The last sight of a wait whose next look would come too late. */
export interface TimedOut {
  readonly timedOut: string;
  /** The time the other side asked for: it holds after the wait too. */
  readonly retryAfterMs?: number;
}

/**
 * The one loop that waits. It looks, and looks again after a pause that grows from `firstMs` by half to `mostMs`;
 * where the other side named a time, that time is kept. A time that is over (`Retry-After: 0`) is none: asking on
 * without a pause would be a flood. Nothing else in the engine sleeps.
 */
export async function waitFor<T>(
  clock: Clock,
  options: {
    readonly budgetMs: number;
    readonly firstMs: number;
    readonly mostMs: number;
    /** What is known already, where it cannot be done yet: the first look comes after its pause. */
    readonly first?: NotYet;
    readonly signal: AbortSignal;
  },
  look: () => Promise<Sight<T>>,
): Promise<{ readonly value: T } | TimedOut> {
  const end = clock.monotonicMs() + options.budgetMs;
  let pause = options.firstMs;
  for (let known = options.first; ; known = undefined) {
    const sight = known ?? (await look());
    if ('done' in sight) return { value: sight.done };
    const { reason, retryAfterMs } = sight;
    const wait = Math.max(retryAfterMs ?? 0, pause);
    if (clock.monotonicMs() + wait > end)
      return { timedOut: reason, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
    await clock.sleep(wait, options.signal);
    pause = Math.min(pause * 1.5, options.mostMs);
  }
}

/** For the error that tells of such a wait: when the other side wants to be asked again, where it said so. */
export const retryAtOf = (clock: Clock, { retryAfterMs }: TimedOut): { readonly retryAt?: Date } =>
  retryAfterMs === undefined ? {} : { retryAt: new Date(clock.now().getTime() + retryAfterMs) };

/**
 * Waits for all, then throws the first failure by position: unlike Promise.all, nothing goes on in the background
 * while the caller already cleans up.
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
