import type { DetailedCode } from './error-details.ts';
import { type ErrorCode, errorTable } from './error-table.ts';
import { access } from './messages/zh/access.ts';
import { accounts } from './messages/zh/accounts.ts';
import { balancers } from './messages/zh/balancers.ts';
import { ca } from './messages/zh/ca.ts';
import { certbot } from './messages/zh/certbot.ts';
import { challenges } from './messages/zh/challenges.ts';
import { configuration } from './messages/zh/configuration.ts';
import { deployment } from './messages/zh/deployment.ts';
import { details } from './messages/zh/details.ts';
import { notifiers } from './messages/zh/notifiers.ts';
import { phrases } from './messages/zh/phrases.ts';
import { preflight } from './messages/zh/preflight.ts';
import { program } from './messages/zh/program.ts';
import { schedule } from './messages/zh/schedule.ts';
import { store } from './messages/zh/store.ts';
import { usage } from './messages/zh/usage.ts';
import { type ErrorWords, fill, placeholdersIn } from './template.ts';

/** The words of the table of errors in Chinese. A code that is missing does not compile. */
export const chinese: { readonly [code in ErrorCode]: ErrorWords } = {
  ...usage,
  ...certbot,
  ...configuration,
  ...access,
  ...accounts,
  ...preflight,
  ...ca,
  ...challenges,
  ...balancers,
  ...deployment,
  ...notifiers,
  ...schedule,
  ...store,
  ...program,
};

/** Every code that has details in English has them in Chinese. */
const allDetails: { readonly [code in DetailedCode]: readonly string[] } = details;
export const chineseDetails: { readonly [code in ErrorCode]?: readonly string[] } = allDetails;

interface Pattern {
  readonly own: string;
  readonly names: readonly string[];
  /** The text before, between and after the placeholders. */
  readonly parts: readonly string[];
  /** It says so little that it would fit other sentences, so only names may stand in it. */
  readonly isShort: boolean;
}

const leastWords = 15;
let known: readonly Pattern[] | undefined;

/** All texts with placeholders: the phrases, then the messages and hints of errors, which a text may repeat. */
function patterns(): readonly Pattern[] {
  if (known) return known;
  const ofErrors = Object.entries(errorTable).flatMap(([code, english]) => {
    const own = chinese[code as ErrorCode];
    return [[english.message, own.message] as const, [english.hint, own.hint] as const];
  });
  // One that is little but placeholders would fit what others say.
  const says = ([english]: readonly [string, string]) => english.replaceAll(/\{\w+\}/g, '').length >= leastWords;
  known = [...Object.entries(phrases), ...ofErrors.filter(says)]
    .filter(([english]) => placeholdersIn(english).length > 0)
    .map(([english, own]) => {
      const parts = english.split(/\{\w+\}/);
      return { own, names: placeholdersIn(english), parts, isShort: parts.join('').length < leastWords };
    })
    // The one that says most fits best.
    .sort((a, b) => b.parts.join('').length - a.parts.join('').length);
  return known;
}

let exact: ReadonlyMap<string, string> | undefined;

/** The texts without placeholders. */
function wholes(): ReadonlyMap<string, string> {
  exact ??= new Map([
    ...Object.entries(errorTable).flatMap(([code, { message, hint }]) => {
      const own = chinese[code as ErrorCode];
      return [[message, own.message] as const, [hint, own.hint] as const];
    }),
    ...Object.entries(phrases),
  ]);
  return exact;
}

/**
 * Returns what stands at the placeholders of a text, or undefined if that is another text. It goes through the text once:
 * what a CA says may be made to take long to compare.
 */
function valuesIn(text: string, [first = '', ...parts]: readonly string[]): readonly string[] | undefined {
  if (!text.startsWith(first)) return undefined;
  const values: string[] = [];
  let at = first.length;
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    const found = !isLast ? text.indexOf(part, at) : text.endsWith(part) ? text.length - part.length : -1;
    if (found < at) return undefined;
    values.push(text.slice(at, found));
    at = found + part.length;
  }
  return values;
}

/** A longer text is none of ours, and would take long to compare. */
const longestPhrase = 500;

/** Returns one of certfleet's own phrases in Chinese, and any other text as it is. */
export function phraseInChinese(text: string): string {
  if (text === '' || text.length > longestPhrase) return text;
  const whole = wholes().get(text);
  if (whole !== undefined) return whole;
  const sentences = text.split(/(?<=\.) (?=[A-Z`]|certfleet )/);
  if (sentences.length > 1) {
    const told = sentences.map(phraseInChinese);
    if (told.every((one, at) => one !== sentences[at])) return told.join('');
  }
  return matched(text, text.endsWith('.')) ?? withStop(text) ?? matched(text, false) ?? withPlace(text) ?? text;
}

/** @param hasStop whether only texts with a full stop are compared */
function matched(text: string, hasStop: boolean): string | undefined {
  for (const { parts, names, own, isShort } of patterns()) {
    if (hasStop && !parts.at(-1)?.endsWith('.')) continue;
    const found = valuesIn(text, parts);
    if (!found || (isShort && (found.some(isSentence) || (parts[0] === '' && /^[^(]* [^(]/.test(found[0] ?? '')))))
      continue;
    return fill(own, Object.fromEntries(names.map((name, at) => [name, phraseInChinese(found[at] ?? '')])));
  }
  return undefined;
}

/** Reports whether a text is made of words that are not ours. What is between quotes may be anything. */
const isSentence = (text: string): boolean =>
  !wholes().has(text) && /(^| )[a-z]+ [a-z]+( |$)/.test(text.replaceAll(/"[^"]*"/g, ''));

/** A message has no full stop, but one before a hint has. */
function withStop(text: string): string | undefined {
  if (!text.endsWith('.')) return undefined;
  const message = text.slice(0, -1);
  const own = phraseInChinese(message);
  return own === message ? undefined : `${own}。`;
}

/** What is wrong with a setting may begin with where that is. */
function withPlace(text: string): string | undefined {
  const [, where = '', problem = ''] = /^([\w.[\]]+): (.+)$/s.exec(text) ?? [];
  // Not again and again: a text may have many colons.
  const own = wholes().get(problem) ?? matched(problem, false);
  return own === undefined ? undefined : `${where}：${own}`;
}
