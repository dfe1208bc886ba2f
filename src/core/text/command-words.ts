/**
 * The words of a command as a shell splits them, but nothing in it is expanded and nothing runs it but the program that
 * it names: undefined if it has an open quote, or outside of quotes what only a shell understands.
 */
export function commandWords(text: string): readonly string[] | undefined {
  const words: string[] = [];
  let word: string | undefined;
  const token = /\s+|'([^']*)'|"((?:[^"\\$`]|\\[\s\S])*)"|\\([\s\S])|[^\s'"\\;&|<>()$`*?#~]+|(.)/gy;
  for (const [whole, single, double, escaped, other] of text.matchAll(token)) {
    if (other !== undefined) return undefined;
    if (/^\s/.test(whole)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else word = `${word ?? ''}${single ?? double?.replace(/\\([$`"\\])/g, '$1') ?? escaped ?? whole}`;
  }
  if (word !== undefined) words.push(word);
  return words;
}
