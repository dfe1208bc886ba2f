import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { firstSeed } from '../../support/seeded.ts';
import { runWorlds } from './many-worlds.ts';
import { fullSize, scenarioOf } from './scenario.ts';
import { type Ending, runWorld } from './world.ts';

const violationOf = ({ seed, violation }: Ending) =>
  violation && `npm run simulate -- --seed ${seed} --trace: at ${violation.at}, ${violation.what}`;

describe('the world', () => {
  it('gets and renews three certificates with two replicas if nothing goes wrong', async () => {
    const ending = await runWorld(scenarioOf(firstSeed, { ...fullSize, specs: 3, faults: 0 }));
    expect(violationOf(ending)).toBeUndefined();
    expect(ending.certificates).toBeGreaterThanOrEqual(9);
  });

  it('is the same in another thread', async () => {
    const here = await runWorld(scenarioOf(firstSeed + 1));
    const there: Ending[] = [];
    await runWorlds({
      seeds: [firstSeed + 1],
      workers: 1,
      ended: (ending) => there.push(ending) > 0,
    });
    expect(there).toEqual([here]);
  });

  it('keeps its promises through kills, stops, lost answers and incidents', async () => {
    const seeds = Array.from({ length: 4 * availableParallelism() }, (_, at) => firstSeed + 1 + at);
    const violations: string[] = [];
    await runWorlds({
      ...{ seeds, workers: 2 },
      ended(ending) {
        violations.push(...[violationOf(ending)].flatMap((one) => one ?? []));
        return false;
      },
    });
    expect(violations).toEqual([]);
  });
});
