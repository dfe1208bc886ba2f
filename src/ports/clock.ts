/**
 * Time. Nothing else in `core`, `engine` and `acme` may ask what time it is or wait; the simulation and the unit
 * tests run on a clock of their own.
 */
export interface Clock {
  /** Wall-clock time, for what is stored or compared with a certificate. It may jump. */
  now(): Date;
  /** Milliseconds that only grow, for durations. Keeps counting while the process is stopped (SIGSTOP). */
  monotonicMs(): number;
  /** Resolves after `ms` (any length: longer than 2^31-1 ms too); MUST reject with the signal's reason on abort. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /**
   * A signal that aborts when `parent` does, or after `ms` with a `TimeoutError` (a DOMException). The caller MUST
   * call `done()` in a `finally`, so that no timer keeps the process alive.
   */
  deadline(ms: number, parent?: AbortSignal): Deadline;
}

export interface Deadline {
  readonly signal: AbortSignal;
  /** Whether it was the time, not the parent, that ended it. */
  readonly expired: boolean;
  done(): void;
}
