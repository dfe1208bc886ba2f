import { type CertfleetError, isFailure } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import { type Language, type Said, say } from '../../core/errors/wording.ts';
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
  readonly language: Language;
  /** Completes the commands that a text suggests. */
  readonly complete?: (text: string) => string;
}

/** Returns how a session prints failures. */
export const printingOf = (session: Pick<Session, 'context' | 'invocation' | 'language'>): Printing => ({
  style: styleOf(session.context),
  width: widthOf(session.context.stderr),
  language: session.language,
  complete: (text) => textWithPlaces(text, session),
});

/**
 * Formats an error for a person: what happened, what to do, and where to read more. Never includes a stack trace.
 *
 * @param name the certificate; empty if the error concerns none
 */
export const failureText = (error: CertfleetError, name: string, printing: Printing): string =>
  textOf(error, say(error, printing.language), name, printing);

function textOf(
  { code, retryAt }: CertfleetError,
  { message, hint }: Said,
  name: string,
  { style, width, language, complete = (text) => text }: Printing,
): string {
  const room = Math.max(40, width - 4);
  const words = around[language];
  return [
    style.bad(wrap(name === '' ? complete(message) : about(name, complete(message)), room, '  ')),
    hint === '' ? '' : `  ${wrap(complete(hint), room, '  ')}`,
    ...(retryAt ? [`  ${words.notBefore(retryAt.toISOString().slice(0, 16).replace('T', ' '))}`] : []),
    style.faint(`  ${words.more}certfleet explain ${code}`),
  ]
    .filter((line) => line !== '')
    .join('\n');
}

/** What stands around the words of a failure. */
const around = {
  en: {
    notBefore: (time: string) => `Not before ${time} UTC.`,
    more: 'More: ',
    example: 'The others read the same, with their own names.',
  },
  zh: {
    notBefore: (time: string) => `不早于 ${time} UTC。`,
    more: '详情：',
    example: '其余的内容相同，只是名称不同。',
  },
} as const satisfies Record<Language, object>;

/** An outcome with an error. */
export type Failed = Extract<Outcome, { readonly error: CertfleetError }>;

/**
 * Groups failures that differ only in the certificate's name: a CA that is down would otherwise print a block for each
 * of forty certificates. If many differ only in other names, they become one group, too.
 */
export function groupsOf(failures: readonly Failed[]): readonly (readonly Failed[])[] {
  const alike = (group: readonly Failed[]) => {
    const { message, hint } = withoutName(group[0]!, 'en');
    return JSON.stringify([...standOf(group[0]!), group[0]!.error.code, withoutNames(message), withoutNames(hint)]);
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
export const asExample = (language: Language): string => `  ${around[language].example}`;

/** Removes host names and times from a text, to compare it with another. */
export const withoutNames = (text: string): string =>
  text
    .replace(/(?<![\w.-])(\*\.)?([\w-]+\.)+[a-z][\w-]*/gi, 'NAME')
    .replace(/\d{4}-\d\d-\d\d( \d\d:\d\d UTC)?/g, 'TIME');

function equalGroups(failures: readonly Failed[]): readonly (readonly Failed[])[] {
  const groups = new Map<string, Failed[]>();
  for (const failure of failures) {
    const { message, hint } = withoutName(failure, 'en');
    const { code, retryAt } = failure.error;
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
  const { language } = printing;
  const shown = withoutName(first, language);
  const isSame = group.every((one) => {
    const { message, hint } = withoutName(one, language);
    return message === shown.message && hint === shown.hint;
  });
  if (!isSame) return `${failureText(first.error, shortList(names), printing)}\n${asExample(language)}`;
  return textOf(first.error, another ? shown : say(first.error, language), shortList(names), printing);
}

/** Returns an error's words with `NAME` for the certificate's name, and without that name in front. */
function withoutName({ certificate, error }: Failed, language: Language): Said {
  const { message, hint } = say(error, language);
  return { message: nameless(message, certificate).replace(/^NAME[:：] ?/, ''), hint: nameless(hint, certificate) };
}

/** Replaces the certificate's name in a text by `NAME`. */
export function nameless(text: string, certificate: string): string {
  // Skips longer names: `www.example.com` does not name `example.com`.
  return text.replace(new RegExp(`(?<![\\w.-])${certificate.replaceAll('.', '\\.')}(?![\\w-]|\\.\\w)`, 'g'), 'NAME');
}

/** Returns the error's data for `--json`. */
export const failureData = (error: CertfleetError): JsonObject => ({
  ...dataOf(error),
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
