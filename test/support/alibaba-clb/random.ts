/** Numbers from 0 to 1 that a seed repeats (mulberry32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export const pick = <T>(random: () => number, choices: readonly T[]): T =>
  choices[Math.floor(random() * choices.length)]!;

/** A name of `length` letters and digits. */
export function letters(
  random: () => number,
  length: number,
  alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789',
): string {
  return Array.from({ length }, () => pick(random, [...alphabet])).join('');
}

/** A request id: an upper-case UUID. */
export const uuid = (random: () => number): string =>
  [8, 4, 4, 4, 12].map((length) => letters(random, length, '0123456789ABCDEF')).join('-');
