import { onAbort } from './on-abort.ts';

const wrote = new WeakSet<AbortSignal>();
const read = new WeakSet<AbortSignal>();

/**
 * Says that a request of the call with this signal changed something, or may have: it was not refused. A signal that was
 * made from it does not count.
 */
export const noteWrite = (signal: AbortSignal): void => void wrote.add(signal);

/** Says that a request of the call with this signal read something. */
export const noteRead = (signal: AbortSignal): void => void read.add(signal);

/** Whether a removal took something away, as far as is known: a call that only read found nothing to remove. */
export type Removal = 'removed' | 'absent' | undefined;

/** @param signal the one of the removal's call */
export const removalBy = (signal: AbortSignal): Removal =>
  wrote.has(signal) ? 'removed' : read.has(signal) ? 'absent' : undefined;

/** Says the same by the signal of the caller. */
export function noteRemoval(removal: Removal, signal: AbortSignal): void {
  if (removal === 'removed') noteWrite(signal);
  if (removal === 'absent') noteRead(signal);
}

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
