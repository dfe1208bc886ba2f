import type { DetailedCode } from './error-details.ts';
import type { ErrorCode } from './error-table.ts';
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

const patterns = Object.entries(phrases)
  .filter(([english]) => placeholdersIn(english).length > 0)
  .map(([english, own]) => ({ own, names: placeholdersIn(english), text: patternOf(english) }));

function patternOf(english: string): RegExp {
  const parts = english.split(/\{\w+\}/).map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('(.+?)')}$`);
}

/** A longer text is none of ours, and would take long to compare. */
const longestPhrase = 500;

/** Returns one of certfleet's own phrases in Chinese, and any other text as it is. */
export function phraseInChinese(text: string): string {
  if (text === '' || text.length > longestPhrase) return text;
  if (Object.hasOwn(phrases, text)) return phrases[text]!;
  for (const { text: pattern, names, own } of patterns) {
    const found = pattern.exec(text);
    if (found) return fill(own, Object.fromEntries(names.map((name, at) => [name, phraseInChinese(found[at + 1]!)])));
  }
  const sentences = text.split(/(?<=\.) (?=[A-Z`]|certfleet )/);
  if (sentences.length === 1) return text;
  const known = sentences.map(phraseInChinese);
  return known.every((one, at) => one !== sentences[at]) ? known.join('') : text;
}
