/**
 * Returns the known word closest to what was typed, for "did you mean". Returns undefined if more than a third of the
 * letters would have to change even for the closest one.
 */
export function nearest(typed: string, known: Iterable<string>): string | undefined {
  const wanted = typed.toLowerCase();
  let best: string | undefined;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const word of known) {
    const candidate = word.toLowerCase();
    const limit = Math.max(1, Math.floor(Math.max(wanted.length, candidate.length) / 3));
    const distance = editDistance(wanted, candidate, limit);
    // A word that begins with what was typed is always a good guess: `certificates` for `cert`.
    const score = wanted.length >= 3 && candidate.startsWith(wanted) ? Math.min(distance, 1) : distance;
    if (score <= limit && score < bestDistance) {
      best = word;
      bestDistance = score;
    }
  }
  return best;
}

/** Returns `; did you mean "x"?`, or nothing, to append to a message. */
export function didYouMean(typed: string, known: Iterable<string>): string {
  const word = nearest(typed, known);
  return word === undefined ? '' : `; did you mean "${word}"?`;
}

/**
 * Like {@link didYouMean}, for names of certificates: a shared domain does not count, so `a.example.com` is no guess
 * for `bc.example.com`.
 */
export function didYouMeanName(typed: string, known: Iterable<string>): string {
  const isNear = (name: string) => {
    const [a, b] = [typed.split('.'), name.split('.')];
    while (a.length > 0 && a.at(-1) === b.at(-1)) {
      a.pop();
      b.pop();
    }
    return a.length === 0 || b.length === 0 || nearest(a.join('.'), [b.join('.')]) !== undefined;
  };
  return didYouMean(typed, [...known].filter(isNear));
}

/**
 * Returns how many letters to insert, delete, replace or swap with their neighbour (optimal string alignment). Once the
 * distance must exceed `limit`, it returns early with a number above `limit`, so a very long word costs nothing.
 */
export function editDistance(a: string, b: string, limit = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, row[j]! + 1, next[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    if (Math.min(...next) > limit) return limit + 1;
    before = row;
    row = next;
  }
  return row[b.length]!;
}
