import { CertfleetError, isFailure } from '../../core/errors/errors.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { JsonObject } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { Session } from '../context.ts';
import { textWithPlaces } from '../flags/values.ts';
import { fewCertificates } from './progress.ts';
import { about, type Style, styleOf, widthOf, wrap } from './text.ts';

/** Returns where a code is explained, relative to the package. This is for programs; people use `certfleet explain`. */
const docsOf = (code: string): string => `docs/reference/errors.md#${code}`;

/** How a failure is printed. */
export interface Printing {
  readonly style: Style;
  readonly width: number;
  /** Completes the commands that a text suggests. */
  readonly complete?: (text: string) => string;
}

/** Returns how a session prints failures. */
export const printingOf = (session: Pick<Session, 'context' | 'invocation'>): Printing => ({
  style: styleOf(session.context),
  width: widthOf(session.context.stderr),
  complete: (text) => textWithPlaces(text, session),
});

/**
 * Formats an error for a person: what happened, what to do, and where to read more. Never includes a stack trace.
 *
 * @param name the certificate; empty if the error concerns none
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
 * Groups failures that differ only in the certificate's name: a CA that is down would otherwise print a block for each
 * of forty certificates. If many differ only in other names, they become one group, too.
 */
export function groupsOf(failures: readonly Failed[]): readonly (readonly Failed[])[] {
  const alike = (group: readonly Failed[]) => {
    const { code, message, hint } = withoutName(group[0]!);
    return JSON.stringify([...standOf(group[0]!), code, withoutNames(message), withoutNames(hint)]);
  };
  return mergedIfMany(equalGroups(failures), alike);
}

/** Returns the certificate's situation after the failure. */
const standOf = (failure: Failed): readonly unknown[] => [
  failure.result,
  failure.next !== undefined,
  failure.result === 'failed' && failure.notDue === true,
  failure.result === 'failed' && failure.settingsStay === true,
];

/** Merges similar groups if there are too many for a person to read. Keeps the order of the first group of each. */
export function mergedIfMany<T>(
  groups: readonly (readonly T[])[],
  alike: (group: readonly T[]) => string,
): readonly (readonly T[])[] {
  const found = new Map<string, (readonly T[])[]>();
  const alikes = groups.map((group) => {
    const key = alike(group);
    const all = found.get(key) ?? [];
    all.push(group);
    found.set(key, all);
    return all;
  });
  return groups.flatMap((group, index) => {
    const all = alikes[index]!;
    if (all.length <= fewCertificates) return [group];
    return all[0] === group ? [all.flat()] : [];
  });
}

/** Follows a text that stands for several certificates, but has the names of one. */
export const asExample = '  The others read the same, with their own names.';

/** Removes host names and times from a text, to compare it with another. */
export const withoutNames = (text: string): string =>
  text
    .replace(/(?<![\w.-])(\*\.)?([\w-]+\.)+[a-z][\w-]*/gi, 'NAME')
    .replace(/\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?/g, 'TIME');

function equalGroups(failures: readonly Failed[]): readonly (readonly Failed[])[] {
  const groups = new Map<string, Failed[]>();
  for (const failure of failures) {
    const { code, message, hint, retryAt } = withoutName(failure);
    const key = JSON.stringify([...standOf(failure), code, message, hint, retryAt]);
    groups.set(key, [...(groups.get(key) ?? []), failure]);
  }
  return [...groups.values()];
}

/** Formats the failures of one group for a person. */
export function groupText(group: readonly Failed[], printing: Printing): string {
  const [first, another] = group;
  if (!first) return '';
  const names = group.map(({ certificate }) => certificate);
  const shown = withoutName(first);
  const isSame = group.every((one) => {
    const { message, hint } = withoutName(one);
    return message === shown.message && hint === shown.hint;
  });
  if (!isSame) return `${failureText(first.error, shortList(names), printing)}\n${asExample}`;
  return failureText(another ? shown : first.error, shortList(names), printing);
}

/** Returns the error with `NAME` for the certificate's name, and without that name in front. */
function withoutName({ certificate, error }: Failed): CertfleetError {
  const message = nameless(error.message, certificate).replace(/^NAME: /, '');
  const { code, retryAt } = error;
  return new CertfleetError(code, message, nameless(error.hint, certificate), retryAt ? { retryAt } : {});
}

/** Replaces the certificate's name in a text by `NAME`. */
export function nameless(text: string, certificate: string): string {
  // Skips longer names: `www.example.com` does not name `example.com`.
  return text.replace(new RegExp(`(?<![\\w.-])${certificate.replaceAll('.', '\\.')}(?![\\w-]|\\.\\w)`, 'g'), 'NAME');
}

/** Returns the error's data for `--json`. */
export const failureData = (error: CertfleetError): JsonObject => ({
  code: error.code,
  hint: error.hint,
  docs: docsOf(error.code),
  ...present({ retryAt: error.retryAt?.toISOString() }),
});

/**
 * Returns what --verbose shows of an error besides its message: its code, its causes, and the stack frames of a bug.
 * Omits the messages of causes, because a library may quote its input there, which may be a secret.
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
