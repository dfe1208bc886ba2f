import { describe, expect, it } from 'vitest';
import { firstSeed, isLong, seed } from '../../support/seeded.ts';
import { runWorlds, seedsFrom } from './many-worlds.ts';
import { denseSize, fullSize, scenarioOf } from './scenario.ts';
import { type Ending, runWorld } from './world.ts';

const violationOf = ({ seed: one, violation }: Ending) =>
  violation && `seed ${one} (npm run simulate, README.md), at ${violation.at}, ${violation.what}`;

describe('the world', () => {
  it('gets and renews three certificates with two replicas if nothing goes wrong', async () => {
    const ending = await runWorld(scenarioOf(firstSeed, { ...fullSize, specs: 3, faults: 0 }));
    expect(violationOf(ending)).toBeUndefined();
    expect(ending.certificates).toBeGreaterThanOrEqual(9);
  }, 180_000);

  it('is the same in another thread', async () => {
    const here = await runWorld(scenarioOf(firstSeed + 1, denseSize));
    const there: Ending[] = [];
    await runWorlds({
      seeds: [firstSeed + 1],
      workers: 1,
      size: denseSize,
      ended: (ending) => there.push(ending) > 0,
    });
    expect(there).toEqual([here]);
  }, 180_000);

  it.each([
    ['as many certificates as a small company has', fullSize, 1, 100],
    ['few certificates and many faults', denseSize, 9, 600],
  ])(
    'keeps its promises through kills, stops, lost answers and incidents: %s',
    async (_what, size, count, many) => {
      const violations: (string | undefined)[] = [];
      await runWorlds({
        ...{ seeds: seedsFrom(isLong ? 1 : seed % 10_000, isLong ? many : count), workers: 2, size },
        ended: (ending) => violations.push(violationOf(ending)) < 0,
      });
      expect(violations.filter((one) => one !== undefined)).toEqual([]);
    },
    600_000,
  );
});
