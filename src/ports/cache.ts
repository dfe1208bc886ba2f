/**
 * What a run leaves on its machine to make the next one faster. It may be gone or too old at any time, so it holds only
 * what can be found out again, or what makes a run more careful.
 */
export interface Cache {
  /** Returns what was written last, or undefined if it is not there, not whole, or could have been written by others. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** Writes for the next run. A failure is not reported. */
  write(name: string, bytes: Uint8Array): Promise<void>;
}
