import { runSeedVariable } from './seeded.ts';

/** Returns the seed of this run, for itself and its workers. */
export const seedOfRun = (): string => {
  process.env[runSeedVariable] ??= process.env['CERTFLEET_SEED'] ?? String(Math.floor(Math.random() * 1_000_000));
  return process.env[runSeedVariable];
};

/** vitest's globalSetup: all random choices of a run come from one seed, which the end of the run prints. */
export default function setup(): () => void {
  const seed = seedOfRun();
  const files = process.env['CERTFLEET_DRAWN'] ? ' and files' : '';
  return () => void process.stderr.write(`CERTFLEET_SEED=${seed} repeats the random choices${files} of this run\n`);
}
