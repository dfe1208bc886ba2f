import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { balancerSettings, startBalancer } from '../support/alibaba-cluster.ts';
import { sampled } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { type Rig, recordedNames, type SolverName, type State, startRig } from './rig.ts';

/**
 * How often a certificate writes durably: at most 11 times, once more for a token that another process may have to
 * answer, and once for the history. Counted over three versions, because from the third on an old version is removed
 * with its key.
 */
const most = 11;

stopAllAfterwards();

/**
 * Not counted: writes that happen once per CA, store or run (the node’s beat, the session of the process), and the test
 * that the store works.
 */
const isWrite = (effect: string): boolean =>
  /^[^/]+\/put\/store\/(?!account|history|meta|replica|session|TMP)/.test(effect);
const isOfHistory = (effect: string): boolean => /^[^/]+\/put\/store\/history/.test(effect);
const isLockWrite = (effect: string): boolean => isWrite(effect) && effect.includes('/store/lock');
/** Of Alibaba's API. */
const isCloudChange = (effect: string): boolean => /\/request\/POST (?!Describe|List)[A-Z]\w+#/.test(effect);

/** The effects of each of three versions. */
async function effectsOf(rig: Rig, state: State): Promise<readonly (readonly string[])[]> {
  const all: (readonly string[])[] = [];
  for (let version = 1; version <= 3; version++) {
    const record = join(state.folder, `effects${version}`);
    const ran = await rig.run(state, { command: 'issue', force: true, record });
    expect(ran.status, ran.stderr).toBe(0);
    all.push(await recordedNames(record));
  }
  return all;
}

describeWith(['pebble', 'named', 'nsupdate', 'dig'], 'durable writes of a certificate', () => {
  let rig: Rig;
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
  for (const { solver, names } of sampled(cases, 1, 'durable writes'))
    it(`${solver}, ${names?.length ?? 1} name(s): at most ${most}`, async () => {
      const state = await rig.state(solver, undefined, {
        change: (config) => ({
          ...config,
          certificates: config.certificates.map((c) => (names ? { ...c, identifiers: names } : c)),
        }),
      });
      const all = await effectsOf(rig, state);
      const counts = all.map((effects) => effects.filter(isWrite).length);
      expect(all.map((effects) => effects.filter(isOfHistory).length)).toEqual([1, 1, 1]);
      console.log(`${solver}, ${names?.length ?? 1} name(s): ${counts.join(', ')} durable writes`);
      expect(Math.max(...counts)).toBeLessThanOrEqual(most);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(7);
    });
});

/**
 * Behind a load balancer: one more for each change at the cloud and for each change of a lock, and no more. What has to be
 * known after a crash is written before the cloud is asked, several changes at once.
 */
describeWith(['pebble', 'named', 'nsupdate', 'dig', 'openssl'], 'durable writes behind a load balancer', () => {
  const uses: readonly [string, readonly string[]][] = [
    ['the rule alone', []],
    ['and the delivery to the HTTPS listener', ['slb-https']],
  ];
  it.each(sampled(uses, 1, 'uses of a load balancer'))('%s', async (what, deploy) => {
    const cloud = await startBalancer({ https: ['abc.example.test'] });
    const { clb, responders, responderPort } = cloud;
    const rig = await startRig({ httpPort: responderPort, pebble: { httpPort: clb.port(80) } });
    const state = await rig.state('responder', undefined, {
      change: (config) => ({
        ...config,
        balancers: { slb: balancerSettings(cloud) },
        solvers: { solve: { type: 'http01-forward-rule', balancer: 'slb', listen: responders[0] } },
        deployers: { ...config.deployers, 'slb-https': { type: 'alibaba-clb', balancer: 'slb', listenerPort: 443 } },
        certificates: config.certificates.map((one) => ({ ...one, deploy: [...one.deploy, ...deploy] })),
      }),
    });
    const counts = (await effectsOf(rig, state)).map((effects) => ({
      writes: effects.filter(isWrite).length,
      locks: effects.filter(isLockWrite).length,
      changes: effects.filter(isCloudChange).length,
    }));
    const line = counts.map(({ writes, locks, changes }) => `${writes} (${locks} of locks, ${changes} changes)`);
    console.log(`load balancer, ${what}: ${line.join(', ')} durable writes`);
    for (const { writes, locks, changes } of counts) {
      expect(writes).toBeLessThanOrEqual(most + changes + locks);
      expect(locks).toBeGreaterThanOrEqual(2);
      expect(locks).toBeLessThanOrEqual(changes);
      // Group, rule and its health check come; rule and group go.
      expect(changes).toBeGreaterThanOrEqual(5);
    }
  });
});
