import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { isLong, seed } from '../../support/seeded.ts';
import { runWorlds, seedsFrom } from './many-worlds.ts';
import { mutants, mutated } from './mutants.ts';
import { denseSize, scenarioOf } from './scenario.ts';
import { type Ending, runWorld } from './world.ts';

const root = resolve(import.meta.dirname, '../../..');
const mostSeeds = 200;

it.each(mutants)(
  '$name: its text occurs exactly once',
  async (mutant) => {
    expect(mutated(mutant, await readFile(join(root, mutant.file), 'utf8'))).toContain(mutant.instead);
  },
  180_000,
);

// Each takes some seconds: a usual run tries two of them, drawn by its seed.
it.each(mutants.filter((_mutant, at) => isLong || (at + seed) % 11 === 0))(
  `$name: a world of at most ${mostSeeds} notices it, and nothing without it`,
  async (mutant) => {
    let noticed: Ending | undefined;
    await runWorlds({
      // The seed that is known to notice it saves the search.
      ...{ seeds: [mutant.seed, ...seedsFrom(1, mostSeeds - 1)], workers: 1, mutant, size: denseSize },
      ended(ending) {
        if (ending.violation) noticed ??= ending;
        return noticed !== undefined;
      },
    });
    expect(noticed).toBeDefined();
    // A world that breaks a promise in any case would notice every mutant.
    const { violation } = await runWorld(scenarioOf(noticed!.seed, denseSize));
    expect(violation, `seed ${noticed!.seed} without the mutant`).toBeUndefined();
  },
  600_000,
);
