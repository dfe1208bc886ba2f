import { availableParallelism } from 'node:os';
import { describe, expect, it } from 'vitest';
import { firstSeed, isLong, sampled, seed } from '../../support/seeded.ts';
import { runWorlds, seedsFrom } from './many-worlds.ts';
import { denseSize, fullSize, scenarioOf } from './scenario.ts';
import { type Ending, runWorld } from './world.ts';

/** `npm run test:world` names how many. */
const given = process.env['CERTFLEET_WORLDS'];
const isSample = given === undefined && !isLong;

const violationOf = ({ seed: one, violation }: Ending) =>
  violation && `seed ${one} (npm run simulate, README.md), at ${violation.at}, ${violation.what}`;

/** Dense worlds in which a promise was broken once. */
const brokenOnce: readonly (readonly [what: string, seed: number])[] = [
  ['an order expired before its certificate was downloaded', 278],
  ['an order expired before its certificate was downloaded, after days of failures', 371],
  ['a download was lost twice', 423],
  ['a clock was 400 days ahead after the last renewal', 159],
];

describe('the world', () => {
  it.each(sampled(brokenOnce, 1, 'worlds that broke a promise once'))(
    'keeps its promises where %s (seed %i)',
    async (_what, one) => {
      expect(violationOf(await runWorld(scenarioOf(one, denseSize)))).toBeUndefined();
    },
    180_000,
  );

  it('gets and renews three certificates with two replicas if nothing goes wrong', async () => {
    const ending = await runWorld(scenarioOf(firstSeed, { ...fullSize, specs: 3, faults: 0 }));
    expect(violationOf(ending)).toBeUndefined();
    expect(ending.certificates).toBeGreaterThanOrEqual(9);
  }, 180_000);

  it.each([
    ['as many certificates as a small company has', fullSize, Number(given ?? (isLong ? 100 : 1))],
    ['few certificates and many faults', denseSize, isLong ? 600 : 3],
  ])(
    'keeps its promises through kills, stops, lost answers and incidents: %s',
    async (_what, size, count) => {
      const first = isSample ? seed % 10_000 : 1;
      const violations: (string | undefined)[] = [];
      let there: Ending | undefined;
      await runWorlds({
        ...{ seeds: seedsFrom(first, count), workers: isSample ? 1 : availableParallelism(), size },
        ended(ending) {
          violations.push(violationOf(ending));
          if (ending.seed === first) there = ending;
          return false;
        },
      });
      expect(violations.filter((one) => one !== undefined)).toEqual([]);
      // The same seed is the same world, in another thread too. The smaller one shows it.
      if (size === denseSize) expect(await runWorld(scenarioOf(first, size))).toEqual(there);
    },
    600_000,
  );
});
