import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import { sampled } from '../support/seeded.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { rollOuts, type Target, targets } from './delivery-targets.ts';
import { documents, readLineage, resultOf } from './inspect.ts';
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
const drawnTargets = 2;
/** And this many of the cases in which the cloud is at work. */
const drawnUnderWay = 1;
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

  it.concurrent.each(sampled(casesUnderWay(), drawnUnderWay, 'deliveries under way at a SIGKILL'))(
    'to %s, killed at %s: another node waits until the cloud has done it (%s)',
    async (type, point, when) => {
      const target = await rollOuts[type].start({ taskMs: Number.POSITIVE_INFINITY });
      const lane = { rig: rigs[0]!, target };
      const before = stateOf(target);
      const state = await newState(lane);
      const first = await lane.rig.run(state, { command: 'issue', stopAt: point });
      expect(first.status, first.stderr).toBe('SIGKILL');
      const asked = target.tasks.asked();
      if (when === 'before its run') target.tasks.end();
      const run = lane.rig.spawnRun(await newState(lane, state), { command: 'renew' });
      if (when === 'while it waits') {
        await until(async () => target.tasks.asked() > asked, { what: 'another node has found the task' });
        target.tasks.end();
      }
      const second = await run.done;
      expect(second.status, second.stderr).toBe(0);
      await isDelivered(lane, state, before, `${point}\n${second.stdout}${second.stderr}`);
    },
    pointsTimeout,
  );
});

/** Every point at which the cloud makes a change that a process has begun. */
function casesUnderWay() {
  const types = ['tencent-clb', 'tencent-ssl'] as const;
  return types.flatMap((type) => {
    const [begin, ask] = rollOuts[type].calls;
    const points = [`${begin}#1@after`, `${ask}#1@before`, `${ask}#1@after`].map((one) => `deploy/request/POST ${one}`);
    return points.flatMap((point) =>
      (['while it waits', 'before its run'] as const).map((when) => [type, point, when] as const),
    );
  });
}

/** A state of a node of its own, with the store of another one if given. */
const newState = ({ rig, target: { settings } }: Lane, shares?: State): Promise<State> =>
  rig.state('webroot', undefined, {
    ...(shares ? { shares } : {}),
    change: (config) => ({
      ...config,
      ...(shares ? { node: 'another' } : {}),
      ...(settings.balancers ? { balancers: settings.balancers } : {}),
      deployers: { ...config.deployers, target: settings.deployer },
      certificates: config.certificates.map((one) => ({ ...one, deploy: ['target'] })),
    }),
  });

async function killAt(lane: Lane, point: string): Promise<void> {
  const { rig, target } = lane;
  const before = stateOf(target);
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
  await isDelivered(lane, state, before, said);
}

const stateOf = (target: Target) => ({
  uploads: target.uploads?.() ?? [],
  sets: target.sets?.() ?? 0,
  others: target.others(),
});

/** The target has the version, which was uploaded and set once; nothing else has changed, and no lock is left. */
async function isDelivered({ target }: Lane, state: State, before: ReturnType<typeof stateOf>, said: string) {
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
  expect([...(await documents(state, 'lock')).keys()], said).toEqual([]);
}
