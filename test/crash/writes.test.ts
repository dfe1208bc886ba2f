import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { type Rig, recordedNames, type SolverName, startRig } from './rig.ts';

/**
 * How often a certificate writes durably: at most 11 times, and once more for a token that another process may have to
 * answer. Counted over three versions, because from the third on an old version is removed with its key.
 */
const most = 11;

describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'durable writes of a certificate', () => {
  let rig: Rig;
  stopAllAfterwards();
  beforeAll(async () => {
    rig = await startRig();
  });

  const six = ['a', 'b', 'c', 'd', 'e', 'f'].map((label) => `${label}.example.test`);
  const cases: readonly { readonly solver: SolverName; readonly names?: readonly string[] }[] = [
    { solver: 'webroot' },
    { solver: 'webroot', names: six },
    { solver: 'dns' },
    // Each of the six hooks is journalled before it begins, but not each in its own write.
    { solver: 'command', names: six },
  ];
  for (const { solver, names } of cases)
    it(`${solver}, ${names?.length ?? 1} name(s): at most ${most}`, async () => {
      const state = await rig.state(solver, undefined, {
        change: (config) => ({
          ...config,
          certificates: config.certificates.map((c) => (names ? { ...c, identifiers: names } : c)),
        }),
      });
      const counts: number[] = [];
      for (let version = 1; version <= 3; version++) {
        const record = join(state.folder, `effects${version}`);
        const ran = await rig.run(state, { command: 'issue', force: true, record });
        expect(ran.status, ran.stderr).toBe(0);
        // Not counted: writes that happen once per CA or store, and the test that the store works.
        const writes = (await recordedNames(record)).filter((name) =>
          /^[^/]+\/put\/store\/(?!account|meta|TMP)/.test(name),
        );
        counts.push(writes.length);
      }
      console.log(`${solver}, ${names?.length ?? 1} name(s): ${counts.join(', ')} durable writes`);
      expect(Math.max(...counts)).toBeLessThanOrEqual(most);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(7);
    });
});
