import type { Blame, Retry } from './error-entry.ts';
import { type ErrorCode, errorTable, exitCodes, exitCodesOfCodes } from './error-table.ts';
import { longestRemoteText, longestTypedText, remoteLines } from './remote-text.ts';
import { fill, type Placeholders, placeholdersIn } from './template.ts';

type Entry<C extends ErrorCode> = (typeof errorTable)[C];
/** Filled in by {@link asFailure}: the code that creates an error often does not know which certificate it concerns. */
type Certificate = 'certificate';
/** The parameters that a code's message and hint require. */
export type ErrorParams<C extends ErrorCode> = {
  readonly [P in Placeholders<Entry<C>['message']> | Exclude<Placeholders<Entry<C>['hint']>, Certificate>]:
    | string
    | number;
};

export interface FailOptions {
  /** The underlying error, kept for `--json` and debugging. Its text must contain no secret. */
  readonly cause?: unknown;
  /** Replaces the table's hint where more is known. */
  readonly hint?: string | undefined;
  /** When to try again, if the response said so (retry `at`). */
  readonly retryAt?: Date | undefined;
  /** The whole ACME problem document (RFC 8555 §6.7), if a CA sent one. */
  readonly problem?: unknown;
  /** The identifiers at fault, unless the whole certificate is. */
  readonly names?: readonly RefusedName[] | undefined;
}

/** The parameters of an error's message and hint, as short and harmless as they are there. */
export type ShownParams = Readonly<Record<string, string>>;

/** An identifier of a certificate, and why the certificate cannot include it. */
export interface RefusedName {
  readonly identifier: string;
  readonly reason: string;
}

/**
 * The only error class. Only {@link fail} creates one. People read `message` and `hint`, the scheduler reads `retry`
 * and `retryAt`, and programs read `code`.
 */
export class CertfleetError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;
  readonly blame: Blame;
  readonly retry: Retry;
  readonly retryAt: Date | undefined;
  readonly problem: unknown;
  readonly names: readonly RefusedName[] | undefined;
  /** What the message and the hint are made of; undefined if they have been read from a document. */
  readonly params: ShownParams | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    hint: string,
    options: FailOptions & { readonly params?: ShownParams | undefined },
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CertfleetError';
    this.code = code;
    this.hint = hint;
    const entry = errorTable[code];
    this.blame = entry.blame;
    this.retry = options.retryAt ? 'at' : entry.retry;
    this.retryAt = options.retryAt;
    this.problem = options.problem;
    this.names = options.names;
    this.params = options.params;
  }

  /** The command line's exit code for this error. */
  get exitCode(): number {
    return exitCodeOfError(this.code);
  }
}

export const exitCodeOfError = (code: ErrorCode) =>
  exitCodesOfCodes[code] ?? exitCodes[code.slice(0, code.indexOf('/')) as keyof typeof exitCodes];

/** Many parameters are texts from a CA, a server, a program or a library, so all are shortened and sanitized here. */
const shown = (name: string, value: string | number): string =>
  remoteLines(String(value), typedParams.has(name) ? longestTypedText : longestRemoteText);

/** Returns the parameters that a text shows, as it shows them. */
function shownIn(template: string, params: Readonly<Record<string, string | number>>): ShownParams {
  return Object.fromEntries(
    placeholdersIn(template).flatMap((name) => (params[name] === undefined ? [] : [[name, shown(name, params[name])]])),
  );
}

/** Parameters that repeat one word, name or flag with its value. */
const typedParams: ReadonlySet<string> = new Set(['typed', 'name', 'flag', 'one', 'other']);

/** Creates an error for the caller to throw: `throw fail('dns/zone-not-found', { name })`. */
export function fail<C extends ErrorCode>(code: C, params: ErrorParams<C>, options: FailOptions = {}): CertfleetError {
  const entry = errorTable[code];
  const known = shownIn(`${entry.message} ${entry.hint}`, params);
  return new CertfleetError(code, fill(entry.message, known), options.hint ?? fill(entry.hint, known), {
    ...options,
    params: known,
  });
}

/** Reports whether an error is a {@link CertfleetError} and, if codes or areas (`dns/`) are given, has one of them. */
export function isFailure(error: unknown, ...codes: readonly (ErrorCode | `${string}/`)[]): error is CertfleetError {
  if (!(error instanceof CertfleetError)) return false;
  return (
    codes.length === 0 || codes.some((c) => (c.endsWith('/') ? error.code.startsWith(c) : error.code === (c as string)))
  );
}

/** Returns where a fault of the program was thrown, for the log. */
export const stackOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

/** Returns any thrown value in words, for the `{reason}` of a message. Never a stack trace. */
export function reasonOf(error: unknown): string {
  if (error instanceof CertfleetError) return error.message;
  if (error instanceof Error) {
    const code = (error as { code?: unknown }).code;
    if (error.name === 'TimeoutError') return 'timed out';
    const words = typeof code === 'string' ? systemReasons[code] : undefined;
    return words ?? remoteLines(withoutCall(error.message));
  }
  try {
    return remoteLines(String(error));
  } catch {
    // An object without a usable toString; this function must not throw.
    return 'an unknown value was thrown';
  }
}

/** Removes the system call: Node writes `EIO: i/o error, fsync '/path'`, but a person needs only `i/o error`. */
const withoutCall = (message: string): string => /^E[A-Z0-9]+: ([^,]+), \w+/.exec(message)?.[1] ?? message;

// Plain words for the most common system errors; other errors keep their own text.
const systemReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was closed',
  EPIPE: 'the connection was closed',
  ETIMEDOUT: 'timed out',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the host name does not exist',
  EAI_AGAIN: 'the host name could not be looked up',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or folder',
  ENOTDIR: 'not a folder',
  EISDIR: 'it is a folder',
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have that address',
};

/**
 * Converts any thrown value to a {@link CertfleetError}. An error of any other class is a bug in certfleet.
 *
 * @param certificate fills the commands in the hint; a test certificate is issued under the real one's name
 */
export function asFailure(error: unknown, certificate?: string): CertfleetError {
  if (!isFailure(error)) return fail('bug/unexpected', { reason: reasonOf(error) }, { cause: error });
  if (certificate === undefined || !error.hint.includes('{certificate}')) return error;
  const named = shownIn('{certificate}', { certificate: certificate.replace(/~staging$/, '') });
  return changed(error, { hint: fill(error.hint, named), params: { ...named, ...error.params } });
}

/** Returns the same error with another hint. */
export const withHint = (error: CertfleetError, hint: string): CertfleetError => changed(error, { hint });

/** Returns the same error, whose message begins with the file and line that caused it. */
export const atPlace = (error: CertfleetError, place: string): CertfleetError =>
  changed(error, { message: `${place}: ${error.message}` });

/** Returns the same error, naming these identifiers. */
export const aboutNames = (error: CertfleetError, names: readonly RefusedName[]): CertfleetError =>
  changed(error, { names });

function changed(
  error: CertfleetError,
  {
    message = error.message,
    hint = error.hint,
    names = error.names,
    params = error.params,
  }: Partial<Pick<CertfleetError, 'message' | 'hint' | 'names' | 'params'>>,
): CertfleetError {
  const { code, cause, retryAt, problem, stack } = error;
  const options = { cause, problem, names, retryAt, params };
  return Object.assign(new CertfleetError(code, message, hint, options), { stack });
}
