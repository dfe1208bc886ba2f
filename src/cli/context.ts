import type { LoadRequest } from '../config/file/load.ts';
import type { Language } from '../core/errors/wording.ts';
import type { Settings } from '../core/spec/spec.ts';
import type { Fleet } from '../fleet.ts';
import type { Log } from '../ports/log.ts';
import type { Person } from '../ports/person.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { World } from '../ports/world.ts';

/** A stream for text: the part of `process.stdout` that certfleet uses. */
export interface Output {
  write(text: string): unknown;
  /** The size, if the stream is a terminal. */
  readonly columns?: number;
  readonly rows?: number;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** The source of signals: the part of `process` that certfleet uses. */
export interface Signals {
  on(name: StopSignal | 'SIGHUP', handler: () => void): unknown;
  off(name: StopSignal | 'SIGHUP', handler: () => void): unknown;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type OpenFleet = (
  settings: Settings,
  context: {
    readonly world: World;
    readonly reporter: Reporter;
    readonly env: Environment;
    readonly makeStore: boolean;
  },
) => Promise<Fleet>;

/**
 * Everything that the command line needs from its process. Tests replace the optional parts, which are loaded when
 * needed.
 */
export interface CliContext {
  readonly env: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether stderr is a terminal, which allows live progress and colours. */
  readonly isTerminal: boolean;
  readonly world?: World;
  readonly createWorld?: (context: {
    readonly env: Environment;
    readonly log: Log;
    readonly person?: Person | undefined;
  }) => World | Promise<World>;
  readonly openFleet?: OpenFleet;
  readonly signals?: Signals;
  /** Asks at the terminal, and resolves with the line typed, or undefined if there is no terminal. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Like `ask`, but does not show what is typed. */
  readonly askSecret?: (question: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Lets a person edit a text. */
  readonly editFile?: (
    text: string,
    signal: AbortSignal,
  ) => Promise<{ readonly text: string; readonly path: string; remove(): Promise<void> }>;
  /** Ends the process at once, after a second signal. */
  readonly exit?: (code: number) => void;
  /** Keeps the memory of this process small, which costs processor time. */
  readonly saveMemory?: () => void;
  /** The way certfleet was called, for the cron line. */
  readonly program?: string;
  readonly registry?: LoadRequest['registry'];
  /** Opens the file of --log-file; fails with `usage/invalid`. */
  readonly openLogFile?: (path: string) => LogFile;
}

/** The file of --log-file. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** The parsed command line. Flags have camel-case names; repeatable ones are lists. */
export interface Invocation {
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, FlagValue | undefined>>;
  /** The command line as it can be typed again, without secrets. */
  readonly shown?: () => Promise<string>;
}

export type FlagValue = string | boolean | readonly string[];

/** A target that received a certificate. */
export interface Delivered {
  readonly target: string;
  /** How many places it has, if it has any. */
  readonly places: number | undefined;
}

/** Everything that a command may use in one run. `main` opens and closes it. */
export interface Session {
  readonly invocation: Invocation;
  readonly context: CliContext;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Whether to show each step and each request. */
  readonly verbose: boolean;
  /** The language of failures. All other output is English. */
  readonly language: Language;
  readonly reporter: Reporter;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The targets that received each certificate in this run, by the certificate's name. */
  readonly delivered: ReadonlyMap<string, readonly Delivered[]>;
  world(): Promise<World>;
  /** Names the store, as --store does, before the settings are loaded. */
  useStore(folder: string): void;
  /** Takes the defaults in place of the configuration, with --store applied. */
  useDefaults(): void;
  /** Returns the configuration with --store applied. */
  settings(): Promise<Settings>;
  /** Returns what the configuration and the store declare together. Without a store, that is the configuration. */
  declared(): Promise<Settings>;
  /** Reads the configuration again. Fails like {@link settings}, and changes nothing. */
  readAgain(): Promise<Settings>;
  /**
   * @param makeStore create the store if it does not exist; otherwise fail with `store/absent`
   * @param inMemory use an empty store that lives as long as the process, in place of the configured one
   */
  fleet(options: {
    readonly makeStore: boolean;
    readonly inMemory?: true;
    readonly tellsAlarms?: true;
  }): Promise<Fleet>;
  now(): Promise<Date>;
  /** Prints a result for a person, on stdout, wrapped to the screen. Prints nothing with --json. */
  print(text: string): void;
  /** Like {@link print}, but without wrapping: for a table. */
  printWhole(text: string): void;
  /** Prints a result for a program, as one line on stdout. Prints nothing without --json. */
  printJson(value: object): void;
  /** Prints a message for a person that is not a result, on stderr. */
  note(text: string): void;
  /** Like {@link note}, but without wrapping: for a line to copy. */
  noteWhole(text: string): void;
  /** Prints a failure for a person, on stderr, even with --quiet. */
  complain(text: string): void;
  /** Reports a detail for debugging: shown with --verbose, and always written to the log file. */
  debug(text: string): void;
}

/** Runs a command, and resolves with its exit code. */
export type Run = (session: Session) => Promise<number>;
