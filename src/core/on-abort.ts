interface Watch {
  readonly runs: Set<() => void>;
  readonly listener: () => void;
}

const watches = new WeakMap<AbortSignal, Watch>();

/**
 * Calls `run` when the signal aborts, unless it was forgotten before. One listener a signal, however many wait on it:
 * a certificate of a hundred names has a hundred waits on one, and node takes more than ten listeners for a leak and
 * says so on stderr, which cron mails.
 *
 * @returns forgets it
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  const entry = () => run();
  const { runs, listener } = watches.get(signal) ?? watch(signal);
  runs.add(entry);
  return () => {
    runs.delete(entry);
    // Node keeps a signal that was made from others alive as long as anybody listens.
    if (runs.size > 0 || watches.get(signal)?.runs !== runs) return;
    watches.delete(signal);
    signal.removeEventListener('abort', listener);
  };
}

/** The promise's outcome, or the signal's reason when that comes first. */
export async function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  promise.catch(() => {}); // nobody may be left to hear it
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const forget = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(forget);
  });
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
