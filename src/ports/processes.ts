import type { ProcessIdentity } from '../core/process-identity.ts';

export type { ProcessIdentity };

/** Other programs. Secrets go into them by environment or standard input, never on the command line. */
export interface ProcessRequest {
  /** Program and arguments; no shell unless the program is one. */
  readonly command: readonly [string, ...string[]];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly signal: AbortSignal;
  /** In ms from its start (default 5 min). The child and its group get SIGTERM, and SIGKILL 5 s later; then `process/timeout`. */
  readonly timeoutMs?: number;
  /**
   * Called with the process that will be the program, and awaited before the program begins: what is journalled here
   * is known of whatever the program does. Where this process dies meanwhile, the program never begins.
   */
  readonly onStart?: (who: ProcessIdentity) => Promise<void>;
}

export interface ProcessResult {
  /** Exit code, or the signal's name. */
  readonly status: number | string;
  /** At most the last 64 KiB of each. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Processes {
  /**
   * Runs a program to its end. Fails with `process/failed` where it cannot start, `process/timeout` where it was
   * stopped for taking too long; rejects with the signal's reason, or with what `onStart` threw, once its group is
   * ended. A bad exit code resolves. What it leaves running in the background (a daemon) is left alone.
   */
  run(request: ProcessRequest): Promise<ProcessResult>;
  /** Who this process is. */
  self(): ProcessIdentity;
  /**
   * Whether that process still runs: `alive`, `dead`, or `unknown` when it lived on another machine, in another boot
   * of one, or in another PID namespace (an other boot id on the same machine cannot be told from another machine).
   */
  look(who: ProcessIdentity): 'alive' | 'dead' | 'unknown';
  /** Ends a process and its group if it is still that one: SIGTERM, then SIGKILL after 5 s. Resolves when it is gone. */
  end(who: ProcessIdentity, signal: AbortSignal): Promise<void>;
}
