import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { balancerSettings, type CloudBalancer, startBalancer } from '../support/alibaba-cluster.ts';
import { bindPrograms } from '../support/bind.ts';
import { shakeHands } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { readLineage, resultOf } from './inspect.ts';
import {
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
 * SIGKILL at every effect of a delivery to the HTTPS listener of a load balancer. A sweep of another process finishes it:
 * the listener serves the version, which was uploaded once, and no lock is left.
 */
const samples = 2;
const lanes = lanesFor(2);
const name = 'abc.example.test';

interface Lane {
  readonly rig: Rig;
  readonly cloud: CloudBalancer;
}

describeWith(['pebble', ...bindPrograms], 'a delivery to a load balancer', () => {
  stopAllAfterwards();
  const all: Lane[] = [];

  beforeAll(async () => {
    for (let i = 0; i < lanes; i++) {
      const clb = { secondMs: 50, quotas: { certificatesOfRegion: 1_000 } };
      const [rig, cloud] = await Promise.all([startRig(), startBalancer({ https: [name], clb })]);
      all.push({ rig, cloud });
    }
  });

  it('killed: a sweep finishes it', { timeout: pointsTimeout }, async () => {
    const [lane] = all as [Lane];
    const state = await newState(lane);
    const record = join(state.folder, 'effects');
    const ran = await lane.rig.run(state, { command: 'issue', record });
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    // The drafts and spare files of the store are between two of its writes, and kill.test.ts has them.
    const own = (await recordedNames(record)).filter((one) => /^deploy\/(?!mkdir|draft|remove)/.test(one));
    expect(own.filter((one) => one.includes('UploadServerCertificate'))).toHaveLength(1);
    const points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
    await inLanes(all, samplePoints(points, samples, 'SIGKILL, delivery to a load balancer'), killAt);
  });
});

const newState = ({ rig, cloud }: Lane): Promise<State> =>
  rig.state('webroot', undefined, {
    change: (config) => ({
      ...config,
      balancers: { slb: balancerSettings(cloud) },
      deployers: { ...config.deployers, https: { type: 'alibaba-clb', balancer: 'slb' } },
      certificates: config.certificates.map((one) => ({ ...one, deploy: ['https'] })),
    }),
  });

async function killAt(lane: Lane, point: string): Promise<void> {
  const { rig, cloud } = lane;
  const uploads = () => cloud.clb.snapshot().certificates.map((one) => String(one['name']));
  const before = uploads();
  const state = await newState(lane);
  const first = await rig.run(state, { command: 'issue', stopAt: point });
  if (first.status !== 'SIGKILL') {
    expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/lineage/);
    return;
  }
  await cloud.clb.settled();
  const swept = await rig.run(state, { command: 'sweep' });
  const said = `${point}\n${swept.stdout}${swept.stderr}`;
  expect(swept.status, said).toBe(0);
  const lineage = await readLineage(state);
  expect(lineage?.work, said).toBeUndefined();
  expect(lineage?.deployments['https'], said).toMatchObject({ state: 'current', version: lineage?.current?.id });
  expect(
    uploads().filter((one) => !before.includes(one)),
    said,
  ).toHaveLength(1);
  expect((await shakeHands(cloud.clb.port(443), name)).fingerprint, said).toBe(lineage?.current?.facts.fingerprint);
}
