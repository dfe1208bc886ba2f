/** Returns `a, b, c and 37 more`, with so many names at first; up to `most` names are all listed. */
export const shortList = (names: readonly string[], most = 5, shown = 3): string =>
  names.length > most ? `${names.slice(0, shown).join(', ')} and ${names.length - shown} more` : names.join(', ');
