import { onAbort } from './on-abort.ts';

const wrote = new WeakSet<AbortSignal>();
const read = new WeakSet<AbortSignal>();

/**
 * Records that a request made with this signal changed something, or may have: it was not refused. Signals derived from
 * it are separate.
 */
export const noteWrite = (signal: AbortSignal): void => void wrote.add(signal);

/** Records that a request made with this signal read something. */
export const noteRead = (signal: AbortSignal): void => void read.add(signal);

/** Whether a removal deleted anything, as far as is known. A call that only read found nothing to remove. */
export type Removal = 'removed' | 'absent' | undefined;

/** @param signal the signal of the removal's call */
export const removalBy = (signal: AbortSignal): Removal =>
  wrote.has(signal) ? 'removed' : read.has(signal) ? 'absent' : undefined;

/** Records the removal's outcome on the caller's signal. */
export function noteRemoval(removal: Removal, signal: AbortSignal): void {
  if (removal === 'removed') noteWrite(signal);
  if (removal === 'absent') noteRead(signal);
}

/**
 * A signal for one call that also records whether the call wrote anything. A call may take several requests, so a
 * refusal of a later one does not mean that nothing was written. Each layer passes the signal on, so the code that
 * sends a request can record its write.
 */
export interface WriteWatch {
  readonly signal: AbortSignal;
  /** Whether anything has been written so far. */
  readonly wrote: boolean;
  done(): void;
}

/** @param over the caller's signal; aborting it aborts the call's signal */
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
