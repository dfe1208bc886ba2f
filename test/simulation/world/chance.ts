/** Numbers from 0 to 1 that a seed decides, and what is drawn with them. */
export interface Chance {
  (): number;
  /** A sequence of its own for each purpose: what one of them draws changes nothing for the others. */
  fork(purpose: string): Chance;
  between(least: number, most: number): number;
  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number;
  one<T>(all: readonly T[]): T;
  /** Draws one of these by its weight. */
  weighed<T extends string>(weights: Readonly<Record<T, number>>): T;
}

/** Mixes a text into a number of 32 bits (FNV-1a). */
export function mixed(text: string, from = 2_166_136_261): number {
  let state = from;
  for (let at = 0; at < text.length; at += 1) state = Math.imul(state ^ text.charCodeAt(at), 16_777_619);
  return state >>> 0;
}

/** Mulberry32. */
export function chanceOf(seed: number): Chance {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mix = Math.imul(state ^ (state >>> 15), state | 1);
    mix = (mix + Math.imul(mix ^ (mix >>> 7), mix | 61)) ^ mix;
    return ((mix ^ (mix >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) => least + (most - least) * next();
  return Object.assign(next, {
    fork: (purpose: string) => chanceOf(mixed(purpose, seed ^ 2_166_136_261)),
    between,
    whole: (least: number, most: number) => Math.floor(between(least, most + 1)),
    one: <T>(all: readonly T[]) => all[Math.floor(next() * all.length)] as T,
    weighed<T extends string>(weights: Readonly<Record<T, number>>): T {
      const all = Object.entries<number>(weights) as [T, number][];
      let left = next() * all.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [what, weight] of all) {
        left -= weight;
        if (left < 0) return what;
      }
      return (all.at(-1) as [T, number])[0];
    },
  });
}
