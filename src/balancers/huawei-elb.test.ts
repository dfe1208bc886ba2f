import { describe, expect, it, test } from 'vitest';
import { itDrawn } from '../../test/support/drawn.ts';
import { createHuaweiElb, type HuaweiElbOptions } from '../../test/support/huawei-elb.ts';
import { challengePath } from '../core/ca/challenge-path.ts';
import { Secret } from '../core/errors/secret.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { Balancer, WantedRules } from '../ports/balancer.ts';
import type { Http } from '../ports/http.ts';
import type { World } from '../ports/world.ts';
import { balancerContract, type EffectWatch } from '../testing/balancer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import definition from './huawei-elb.ts';

const { signal } = new AbortController();
const owner = 'aaaaaaaaaaaa';
let drawn = 0;
const named = () =>
  nameWithMark({ owner, expires: new Date('2027-01-01'), id: (++drawn).toString(16).padStart(12, '0') });
const backends = ['192.168.0.10', '192.168.0.11'].map((server) => ({ server, port: 30_080 }));
const wanting = (hosts: readonly (string | undefined)[] = ['www.example.test']): WantedRules => ({
  owner,
  group: { name: named(), lineage: 'www', backends },
  rules: hosts.map((host) => ({ name: named(), lineage: 'www', path: challengePath, ...present({ host }) })),
});
const nothing: WantedRules = { owner, rules: [] };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );

function bench(isAdvanced: boolean, changes: Partial<HuaweiElbOptions> = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const shop = { name: 'shop', host: 'shop.example.test', path: '/', pool: 'shop' };
  const policies = [{ ...shop, ...present({ priority: isAdvanced ? 50 : undefined }) }];
  const members = [{ address: '192.168.0.9', port: 80 }];
  const cloud = createHuaweiElb({
    ...{ clock, keys: [{ accessKey: 'AKroot', secretKey: 'root-secret' }] },
    loadBalancers: [{ name: 'web', listeners: [{ protocol: 'HTTP', port: 80, pool: 'all', isAdvanced, policies }] }],
    pools: [
      { name: 'all', members },
      { name: 'shop', members },
    ],
    ...changes,
  });
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const connect = (more: object = {}, watch?: EffectWatch): Balancer => {
    const http = (): Http => ({
      async request(request) {
        const isChange = request.method !== undefined && request.method !== 'GET';
        if (isChange) watch?.('before');
        const response = await cloud.api.http.request(request);
        if (isChange) watch?.('after');
        return response;
      },
      close: async () => {},
    });
    const random = { bytes: (length: number) => new Uint8Array(length), number: () => 0 };
    const world = { clock, random, log: { debug: note, info: note, warn: note }, http } as unknown as World;
    const options = definition.options.parse({
      ...{ region: 'cn-north-4', loadBalancer: cloud.balancerId('web'), backend: { address: '192.168.0.10' } },
      ...{ accessKeyId: new Secret('AKroot'), secretAccessKey: new Secret('root-secret'), ...more },
    });
    return definition.connect({ name: 'elb', world, options });
  };
  return { cloud, clock, connect, lines };
}

