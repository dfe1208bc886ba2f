import type { Language } from '../../core/errors/wording.ts';
import { adapterWordsZh } from './adapter-words-zh.ts';
import { cloudTitlesZh } from './cloud-titles-zh.ts';
import { fieldTitlesZh } from './field-titles-zh.ts';

/** By the English, with `{url}` for each address. */
export const adapterTextsZh: Readonly<Record<string, string>> = {
  ...fieldTitlesZh,
  ...cloudTitlesZh,
  ...adapterWordsZh,
};

const addresses = /https?:\/\/[^\s`)]*[^\s`).]/g;

export const adapterKey = (english: string): string => english.replaceAll(addresses, '{url}');

/** Returns what an adapter says of itself or of an option, in a language, or undefined if it says it in English only. */
export function adapterText(english: string, language: Language): string | undefined {
  if (language === 'en') return english;
  const key = adapterKey(english);
  if (!Object.hasOwn(adapterTextsZh, key)) return undefined;
  const shown = english.match(addresses)?.values();
  return adapterTextsZh[key]?.replaceAll('{url}', () => shown?.next().value ?? '');
}

/** Returns the title of a type or a CA in a language. Products that have no other name keep their own. */
export const adapterTitle = (english: string, language: Language): string => adapterText(english, language) ?? english;
