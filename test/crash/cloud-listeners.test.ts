import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { createAlibabaAlb } from '../support/alibaba-alb.ts';
import { bindPrograms } from '../support/bind.ts';
import { createHuaweiElb } from '../support/huawei-elb.ts';
import type { ListenerPlane } from '../support/listener-plane.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd, freePort } from '../support/service.ts';
import { createVersionMaker } from '../support/versions.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';
import { documents, openState, readLineage, resultOf } from './inspect.ts';
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
const responders = ['127.0.0.11', '127.0.0.12'];

/** One service, as the test needs it. */
interface Cloud {
  /** The port that the CA’s requests reach. */
  readonly httpPort: number;
  /** The names of the calls that an undisturbed run makes once. */
  readonly once: readonly string[];
  balancer(node: number): object;
  readonly deployer: object;
  /** Its rules, groups and members. */
  rules(): unknown;
  uploads(): readonly string[];
  served(name: string): string | undefined;
}

type Start = (responderPort: number) => Promise<Cloud>;
const many = 10_000;

async function byHand() {
  const { fullchainPem, keyPem } = await (await createVersionMaker()).make('by-hand', ['by-hand.example.com']);
  const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
  return { name: 'by-hand', certificate: fullchainPem.trim(), privateKey };
}

/** Serves a fake and its data plane. */
async function serve<T extends { readonly api: FakeApi; startPlane(): Promise<ListenerPlane> }>(
  make: (origin: string) => T,
) {
  let fake!: T;
  const { origin, close } = await serveFakeApi((at) => {
    fake = make(at);
    return fake.api;
  });
  atEnd(close);
  const plane = await fake.startPlane();
  atEnd(() => plane.stop());
  return { fake, origin, plane };
}

const alibabaAlb: Start = async (port) => {
  const certificates = [await byHand()];
  const key = { id: 'LTAIcrash', secret: 'crash-secret' };
  const { fake, origin, plane } = await serve((at) =>
    createAlibabaAlb({
      ...{ clock: systemClock, keys: [key], origins: [at], changeMs: 20, secondMs: 20, certificates },
      servers: Object.fromEntries(responders.map((ip, node) => [`i-node${node}`, { ip }])),
      groups: [{ name: 'web' }],
      loadBalancers: [
        {
          id: 'alb-crash1',
          listeners: [
            {
              protocol: 'HTTP',
              port: 80,
              group: 'web',
              rules: [{ name: 'shop', priority: 9, hosts: ['s.example.com'], group: 'web' }],
            },
            { protocol: 'HTTPS', port: 443, group: 'web', certificate: 'by-hand' },
          ],
        },
      ],
      quotas: { additionalOfListener: many },
    }),
  );
  return {
    httpPort: plane.port('alb-crash1|80'),
    once: ['UploadUserCertificate', 'AssociateAdditionalCertificatesWithListener', 'CreateRule', 'DeleteServerGroup'],
    balancer: (node) => ({
      ...{ type: 'alibaba-alb', region: 'cn-hangzhou', loadBalancer: 'alb-crash1', endpoint: origin },
      ...{ backend: { serverId: `i-node${node}`, port }, accessKeyId: key.id, accessKeySecret: key.secret },
    }),
    deployer: { type: 'alibaba-alb', balancer: 'cloud', casEndpoint: origin, certificateQuota: many },
    rules() {
      const { balancers, groups } = fake.snapshot() as {
        readonly balancers: readonly { readonly listeners: readonly { readonly rules: unknown }[] }[];
        readonly groups: unknown;
      };
      return { groups, rules: balancers.map(({ listeners }) => listeners.map(({ rules }) => rules)) };
    },
    uploads: fake.uploads,
    served: (name) => fake.served('alb-crash1', 443, name),
  };
};

const huaweiElb: Start = async (port) => {
  const certificates = [{ ...(await byHand()), domain: 'by-hand.example.com' }];
  const [accessKeyId, secretAccessKey] = ['AKcrash', 'crash-secret'];
  const { fake, origin, plane } = await serve((at) =>
    createHuaweiElb({
      ...{ clock: systemClock, keys: [{ accessKey: accessKeyId, secretKey: secretAccessKey }], origins: [at] },
      ...{ changeMs: 20, secondMs: 20, certificates, pools: [{ name: 'web' }] },
      loadBalancers: [
        {
          name: 'web',
          listeners: [
            { protocol: 'HTTP', port: 80, pool: 'web', isAdvanced: true },
            { protocol: 'HTTPS', port: 443, pool: 'web', certificate: 'by-hand' },
          ],
        },
      ],
      quotas: { certificate: many, sniNames: many },
    }),
  );
  const account = {
    ...{ region: 'cn-north-4', projectId: '0123456789abcdef0123456789abcdef', endpoint: origin },
    ...{ accessKeyId, secretAccessKey },
  };
  const loadBalancer = fake.balancerId('web');
  return {
    httpPort: plane.port('web|80'),
    once: ['POST elb/certificates', 'PUT elb/listeners', 'POST elb/l7policies'],
    balancer: (node) => ({
      ...{ type: 'huawei-elb', loadBalancer, backend: { address: responders[node], port }, ...account },
    }),
    deployer: { type: 'huawei-elb', target: { loadBalancer }, ...account },
    rules() {
      const { balancers, pools } = fake.snapshot() as {
        readonly balancers: readonly { readonly listeners: readonly { readonly policies: unknown }[] }[];
        readonly pools: unknown;
      };
      return { pools, policies: balancers.map(({ listeners }) => listeners.map(({ policies }) => policies)) };
    },
    uploads: () => fake.certificates().map(({ name }) => name),
    served: (name) => fake.served('web', 443, name),
  };
};

interface Lane {
  readonly rig: Rig;
  readonly cloud: Cloud;
  readonly responderPort: number;
  readonly before: unknown;
}

async function makeLane(start: Start): Promise<Lane> {
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

  describe.each([['alibaba-alb', alibabaAlb] as const, ['huawei-elb', huaweiElb] as const])('%s', (type, start) => {
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
  expect(point, `was not reached\n${first.stderr}`).toMatch(/#([2-9]|\d\d+)@|\/store\/(TMP|lineage)/);
  process.stderr.write(`${point}: not reached this time\n`);
  return undefined;
}

/** The rules and groups are as they were before, and no document of a lock or a token is left. */
async function isClean({ cloud, before }: Lane, state: State, said: string): Promise<void> {
  expect(cloud.rules(), said).toEqual(before);
  for (const kind of ['lock', 'token'] as const)
    expect([...(await documents(openState(state), kind)).keys()], said).toEqual([]);
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
