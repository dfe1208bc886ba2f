import { didYouMean } from './nearest.ts';

/** Returns the message about a word that is none of these. */
export const oneOf =
  (words: readonly string[]) =>
  ({ input }: { readonly input?: unknown }): string =>
    `expected one of ${words.join(', ')}${typeof input === 'string' ? didYouMean(input, words) : ''}`;
