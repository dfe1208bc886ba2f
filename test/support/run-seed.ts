import { runSeedVariable } from './seeded.ts';

/** vitest's globalSetup: all random choices of a run come from one seed, which the end of the run prints. */
export default function setup(): () => void {
  const seed = process.env['CERTFLEET_SEED'] ?? String(Math.floor(Math.random() * 1_000_000));
  process.env[runSeedVariable] = seed;
  return () => void process.stderr.write(`CERTFLEET_SEED=${seed} repeats the random choices of this run\n`);
}