describe.each([['advanced forwarding', true] as const, ['plain policies', false] as const])(
  'with %s',
  (_name, isAdvanced) => {
    balancerContract(
      (title, run) => (isAdvanced ? test : itDrawn)(title, run),
      async () => {
        const { cloud, clock, connect, lines } = bench(isAdvanced);
        return {
          backends,
          connect: (watch) => connect({}, watch),
          connectRefused: () => connect({ secretAccessKey: new Secret('another-secret') }),
          objects: async () => cloud.snapshot(),
          async isInEffect({ host = '' }, { group }) {
            const found = cloud.route('web', 80, host, `${challengePath}token`);
            const all = group?.backends.map(({ server, port }) => `${server}:${port}`) ?? [];
            return JSON.stringify([...found].sort()) === JSON.stringify(all.sort());
          },
          pass: (ms) => clock.sleep(ms, signal),
          secrets: ['root-secret'],
          logged: () => lines,
          stop: async () => {},
        };
      },
    );

    it('takes the challenges of hosts with and without policies, and nothing else', async () => {
      const { cloud, connect } = bench(isAdvanced);
      const before = cloud.snapshot();
      const balancer = connect();
      expect(await balancer.inspect(signal)).toMatchObject({
        matching: isAdvanced ? 'best' : 'host-first',
        rules: [{ name: 'shop', host: 'shop.example.test', path: '/' }],
        rulesLeft: 499,
      });
      const receipt = await balancer.apply(wanting([undefined, 'shop.example.test']), undefined, signal);
      for (const host of ['www.example.test', 'shop.example.test']) {
        expect(cloud.route('web', 80, host, `${challengePath}t`)).toEqual(['192.168.0.10:30080', '192.168.0.11:30080']);
        expect(cloud.route('web', 80, host, '/index.html')).toEqual(['192.168.0.9:80']);
      }
      await balancer.apply(nothing, receipt, signal);
      expect(cloud.snapshot()).toEqual(before);
    });

    it('at lost answers and slow changes, nothing exists twice', async () => {
      for (let lost = 1; lost <= 5; lost += 1) {
        const { cloud, connect } = bench(isAdvanced, { changeMs: 2_000 });
        const before = cloud.snapshot();
        const balancer = connect();
        let count = 0;
        const on = ({ method }: { readonly method: string }) => method !== 'GET' && ++count % lost === 0;
        cloud.api.fault({ kind: 'lost' }, { times: 3, on });
        const receipt = await balancer.apply(wanting(), undefined, signal);
        expect(cloud.route('web', 80, 'www.example.test', `${challengePath}t`)).toHaveLength(2);
        await balancer.apply(nothing, receipt, signal);
        expect(cloud.snapshot(), `each ${lost}th answer`).toEqual(before);
      }
    });

    describe('needs exactly the policy that the reference shows', () => {
      const json = /```json\n([^`]+)```/.exec(definition.notes ?? '')?.[1] ?? '';
      const [first] = (JSON.parse(json) as { readonly Statement: readonly { readonly Action: string[] }[] }).Statement;
      const actions = [...first!.Action, 'iam:projects:listProjects'];
      const keys = [{ accessKey: 'AKroot', secretKey: 'root-secret', actions }];
      const run = async (balancer: Balancer) => {
        await balancer.inspect(signal);
        const all = wanting();
        const one = { ...all, group: { ...all.group!, backends: backends.slice(0, 1) } };
        let receipt: Json | undefined;
        for (const wanted of [all, one, nothing]) {
          receipt = await balancer.apply(wanted, receipt, signal);
          await balancer.state(wanted, receipt, signal);
        }
      };
      it('which is enough', () => run(bench(isAdvanced, { keys }).connect()));
      it('of which it finds the missing rights to read, and names the others', async () => {
        const { cloud, connect } = bench(isAdvanced, { keys });
        const all = (await connect().rights?.(signal)) ?? [];
        expect(all.map(({ action }) => action).toSorted()).toEqual(first!.Action.toSorted());
        for (const { action, state } of all) {
          expect([action, state]).toEqual([action, /:(list|get)$/.test(action) ? 'allowed' : 'untried']);
          if (state === 'untried') continue;
          cloud.deny(action);
          const denied = ((await connect().rights?.(signal)) ?? []).filter((one) => one.state === 'denied');
          expect(denied).toMatchObject([{ action, reason: 'APIGW.0302' }]);
        }
        cloud.deny();
        expect(cloud.records.filter(({ route }) => !route.startsWith('GET'))).toEqual([]);
      });
      it.each(actions)('without %s, the error says what is missing', async (missing) => {
        const { cloud, connect } = bench(isAdvanced, { keys });
        cloud.deny(missing);
        const error = await failure(run(connect()));
        if (missing === 'elb:quotas:list') expect(error).toBe('done');
        else
          expect(error).toMatchObject({ code: 'balancer/refused', hint: expect.stringContaining(`lacks ${missing}`) });
      });
    });
  },
);

it('says that no priority is free before a policy that takes the challenges', async () => {
  const policies = [{ name: 'first', priority: 1, path: '/', pool: 'shop' }];
  const { connect } = bench(true, {
    loadBalancers: [{ name: 'web', listeners: [{ protocol: 'HTTP', port: 80, isAdvanced: true, policies }] }],
  });
  expect(await failure(connect().apply(wanting(), undefined, signal))).toMatchObject({
    code: 'balancer/refused',
    message: expect.stringContaining('each priority'),
  });
});
