import { onAbort } from './on-abort.ts';

interface Waiting<Ask, Result> {
  readonly ask: Ask;
  readonly signal: AbortSignal;
  done(result: Result): void;
  failed(reason: unknown): void;
  /** Stops listening to the signal. */
  forget(): void;
}

/**
 * Does what callers ask for in batches: what is asked during one batch shares the next. A caller whose signal aborts
 * while it is queued is left out at once; one whose batch has begun waits for its end.
 *
 * @param work does a batch, and returns a result for each ask. Its signal aborts once no caller waits any more.
 * @param ready resolves when a batch may begin; what is asked until then belongs to it
 */
export function createBatches<Ask, Result>(
  work: (asks: readonly Ask[], signal: AbortSignal) => Promise<readonly Result[]>,
  ready?: (signal: AbortSignal) => Promise<void>,
): (ask: Ask, signal: AbortSignal) => Promise<Result> {
  let queue: Waiting<Ask, Result>[] = [];
  let isWorking = false;

  async function workOff(): Promise<void> {
    isWorking = true;
    while (queue.length > 0) {
      if (ready) await whileQueued(ready);
      const batch = queue;
      queue = [];
      await grant(batch);
    }
    isWorking = false;
  }

  /** If it ends because all that were queued have left, the next ones begin anew. */
  async function whileQueued(wait: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const some = whileAnyWaits(queue.map(({ signal }) => signal));
    await wait(some.signal).catch(() => {});
    some.done();
  }

  async function grant(batch: readonly Waiting<Ask, Result>[]): Promise<void> {
    if (batch.length === 0) return;
    for (const { forget } of batch) forget();
    const some = whileAnyWaits(batch.map(({ signal }) => signal));
    try {
      const results = await work(
        batch.map(({ ask }) => ask),
        some.signal,
      );
      batch.forEach(({ done }, at) => {
        done(results[at]!);
      });
    } catch (error) {
      for (const { signal, failed } of batch) failed(signal.aborted ? signal.reason : error);
    } finally {
      some.done();
    }
  }

  return (ask, signal) =>
    new Promise((done, failed) => {
      if (signal.aborted) return failed(signal.reason);
      const leave = () => {
        queue = queue.filter((one) => one !== waiting);
        failed(signal.reason);
      };
      const waiting: Waiting<Ask, Result> = { ask, signal, done, failed, forget: onAbort(signal, leave) };
      queue.push(waiting);
      if (!isWorking) void workOff();
    });
}

/** A signal that aborts once all of these have. */
function whileAnyWaits(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; done(): void } {
  const all = new AbortController();
  const look = () => {
    if (signals.every(({ aborted }) => aborted)) all.abort(signals[0]?.reason);
  };
  const forget = signals.map((signal) => onAbort(signal, look));
  return {
    signal: all.signal,
    done() {
      for (const one of forget) one();
    },
  };
}
