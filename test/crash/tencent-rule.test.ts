import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { startNodes } from '../support/alibaba-world.ts';
import { bindPrograms } from '../support/bind.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd, freePort } from '../support/service.ts';
import { createTencentClb, type TencentClb } from '../support/tencent-clb.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { currentKeyFits, documents, readLineage, resultOf } from './inspect.ts';
import {
  inLanes,
  lanesFor,
  pointsTimeout,
  type Rig,
  type RigConfig,
  recordedNames,
  type State,
  samplePoints,
  startRig,
} from './rig.ts';

/**
 * SIGKILL at every effect of an issue behind Tencent Cloud's CLB: a run that adds the rule, answers and removes it. The
 * next run, on another node with the same store, issues and leaves no rule, and what others have stays as it was.
 */
const samples = 1;
const lanes = lanesFor(4);
const name = 'abc.example.test';
const loadBalancer = 'lb-crash1';
const key = { secretId: 'AKIDcrash', secretKey: 'crash-secret' };

interface Lane {
  readonly rig: Rig;
  readonly fake: TencentClb;
  readonly endpoint: string;
  /** The addresses of the nodes, and the port of the responder on each. */
  readonly nodes: readonly string[];
  readonly port: number;
  readonly before: unknown;
}

describeWith(['pebble', ...bindPrograms], 'a load balancer of Tencent Cloud', () => {
  stopAllAfterwards();
  const all: Lane[] = [];

  beforeAll(async () => {
    for (let i = 0; i < lanes; i++) all.push(await makeLane());
  });

  it('killed: the next run on another node issues and leaves nothing', { timeout: pointsTimeout }, async () => {
    const [lane] = all as [Lane];
    const state = await onNode(lane, 0);
    const record = join(state.folder, 'effects');
    const ran = await lane.rig.run(state, { command: 'issue', record });
    expect([ran.status, resultOf(ran)], ran.stderr).toEqual([0, 'issued']);
    await isClean(lane, state, 'the undisturbed run');
    const names = await recordedNames(record);
    for (const action of ['CreateRule', 'RegisterTargets', 'DeleteRule'])
      expect(names.filter((one) => one.includes(action))).toHaveLength(1);
    // The drafts and spare files of the store are between two of its writes, and kill.test.ts has them.
    const own = names.filter((one) => !/\/(mkdir|draft|remove)\/store\//.test(one));
    const points = own.flatMap((one) => [`${one}@before`, `${one}@after`]);
    await inLanes(all, samplePoints(points, samples, 'SIGKILL, load balancer of Tencent Cloud'), killAt);
  });
});

async function makeLane(): Promise<Lane> {
  const [nodes, port] = await Promise.all([startNodes(2), freePort()]);
  const web = { domain: name, targets: [{ instance: 'ins-node1', port: nodes[0]!.port }], isDefault: true };
  let fake!: TencentClb;
  const { origin, close } = await serveFakeApi((at) => {
    fake = createTencentClb({
      ...{ clock: systemClock, keys: [key], origins: [at], taskMs: 50, secondMs: 20 },
      instances: Object.fromEntries(
        nodes.map(({ address }, index) => [`ins-node${index + 1}`, { ip: `10.0.0.${index + 1}`, at: address }]),
      ),
      loadBalancers: [{ id: loadBalancer, listeners: [{ protocol: 'HTTP', port: 80, rules: [web] }] }],
    });
    return fake.api;
  });
  atEnd(close);
  const plane = await fake.startPlane();
  atEnd(() => plane.stop());
  const rig = await startRig({
    ...{ leaseTtl: '1s', httpPort: port },
    pebble: { httpPort: plane.port(loadBalancer, 80) },
  });
  const addresses = nodes.map(({ address }) => address);
  return { rig, fake, endpoint: origin, nodes: addresses, port, before: fake.snapshot() };
}

/** A state whose process runs on one of the nodes, with a store of its own or that of another state. */
const onNode = ({ rig, endpoint, nodes, port }: Lane, node: number, shares?: State): Promise<State> =>
  rig.state('responder', undefined, {
    ...(shares ? { shares } : {}),
    change: (config: RigConfig): RigConfig => ({
      ...config,
      balancers: {
        clb: {
          ...{ type: 'tencent-clb', region: 'ap-guangzhou', loadBalancer, endpoint, ...key },
          backend: { instanceId: `ins-node${node + 1}`, port },
        },
      },
      solvers: { solve: { type: 'http01-forward-rule', balancer: 'clb', listen: `${nodes[node]}:${port}` } },
    }),
  });

async function killAt(lane: Lane, point: string): Promise<void> {
  const state = await onNode(lane, 0);
  const first = await lane.rig.run(state, { command: 'issue', stopAt: point });
  if (first.status !== 'SIGKILL') {
    expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/(TMP|lineage|session)/);
    return;
  }
  const next = await onNode(lane, 1, state);
  const second = await lane.rig.run(next, { command: 'renew' });
  const said = `${point}\n${second.stderr}`;
  expect(second.status, said).toBe(0);
  expect((await readLineage(state))?.work, said).toBeUndefined();
  expect(await currentKeyFits(state), said).toBe(true);
  await isClean(lane, state, said);
  // All at the end would take longer than a hook may.
  for (const { folder } of [state, next]) await rm(folder, { recursive: true });
}

/** The balancer is as it was before, and no document of a lock or a token is left. */
async function isClean({ fake, before }: Lane, state: State, said: string): Promise<void> {
  expect(fake.snapshot(), said).toEqual(before);
  for (const kind of ['lock', 'token'] as const) expect([...(await documents(state, kind)).keys()], said).toEqual([]);
}
