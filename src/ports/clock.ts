/**
 * Time. `core`, `engine` and `acme` read the time and wait only through this port, so that the simulation and the unit
 * tests can run on their own clock.
 */
export interface Clock {
  /** Returns the wall-clock time, to store or to compare with a certificate. It may jump. */
  now(): Date;
  /** Milliseconds that only increase, for durations. Keeps counting while the process is stopped (SIGSTOP). */
  monotonicMs(): number;
  /** Resolves after `ms`, which may exceed 2^31-1; MUST reject with the signal's reason on abort. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * Returns a signal that aborts when `parent` does, or after `ms` with a `TimeoutError` (a DOMException). The caller
   * MUST call `done()` in a `finally`, so that no timer keeps the process alive.
   */
  deadline(ms: number, parent?: AbortSignal): Deadline;
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether the time ended it, not the parent. */
  readonly expired: boolean;
  done(): void;
}
