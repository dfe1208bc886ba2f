import type { ProcessIdentity } from '../core/lineage/process-identity.ts';

export type { ProcessIdentity };

/** Runs other programs. They get secrets through environment or standard input, never on the command line. */
export interface ProcessRequest {
  /** Program and arguments. No shell is involved unless the program is one. */
  readonly command: readonly [string, ...string[]];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly input?: string;
  readonly signal: AbortSignal;
  /**
   * In ms from its start (default 5 min). After that, its group gets SIGTERM, and SIGKILL 5 s later: `process/timeout`.
   */
  readonly timeoutMs?: number;
  /**
   * Called with the process that will become the program, and awaited before the program begins, so that the program
   * does nothing before it is journalled. If this process dies in the meantime, the program never begins.
   */
  readonly onStart?: (who: ProcessIdentity) => Promise<void>;
}

export interface ProcessResult {
  /** Exit code, or the signal's name. */
  readonly status: number | string;
  /** At most the last 64 KiB of each stream. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface Processes {
  /**
   * Runs a program to completion. Fails with `process/failed` if it cannot start and `process/timeout` if it takes too
   * long. Rejects with the signal's reason, or with what `onStart` threw, once the program's group has ended. A nonzero
   * exit code is not an error. A daemon that the program leaves in the background is left alone.
   */
  run(request: ProcessRequest): Promise<ProcessResult>;
  /** Returns this process's identity. */
  self(): ProcessIdentity;
  /**
   * Reports whether a process still runs: `alive`, `dead`, or `unknown` if it belongs to another PID namespace or
   * another boot ID, because another boot of this machine looks like another machine.
   */
  look(who: ProcessIdentity): 'alive' | 'dead' | 'unknown';
  /** Ends exactly this process and its group: SIGTERM, then SIGKILL after 5 s. Resolves when it is gone. */
  end(who: ProcessIdentity, signal: AbortSignal): Promise<void>;
  /** Lets this process take some more CPU to take less memory, because it keeps running. */
  keepSmall?(): void;
}
