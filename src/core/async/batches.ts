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
 * Runs callers' requests in batches: requests made while one batch runs share the next. A caller whose signal aborts
 * while its request is queued leaves at once; a caller whose batch has begun waits for the batch to end.
 *
 * @param work runs a batch, and returns a result for each request. Its signal aborts once every caller has left.
 * @param ready resolves when a batch may begin; requests made until then belong to that batch
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

  /**
   * Waits until the batch may begin, or until every queued caller has left. In that case, later callers start a new
   * wait.
   */
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

/** Returns a signal that aborts once all of the given signals have aborted. */
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
