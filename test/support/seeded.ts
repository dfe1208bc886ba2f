import type { Random } from '../../src/ports/random.ts';

/** The environment variable in which run-seed.ts gives a run's seed to every worker. */
export const runSeedVariable = 'CERTFLEET_RUN_SEED';

const given = process.env['CERTFLEET_SEED'];

/** `npm run test:long`: all cases, where `npm test` tries a sample. */
export const isLong = Boolean(process.env['CERTFLEET_LONG']);

/** The seed of this run. Its end prints it, and `CERTFLEET_SEED` repeats it. */
export const seed = Number(given ?? process.env[runSeedVariable] ?? 1);

/** The first of many histories: always the same ones, unless `CERTFLEET_SEED` names another. */
export const firstSeed = Number(given ?? 1);

/** Marsaglia's xorshift: numbers from 0 to 1, the same everywhere. */
export function chanceOf(seed: number): () => number {
  let state = (seed * 2_654_435_761) >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

/** Numbers from 0 to 1 that {@link seed} decides. Each `what` has a sequence of its own, so that tests may run in any order. */
export const seeded = (what: string): (() => number) =>
  chanceOf([...what].reduce((mixed, sign) => (Math.imul(mixed, 31) + sign.charCodeAt(0)) >>> 0, seed));

/** The port {@link Random} from one sequence. */
export const randomOf = (chance: () => number): Random => ({
  bytes: (length) => Uint8Array.from({ length }, () => Math.floor(chance() * 256)),
  number: chance,
});

/** A sample of many like cases, one of each stretch of equal length; all in a long run. */
export function sampled<const Case>(cases: readonly Case[], count: number, what: string): readonly Case[] {
  if (isLong || cases.length <= count) return cases;
  const chance = seeded(what);
  const stretch = cases.length / count;
  return Array.from({ length: count }, (_, at) => cases[Math.floor((at + chance()) * stretch)]!);
}
