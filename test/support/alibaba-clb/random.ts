export const pick = <T>(random: () => number, choices: readonly T[]): T =>
  choices[Math.floor(random() * choices.length)]!;

/** A name of `length` letters and digits. */
export function letters(
  random: () => number,
  length: number,
  alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789',
): string {
  const choices = [...alphabet];
  return Array.from({ length }, () => pick(random, choices)).join('');
}

/** A request id: an upper-case UUID. */
export const uuid = (random: () => number): string =>
  [8, 4, 4, 4, 12].map((length) => letters(random, length, '0123456789ABCDEF')).join('-');
