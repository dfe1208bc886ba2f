import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { sampled } from '../support/seeded.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { type Target, targets } from './delivery-targets.ts';
import { readLineage, resultOf } from './inspect.ts';
import {
  comesByChance,
  inLanes,
  lanesFor,
  pointsTimeout,
  type Rig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

/**
 * SIGKILL at every effect of a delivery to a service of a cloud. A sweep of another process finishes it: the domain has
 * the version, which was uploaded once, nothing else there has changed, and no lock is left.
 */
const samples = 1;
/** A run of `npm test` draws these many targets. */
const drawnTargets = 3;
const lanes = lanesFor(2);

interface Lane {
  readonly rig: Rig;
  readonly target: Target;
}

describeWith(['pebble', ...bindPrograms], 'a delivery', () => {
  stopAllAfterwards();
  const rigs: Rig[] = [];

  beforeAll(async () => {
    for (let lane = 0; lane < lanes; lane++) rigs.push(await startRig());
  });

  // Side by side, because a delivery to a CDN waits for seconds until the domain shows the change.
  it.concurrent.each(sampled(Object.entries(targets), drawnTargets, 'targets of killed deliveries'))(
    'to %s, killed: a sweep finishes it',
    {
      timeout: pointsTimeout,
    },
    async (type, start) => {
      const all: Lane[] = await Promise.all(rigs.map(async (rig) => ({ rig, target: await start() })));
      const [lane] = all as [Lane];
      const state = await newState(lane);
      const record = join(state.folder, 'effects');
      const ran = await lane.rig.run(state, { command: 'issue', record });
      expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
      // The drafts and spare files of the store are between two of its writes, and kill.test.ts has them.
      const own = (await recordedNames(record)).filter((one) => /^deploy\/(?!mkdir|draft|remove)/.test(one));
      for (const call of lane.target.once)
        expect(
          own.filter((one) => one.includes(call)),
          call,
        ).toHaveLength(1);
      const points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
      await inLanes(all, samplePoints(points, samples, `SIGKILL, delivery to ${type}`), killAt);
    },
  );
});

const newState = ({ rig, target: { settings } }: Lane): Promise<State> =>
  rig.state('webroot', undefined, {
    change: (config) => ({
      ...config,
      ...(settings.balancers ? { balancers: settings.balancers } : {}),
      deployers: { ...config.deployers, target: settings.deployer },
      certificates: config.certificates.map((one) => ({ ...one, deploy: ['target'] })),
    }),
  });

async function killAt(lane: Lane, point: string): Promise<void> {
  const { rig, target } = lane;
  const before = { uploads: target.uploads?.() ?? [], sets: target.sets?.() ?? 0, others: target.others() };
  const state = await newState(lane);
  const first = await rig.run(state, { command: 'issue', stopAt: point });
  if (first.status !== 'SIGKILL') {
    // The runs of the other targets share the folder of the challenges.
    expect(comesByChance(point) || point.includes('/store/lineage'), `${point} was not reached\n${first.stderr}`).toBe(
      true,
    );
    return;
  }
  await target.settled?.();
  const swept = await rig.run(state, { command: 'sweep' });
  const said = `${point}\n${swept.stdout}${swept.stderr}`;
  expect(swept.status, said).toBe(0);
  const lineage = await readLineage(state);
  expect(lineage?.work, said).toBeUndefined();
  expect(lineage?.deployments['target'], said).toMatchObject({ state: 'current', version: lineage?.current?.id });
  const uploads = target.uploads?.().filter((one) => !before.uploads.includes(one));
  if (uploads) expect(uploads, said).toHaveLength(1);
  if (target.sets) expect(target.sets() - before.sets, said).toBe(1);
  const served = await target.served();
  expect(served, said).toMatch(/^[0-9a-f]{12,}$/);
  expect(lineage?.current?.facts.fingerprint.startsWith(served ?? 'none'), said).toBe(true);
  expect(target.others(), said).toEqual(before.others);
}
