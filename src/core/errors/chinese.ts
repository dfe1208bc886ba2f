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
  /** How much it says. */
  readonly length: number;
  /** It says so little that it would fit other sentences, so only names may stand in it. */
  readonly isShort: boolean;
}

const leastWords = 16;

/** All texts with placeholders: the phrases, then the messages and hints of errors, which a text may repeat. */
function patterns(): readonly Pattern[] {
  const ofErrors = Object.entries(errorTable).flatMap(([code, english]) => {
    const own = chinese[code as ErrorCode];
    return [[english.message, own.message] as const, [english.hint, own.hint] as const];
  });
  // One that is little but placeholders would fit what others say.
  const says = ([english]: readonly [string, string]) => english.replaceAll(/\{\w+\}/g, '').length >= leastWords;
  return [...Object.entries(phrases), ...ofErrors.filter(says)]
    .filter(([english]) => placeholdersIn(english).length > 0)
    .map(([english, own]) => {
      const parts = english.split(/\{\w+\}/);
      const { length } = parts.join('');
      return { own, names: placeholdersIn(english), parts, length, isShort: length < leastWords };
    })
    .sort(saysMore);
}

/** The one that says most fits best. */
const saysMore = (a: Pattern, b: Pattern): number => b.length - a.length;

/** The patterns by the word with which they begin or else end, and those of which neither is known. */
interface Index {
  readonly byFirst: ReadonlyMap<string, readonly Pattern[]>;
  readonly byLast: ReadonlyMap<string, readonly Pattern[]>;
  readonly others: readonly Pattern[];
}

let index: Index | undefined;

const firstWord = (text: string): string => text.slice(0, text.indexOf(' ') + 1);
const lastWord = (text: string): string => (text.includes(' ') ? text.slice(text.lastIndexOf(' ')) : '');

function indexed(): Index {
  if (index) return index;
  const [byFirst, byLast] = [new Map<string, Pattern[]>(), new Map<string, Pattern[]>()];
  const others: Pattern[] = [];
  for (const pattern of patterns()) {
    const [first, last] = [firstWord(pattern.parts[0] ?? ''), lastWord(pattern.parts.at(-1) ?? '')];
    const [map, word] = first === '' ? [byLast, last] : [byFirst, first];
    const alike = word === '' ? others : (map.get(word) ?? []);
    alike.push(pattern);
    if (word !== '') map.set(word, alike);
  }
  index = { byFirst, byLast, others };
  return index;
}

/** Returns the patterns that a text may be made from, the one that says most first. */
function candidates(text: string): readonly Pattern[] {
  const { byFirst, byLast, others } = indexed();
  return [...(byFirst.get(firstWord(text)) ?? []), ...(byLast.get(lastWord(text)) ?? []), ...others].sort(saysMore);
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
export const phraseInChinese = (text: string): string => said(text, new Map());

/** What parts of a text are in Chinese: what others say may repeat a part very often. */
type Told = Map<string, string>;

function said(text: string, told: Told): string {
  if (text === '' || text.length > longestPhrase) return text;
  const known = wholes().get(text) ?? told.get(text);
  if (known !== undefined) return known;
  const own = listed(text, / (?<=\. )(?=[A-Z`]|certfleet )/, '', told) ?? sentence(text, told) ?? text;
  told.set(text, own);
  return own;
}

const sentence = (text: string, told: Told): string | undefined =>
  matched(text, text.endsWith('.'), told) ??
  withStop(text, told) ??
  (text.endsWith('.') ? matched(text, false, told) : undefined) ??
  listed(text, /; /, '；', told) ??
  withPlace(text, told);

/** Returns several sentences or findings, if each of them is known. */
function listed(text: string, between: RegExp, joint: string, told: Told): string | undefined {
  const parts = text.split(between);
  if (parts.length === 1) return undefined;
  const all: string[] = [];
  for (const part of parts) {
    const own = said(part, told);
    if (own === part) return undefined;
    all.push(own);
  }
  return all.join(joint);
}

/** @param hasStop whether only texts with a full stop are compared */
function matched(text: string, hasStop: boolean, told: Told): string | undefined {
  for (const { parts, names, own, isShort } of candidates(text)) {
    if (hasStop && !parts.at(-1)?.endsWith('.')) continue;
    const found = valuesIn(text, parts);
    if (!found || (isShort && (found.some(isSentence) || (parts[0] === '' && /^[^(]* [^(]/.test(found[0] ?? '')))))
      continue;
    return fill(own, Object.fromEntries(names.map((name, at) => [name, said(found[at] ?? '', told)])));
  }
  return undefined;
}

/** Reports whether a text is made of words that are not ours. What is between quotes may be anything. */
const isSentence = (text: string): boolean =>
  !wholes().has(text) && /(^| )[a-z]+ [a-z]+( |$)/.test(text.replaceAll(/"[^"]*"/g, ''));

/** A message has no full stop, but one before a hint has. */
function withStop(text: string, told: Told): string | undefined {
  if (!text.endsWith('.')) return undefined;
  const message = text.slice(0, -1);
  const own = said(message, told);
  return own === message ? undefined : `${own}。`;
}

/** What is wrong with a setting may begin with where that is. */
function withPlace(text: string, told: Told): string | undefined {
  const [, where = '', problem = ''] = /^([\w.[\]]+): (.+)$/s.exec(text) ?? [];
  // Not again and again: a text may have many colons.
  const own = wholes().get(problem) ?? matched(problem, false, told);
  return own === undefined ? undefined : `${where}：${own}`;
}
