import { domainToUnicode } from 'node:url';

/** Returns a name with its international labels (xn--…) in their own letters. A label that is none stays as it is. */
export const lettersOf = (names: string): string =>
  names.replace(/\bxn--[a-z0-9-]+/g, (label) => {
    const letters = domainToUnicode(label);
    // Nothing invisible. Newer versions of Node make ASCII of `xn--a`, which has no meaning.
    return /^[\p{L}\p{M}\p{N}-]+$/u.test(letters) && /[^\x00-\x7f]/.test(letters) ? letters : label;
  });

/** Returns a name followed by its own letters in brackets, if it has others than those of ASCII. */
export function withLetters(name: string): string {
  const letters = lettersOf(name);
  return letters === name ? name : `${name} (${letters})`;
}
