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

/**
 * Returns the adapters that have no text with Chinese which no other one has: whoever adds an adapter may leave Chinese to
 * others.
 */
export function whollyEnglish(
  texts: readonly { readonly adapter: string; readonly text: string }[],
  isChinese: (text: string) => boolean,
): ReadonlySet<string> {
  const adaptersOf = new Map<string, Set<string>>();
  for (const { adapter, text } of texts) adaptersOf.set(text, (adaptersOf.get(text) ?? new Set()).add(adapter));
  const isOwn = (text: string) => adaptersOf.get(text)?.size === 1;
  const said = new Set(texts.flatMap(({ adapter, text }) => (isOwn(text) && isChinese(text) ? [adapter] : [])));
  return new Set(texts.flatMap(({ adapter }) => (said.has(adapter) ? [] : [adapter])));
}
