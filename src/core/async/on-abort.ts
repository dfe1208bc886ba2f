interface Watch {
  readonly runs: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Calls `run` when the signal aborts. All callers share one listener per signal: Node reports more than ten listeners
 * as a leak on stderr, and cron would mail that report.
 *
 * @returns a function that removes the callback
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const entry = () => run();
  const { runs, listener } = watches.get(signal) ?? watch(signal);
  runs.add(entry);
  return () => {
    runs.delete(entry);
    // Node keeps a combined signal alive as long as it has a listener.
    if (runs.size > 0 || watches.get(signal)?.runs !== runs) return;
    watches.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** Settles like the promise, or rejects with the signal's reason if that aborts first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {}); // after an abort, its failure no longer matters
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(forget);
  });
}

/** Resolves once the signal aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  signal.aborted ? Promise.resolve() : new Promise((resolve) => void onAbort(signal, resolve));

/**
 * Calls `run` with a signal that aborts as soon as any of the given signals does. `AbortSignal.any` would leave an
 * entry on each of them, which a process that runs for months would accumulate.
 */
export async function untilAny<T>(
  signals: readonly (AbortSignal | undefined)[],
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const any = new AbortController();
  const forget = signals.flatMap((signal) => {
    if (!signal) return [];
    if (signal.aborted) any.abort(signal.reason);
    return [onAbort(signal, () => any.abort(signal.reason))];
  });
  try {
    return await run(any.signal);
  } finally {
    for (const one of forget) one();
  }
}

function watch(signal: AbortSignal): Watch {
  const runs = new Set<() => void>();
  const listener = () => {
    for (const run of runs) run();
  };
  watches.set(signal, { runs, listener });
  signal.addEventListener('abort', listener, { once: true });
  return { runs, listener };
}
