import type { LoadRequest } from '../config/load.ts';
import type { Settings } from '../core/spec.ts';
import type { Fleet } from '../fleet.ts';
import type { Log } from '../ports/log.ts';
import type { Reporter } from '../ports/reporter.ts';
import type { World } from '../ports/world.ts';

/** A stream to write text to; `process.stdout` is one. */
export interface Output {
  write(text: string): unknown;
  /** Of a terminal. */
  readonly columns?: number;
  readonly rows?: number;
}

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** Where signals come from; `process` is one. */
export interface Signals {
  on(name: StopSignal, handler: () => void): unknown;
  off(name: StopSignal, handler: () => void): unknown;
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

/** Everything the command line needs of its process; what is optional is the real thing, loaded when it is needed. */
export interface CliContext {
  readonly env: Environment;
  readonly stdout: Output;
  readonly stderr: Output;
  /** Whether stderr is a terminal: live progress, colours. */
  readonly isTerminal: boolean;
  readonly world?: World;
  readonly createWorld?: (context: { readonly env: Environment; readonly log: Log }) => World | Promise<World>;
  readonly openFleet?: OpenFleet;
  readonly signals?: Signals;
  /** Asks a person at the terminal and answers the line that was typed; undefined: there is no terminal. */
  readonly ask?: (question: string, signal: AbortSignal) => Promise<string | undefined>;
  /** Ends the process at once: a second signal, or a clean-up that took too long. */
  readonly exit?: (code: number) => void;
  /** How certfleet is called here, for the cron line. */
  readonly program?: string;
  readonly registry?: LoadRequest['registry'];
  /** Opens the file of --log-file; fails with `usage/invalid`. */
  readonly openLogFile?: (path: string) => LogFile;
}

/** Where --log-file leads. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

/** What was typed, after parsing. Flags by their camel-case name; repeatable ones are lists. */
export interface Invocation {
  readonly args: readonly string[];
  readonly flags: Readonly<Record<string, FlagValue | undefined>>;
}

export type FlagValue = string | boolean | readonly string[];

/** One run of one command: what it may use. Made by main, closed by main. */
export interface Session {
  readonly invocation: Invocation;
  readonly context: CliContext;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Each step and each request is shown. */
  readonly verbose: boolean;
  readonly reporter: Reporter;
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  world(): Promise<World>;
  /** The configuration with --store applied. */
  settings(): Promise<Settings>;
  /** `makeStore`: for commands that may be a beginning; the others fail with `store/absent` where there is none. */
  fleet(options: { readonly makeStore: boolean }): Promise<Fleet>;
  now(): Promise<Date>;
  /** A result, for a person: lines on stdout, which a screen breaks at spaces. Nothing with --json. */
  print(text: string): void;
  /** A result that stays as it is laid out: a table. */
  printWhole(text: string): void;
  /** A result for a program: one line on stdout, with --json only. */
  printJson(value: object): void;
  /** Something for a person beside the result: on stderr. */
  note(text: string): void;
  /** A note that stays as it is laid out: a line to copy. */
  noteWhole(text: string): void;
  /** What failed, for a person: on stderr, with --quiet too. */
  complain(text: string): void;
  /** For a person who looks for a mistake: shown with --verbose, and always in the log file. */
  debug(text: string): void;
}

/** Runs a command and answers its exit code. */
export type Run = (session: Session) => Promise<number>;
