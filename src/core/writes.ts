import { onAbort } from './on-abort.ts';

const wrote = new WeakSet<AbortSignal>();

/**
 * Says that a request of the call with this signal changed something, or may have: it was not refused. A signal that was
 * made from it does not count.
 */
export const noteWrite = (signal: AbortSignal): void => void wrote.add(signal);

/**
 * A signal for one call, and whether the call wrote something. A call may take several requests, and a refusal of a later
 * one does not mean that nothing was written. Each layer passes the signal on, so what sends a request can note it.
 */
export interface WriteWatch {
  readonly signal: AbortSignal;
  /** Whether something was written so far. */
  readonly wrote: boolean;
  done(): void;
}

/** @param over aborts the call's signal with it */
export function watchWrites(over: AbortSignal): WriteWatch {
  const own = new AbortController();
  const { signal } = own;
  if (over.aborted) own.abort(over.reason);
  const done = onAbort(over, () => own.abort(over.reason));
  return {
    signal,
    get wrote() {
      return wrote.has(signal);
    },
    done,
  };
}
