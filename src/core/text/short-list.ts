/** Returns `a, b, c and 37 more`; up to five names are all listed. */
export const shortList = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
