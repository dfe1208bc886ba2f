import type { ProcessIdentity } from '../core/lineage/process-identity.ts';

export type { ProcessIdentity };

/** Other programs. They get secrets through environment or standard input, never on the command line. */
export interface ProcessRequest {
  /** Program and arguments; no shell unless the program is one. */
  readonly command: readonly [string, ...string[]];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly signal: AbortSignal;
  /** In ms from its start (default 5 min). Then its group gets SIGTERM, and SIGKILL 5 s later: `process/timeout`. */
  readonly timeoutMs?: number;
  /**
   * Called with the process that will become the program, and awaited before the program begins, so that the program
   * does nothing before it is journalled. If this process dies meanwhile, the program never begins.
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
   * Runs a program to its end. Fails with `process/failed` if it cannot start and `process/timeout` if it takes too long;
   * rejects with the signal's reason, or with what `onStart` threw, once its group has ended. A bad exit code resolves.
   * A daemon that it leaves in the background is left alone.
   */
  run(request: ProcessRequest): Promise<ProcessResult>;
  /** This process. */
  self(): ProcessIdentity;
  /**
   * Whether that process still runs: `alive`, `dead`, or `unknown` if it belongs to another PID namespace or another
   * boot id, since another boot of this machine looks like another machine.
   */
  look(who: ProcessIdentity): 'alive' | 'dead' | 'unknown';
  /** Ends exactly this process and its group: SIGTERM, then SIGKILL after 5 s. Resolves when it is gone. */
  end(who: ProcessIdentity, signal: AbortSignal): Promise<void>;
}
