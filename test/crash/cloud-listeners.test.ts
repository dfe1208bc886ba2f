import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { bindPrograms } from '../support/bind.ts';
import {
  alibabaAlb,
  type CloudListeners,
  huaweiElb,
  responders,
  type StartListeners,
} from '../support/cloud-listeners.ts';
import { sampled } from '../support/seeded.ts';
import { freePort } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { documents, readLineage, resultOf } from './inspect.ts';
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
 * SIGKILL at every effect of an issue whose challenge passes a load balancer, and whose certificate goes to that
 * balancer’s HTTPS listener. The next run, on another node, leaves no rule, no group and no lock, and the listener serves
 * the version, which was uploaded once.
 */
const samples = 1;
const lanes = lanesFor(2);

interface Lane {
  readonly rig: Rig;
  readonly cloud: CloudListeners;
  readonly responderPort: number;
  readonly before: unknown;
}

async function makeLane(start: StartListeners): Promise<Lane> {
  const responderPort = await freePort();
  const cloud = await start(responderPort);
  const rig = await startRig({ httpPort: responderPort, pebble: { httpPort: cloud.httpPort } });
  return { rig, cloud, responderPort, before: cloud.rules() };
}

let names = 0;
/** Each state has a name of its own, because the certificates of earlier ones stay on the listener. */
function newName(): string {
  names += 1;
  return `p${names}.example.test`;
}

/** A state whose process runs on one of the nodes, with a store of its own or that of another state. */
const onNode = ({ rig, cloud, responderPort }: Lane, node: number, name: string, shares?: State): Promise<State> =>
  rig.state('responder', undefined, {
    ...(shares ? { shares } : {}),
    change: (config) => ({
      ...config,
      balancers: { cloud: cloud.balancer(node) },
      solvers: {
        solve: { type: 'http01-forward-rule', balancer: 'cloud', listen: `${responders[node]}:${responderPort}` },
      },
      deployers: { ...config.deployers, https: cloud.deployer },
      certificates: config.certificates.map((one) => ({ ...one, identifiers: [name], deploy: ['https'] })),
    }),
  });

describeWith(['pebble', ...bindPrograms], 'the listeners of a load balancer', () => {
  stopAllAfterwards();

  const clouds = [['alibaba-alb', alibabaAlb] as const, ['huawei-elb', huaweiElb] as const];
  describe.each(sampled(clouds, 1, 'clouds'))('%s', (type, start) => {
    const all: Lane[] = [];
    let points: readonly string[];

    beforeAll(async () => {
      for (let lane = 0; lane < lanes; lane++) all.push(await makeLane(start));
      const [lane] = all as [Lane];
      const state = await onNode(lane, 0, newName());
      const record = join(state.folder, 'effects');
      const ran = await lane.rig.run(state, { command: 'issue', record });
      expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
      await isClean(lane, state, ran.stderr);
      const effects = await recordedNames(record);
      for (const call of lane.cloud.once)
        expect(
          effects.filter((one) => one.includes(call)),
          call,
        ).toHaveLength(1);
      // The drafts and spare files of the store are between two of its writes, and kill.test.ts has them.
      const own = effects.filter((one) => !/\/(mkdir|draft|remove)\/store\//.test(one));
      points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
    });

    it('killed: the next run on another node issues, delivers, and leaves nothing', {
      timeout: pointsTimeout,
    }, async () => {
      await inLanes(all, samplePoints(points, samples, `SIGKILL, ${type}, renew`), async (lane, point) => {
        const killed = await killedAt(lane, point);
        if (!killed) return;
        const { state, name } = killed;
        const second = await lane.rig.run(await onNode(lane, 1, name, state), { command: 'renew' });
        const said = `${point}\n${second.stdout}${second.stderr}`;
        expect(second.status, said).toBe(0);
        await isClean(lane, state, said);
        await isDelivered(lane, killed, said);
      });
    });

    it('killed: a sweep on another node leaves nothing, and delivers what was issued', {
      timeout: pointsTimeout,
    }, async () => {
      await inLanes(all, samplePoints(points, samples, `SIGKILL, ${type}, sweep`), async (lane, point) => {
        const killed = await killedAt(lane, point);
        if (!killed) return;
        const { state, name } = killed;
        const swept = await lane.rig.run(await onNode(lane, 1, name, state), { command: 'sweep' });
        const said = `${point}\n${swept.stdout}${swept.stderr}`;
        expect(swept.status, said).toBe(0);
        await isClean(lane, state, said);
        if ((await readLineage(state))?.current) await isDelivered(lane, killed, said);
      });
    });
  });
});

interface Killed {
  readonly state: State;
  readonly name: string;
  /** The uploads before its run. */
  readonly before: readonly string[];
}

/** A state whose first run was killed at a point; undefined if chance kept the run from reaching it. */
async function killedAt(lane: Lane, point: string): Promise<Killed | undefined> {
  const [name, before] = [newName(), lane.cloud.uploads()];
  const state = await onNode(lane, 0, name);
  const first = await lane.rig.run(state, { command: 'issue', stopAt: point });
  if (first.status === 'SIGKILL') return { state, name, before };
  // How often something is asked again, and which folders there are, differs from run to run.
  expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/(TMP|lineage|session)/);
  process.stderr.write(`${point}: not reached this time\n`);
  return undefined;
}

/** The rules and groups are as they were before, and no document of a lock or a token is left. */
async function isClean({ cloud, before }: Lane, state: State, said: string): Promise<void> {
  expect(cloud.rules(), said).toEqual(before);
  for (const kind of ['lock', 'token'] as const) expect([...(await documents(state, kind)).keys()], said).toEqual([]);
}

/** The listener serves the current version, which was uploaded once. */
async function isDelivered({ cloud }: Lane, { state, name, before }: Killed, said: string): Promise<void> {
  const lineage = await readLineage(state);
  expect(lineage?.work, said).toBeUndefined();
  expect(lineage?.deployments['https'], said).toMatchObject({ state: 'current', version: lineage?.current?.id });
  const mark = lineage?.current?.facts.fingerprint.slice(0, 12);
  expect(cloud.served(name), said).toMatch(new RegExp(`${mark}$`));
  expect(
    cloud.uploads().filter((one) => !before.includes(one)),
    said,
  ).toHaveLength(1);
}
