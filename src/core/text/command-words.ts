/**
 * Splits a command into words as a shell does, without expanding anything. Returns undefined if the command has an open
 * quote, or unquoted syntax that only a shell understands.
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
