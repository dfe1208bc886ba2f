import { inLanguage, loadLanguage } from '../../src/core/errors/wording.ts';
import type { Hop } from '../../src/core/request-path/hop.ts';

await loadLanguage('zh');

/** Returns the first three words in a row that are English, without names and what is typed. */
export const englishIn = (text: string): string | undefined =>
  /[a-z’]+ [a-z’]+ [a-z’]+/i.exec(text.replaceAll(/"[^"]*"|“[^”]*”|`[^`]*`|（[^（）]*）|a-z 0-9/g, ''))?.[0];

/** Returns what of these texts, which certfleet wrote, a reader of Chinese gets in English. */
export const untranslated = (texts: readonly string[]): readonly string[] =>
  texts
    .filter((text) => text !== '')
    .map((text) => inLanguage(text, 'zh'))
    .filter((said) => !/[\u4e00-\u9fff]/.test(said) || englishIn(said) !== undefined);

export const untranslatedIn = (hops: readonly Hop[]): readonly string[] =>
  untranslated(hops.flatMap(({ finding, advice = '' }) => [finding, advice]));
