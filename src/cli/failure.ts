import { CertfleetError, isFailure } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import { shortList } from '../core/short-list.ts';
import type { Session } from './context.ts';
import { textWithPlaces } from './flag-values.ts';
import { about, type Style, styleOf, wrap } from './text.ts';

/** Where a code is explained, relative to the package. For programs; people use `certfleet explain`. */
const docsOf = (code: string): string => `docs/reference/errors.md#${code}`;

/** How a failure is printed. */
export interface Printing {
  readonly style: Style;
  readonly width: number;
  /** Completes the commands that a text suggests. */
  readonly complete?: (text: string) => string;
}

/** How a session prints failures. */
export const printingOf = (session: Pick<Session, 'context' | 'invocation'>): Printing => ({
  style: styleOf(session.context),
  width: session.context.stderr.columns ?? 100,
  complete: (text) => textWithPlaces(text, session),
});

/**
 * An error for a person: what happened, what to do, where to read more. Never a stack trace.
 *
 * @param name the certificate, or nothing if it concerns none
 */
export function failureText(
  error: CertfleetError,
  name: string,
  { style, width, complete = (text) => text }: Printing,
): string {
  const room = Math.max(40, width - 4);
  return [
    style.bad(wrap(name === '' ? complete(error.message) : about(name, complete(error.message)), room, '  ')),
    error.hint === '' ? '' : `  ${wrap(complete(error.hint), room, '  ')}`,
    ...(error.retryAt ? [`  Not before ${error.retryAt.toISOString().slice(0, 16).replace('T', ' ')} UTC.`] : []),
    style.faint(`  More: certfleet explain ${error.code}`),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** An outcome with an error. */
export type Failed = Extract<Outcome, { readonly error: CertfleetError }>;

/**
 * Groups failures that read the same but for the certificate's name: a CA that is down would print a block for each of
 * forty certificates.
 */
export function groupsOf(failures: readonly Failed[]): readonly (readonly Failed[])[] {
  const groups = new Map<string, Failed[]>();
  for (const failure of failures) {
    const { code, message, hint, retryAt } = withoutName(failure);
    const next = [failure.next !== undefined, failure.result === 'failed' && failure.notDue === true];
    const key = JSON.stringify([failure.result, next, code, message, hint, retryAt]);
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups.values()];
}

/** The failures of one group, for a person. */
export function groupText(group: readonly Failed[], printing: Printing): string {
  const [first, another] = group;
  if (!first) return '';
  const names = group.map(({ certificate }) => certificate);
  return failureText(another ? withoutName(first) : first.error, shortList(names), printing);
}

/** The error with `NAME` for the certificate's name, and without it in front. */
function withoutName({ certificate, error }: Failed): CertfleetError {
  // Not within a longer name: `example.com` is not meant by `www.example.com`.
  const name = new RegExp(`(?<![\\w.-])${certificate.replaceAll('.', '\\.')}(?![\\w-]|\\.\\w)`, 'g');
  const message = error.message.replace(name, 'NAME').replace(/^NAME: /, '');
  const { code, retryAt } = error;
  return new CertfleetError(code, message, error.hint.replace(name, 'NAME'), retryAt ? { retryAt } : {});
}

/** For `--json`. */
export const failureData = (error: CertfleetError): JsonObject => ({
  code: error.code,
  hint: error.hint,
  docs: docsOf(error.code),
  ...(error.retryAt ? { retryAt: error.retryAt.toISOString() } : {}),
});

/**
 * What --verbose shows of an error besides its message: its code and what caused it, and the stack frames of a bug. No
 * message of a cause, because a library may quote its input there, which may be a secret.
 */
export function detailOf(error: unknown): string {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 5; cause = cause.cause) chain.push(cause);
  const isBug = !isFailure(error) || isFailure(error, 'bug/');
  const parts = chain.map((one) => {
    const { code } = one as { readonly code?: unknown };
    const word = typeof code === 'string' && /^\w+$/.test(code) ? ` ${code}` : '';
    const name = isFailure(one) ? one.code : `${one.name}${word}`;
    const frames = isBug ? (one.stack ?? '').split('\n').filter((line) => /^\s+at /.test(line)) : [];
    return [name, ...frames].join('\n');
  });
  return parts.join(isBug ? '\ncaused by ' : ', caused by ');
}
