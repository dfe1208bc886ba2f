import { describe, expect, it, test } from 'vitest';
import { type AlibabaAlbOptions, createAlibabaAlb } from '../../test/support/alibaba-alb.ts';
import { itDrawn } from '../../test/support/drawn.ts';
import { sampled } from '../../test/support/seeded.ts';
import { challengePath } from '../core/ca/challenge-path.ts';
import { Secret } from '../core/errors/secret.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import type { Balancer, WantedRules } from '../ports/balancer.ts';
import type { Http } from '../ports/http.ts';
import type { World } from '../ports/world.ts';
import { balancerContract, type EffectWatch } from '../testing/balancer-contract.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import definition from './alibaba-alb.ts';

const signal = new AbortController().signal;
const lb = 'alb-unit1';
const owner = 'aaaaaaaaaaaa';
const root = { id: 'LTAIunit', secret: 'unit-test-secret' };
let drawn = 0;
const named = (of = owner) =>
  nameWithMark({ owner: of, expires: new Date('2027-01-01'), id: (++drawn).toString(16).padStart(12, '0') });
const backends = ['i-web1', 'i-web2'].map((server) => ({ server, port: 30_080, kind: 'ecs' }));

interface Key {
  readonly id: string;
  readonly secret: string;
}
const keysOf = ({ id, secret }: Key) => ({ accessKeyId: new Secret(id), accessKeySecret: new Secret(secret) });

function bench(changes: Partial<AlibabaAlbOptions> = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const fake = createAlibabaAlb({
    ...{ clock, keys: [root], changeMs: 2_000 },
    loadBalancers: [
      {
        id: lb,
        listeners: [
          {
            ...{ protocol: 'HTTP', port: 80, group: 'web' },
            rules: [{ name: 'shop', priority: 100, hosts: ['shop.example.test'], group: 'shop' }],
          },
        ],
      },
    ],
    groups: [
      { name: 'web', servers: [{ id: 'i-web1', port: 80 }], check: { enabled: false } },
      { name: 'shop', servers: [{ id: 'i-web1', port: 81 }], check: { enabled: false } },
    ],
    servers: { 'i-web1': { ip: '10.0.0.1' }, 'i-web2': { ip: '10.0.0.2' } },
    ...changes,
  });
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  let nonces = 0;
  function world(watch?: EffectWatch): World {
    const http = (): Http => ({
      async request(request) {
        const isChange = !/^(List|Get)/.test(request.headers?.['x-acs-action'] ?? '');
        if (isChange) watch?.('before');
        const response = await fake.api.http.request(request);
        if (isChange) watch?.('after');
        return response;
      },
      close: async () => {},
    });
    const random = { bytes: (length: number) => Buffer.from(String(++nonces).padStart(length, '0')), number: () => 0 };
    return { clock, random, log: { debug: note, info: note, warn: note }, http } as unknown as World;
  }
  const connect = (options: Record<string, unknown> = {}, watch?: EffectWatch): Balancer =>
    definition.connect({
      name: 'alb',
      world: world(watch),
      options: definition.options.parse({
        ...{ region: 'cn-hangzhou', loadBalancer: lb, backend: { serverId: 'i-web1' }, ...keysOf(root), ...options },
      }),
    });
  let counted = 0;
  return {
    ...{ fake, clock, lines, connect },
    /** The actions of the calls since the last count that change something and were carried out. */
    changes(): readonly string[] {
      const since = fake.records.slice(counted);
      counted = fake.records.length;
      return since.flatMap(({ action, code }) => (code === undefined && !/^(List|Get)/.test(action) ? [action] : []));
    },
  };
}

const wanting = (hosts: readonly string[] = ['www.example.test'], of = backends.slice(0, 1)): WantedRules => ({
  owner,
  group: { name: named(), lineage: 'www', backends: of },
  rules: hosts.map((host) => ({ name: named(), lineage: 'www', host, path: challengePath })),
});
const nothing: WantedRules = { owner, rules: [] };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );

describe('the balancer alibaba-alb', () => {
  for (const mode of ['forward', 'fixed-response'] as const)
    balancerContract(
      (title, run) => (mode === 'forward' ? test : itDrawn)(`${mode}: ${title}`, run),
      async () => {
        const { fake, clock, lines, connect } = bench();
        return {
          backends,
          connect: (watch) => connect({ mode }, watch),
          connectRefused: () => connect({ mode, ...keysOf({ ...root, secret: 'another-secret' }) }),
          async objects() {
            fake.endJobs();
            return fake.snapshot();
          },
          async isInEffect({ host = '', path, answer }, { group }) {
            const found = fake.route(lb, 80, host, answer === undefined ? `${path}token` : path);
            if (answer !== undefined) return found === `200 ${answer}`;
            const all = group?.backends.map(({ server, port }) => `${server}:${port}`) ?? [];
            return Array.isArray(found) && found.toSorted().join() === all.toSorted().join();
          },
          pass: (ms) => clock.sleep(ms, signal),
          secrets: [root.secret],
          logged: () => lines,
          stop: async () => {},
        };
      },
    );

  it('takes only the challenge path, and counts the rules of all listeners', async () => {
    const { fake, connect, changes } = bench({ quotas: { rulesOfBalancer: 100 } });
    const before = fake.snapshot();
    const balancer = connect();
    expect([balancer.resource, balancer.listener, balancer.mode]).toEqual([`alibaba-alb ${lb}`, '80', 'forward']);
    expect(await balancer.inspect(signal)).toEqual({
      ...{ matching: 'best', rulesLeft: 99 },
      rules: [{ name: 'shop', host: 'shop.example.test', action: expect.stringMatching(/^forwards to sgp-/) }],
    });
    const receipt = await balancer.apply(wanting(['www.example.test', 'shop.example.test']), undefined, signal);
    expect(changes()).toEqual(['CreateServerGroup', 'AddServersToServerGroup', 'CreateRule', 'CreateRule']);
    for (const host of ['www.example.test', 'shop.example.test'])
      expect(fake.route(lb, 80, host, `${challengePath}t`), host).toEqual(['i-web1:30080']);
    expect(fake.route(lb, 80, 'www.example.test', '/index.html')).toEqual(['i-web1:80']);
    expect(fake.route(lb, 80, 'shop.example.test', '/')).toEqual(['i-web1:81']);
    await balancer.apply(nothing, receipt, signal);
    expect(changes()).toEqual(['DeleteRule', 'DeleteRule', 'DeleteServerGroup']);
    expect(fake.snapshot()).toEqual(before);
  });

  it('waits for the health check of its own server', async () => {
    const { fake, connect, clock } = bench();
    const balancer = connect();
    await balancer.backend?.(signal);
    const wanted = wanting(['www.example.test'], backends);
    const receipt = await balancer.apply(wanted, undefined, signal);
    const state = () => balancer.state(wanted, receipt, signal);
    fake.isUp = ({ id }) => id !== 'i-web1';
    await clock.sleep(30_000, signal);
    expect(await state()).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/i-web1:30080 fails \(RESPONSE_MISMATCH\): does the security group/),
    });
    fake.isUp = () => true;
    expect(await state()).toEqual({ ready: true });
  });

  it('says which rule leaves no number below it, and changes no rule of others', async () => {
    const everything = { name: 'all', priority: 1, paths: ['/*'], group: 'web' };
    const listeners = [{ protocol: 'HTTP' as const, port: 80, group: 'web', rules: [everything] }];
    const { fake, connect } = bench({ loadBalancers: [{ id: lb, listeners }] });
    const before = fake.snapshot();
    expect(await failure(connect().apply(wanting(), undefined, signal))).toMatchObject({
      code: 'balancer/refused',
      message: expect.stringMatching(/rule all with the number 1 \(forwards to sgp-/),
    });
    await connect().apply(nothing, undefined, signal);
    expect(fake.snapshot()).toEqual(before);
  });

  it('at lost answers, nothing exists twice', async () => {
    for (const lost of [1, ...sampled([2, 3, 4, 5, 6, 7, 8], 2, 'lost answers')]) {
      const { fake, connect } = bench();
      const before = fake.snapshot();
      let count = 0;
      fake.api.fault(
        { kind: 'lost' },
        { times: 3, on: ({ headers }) => !/^(List|Get)/.test(headers['x-acs-action'] ?? '') && ++count % lost === 0 },
      );
      const wanted = wanting(['www.example.test', 'shop.example.test'], backends);
      const receipt = await connect().apply(wanted, undefined, signal);
      expect(await connect().owned(signal), `each ${lost}th answer`).toHaveLength(3);
      expect(fake.route(lb, 80, 'www.example.test', `${challengePath}t`)).toEqual(['i-web1:30080', 'i-web2:30080']);
      await connect().apply(nothing, receipt, signal);
      expect(fake.snapshot(), `each ${lost}th answer`).toEqual(before);
    }
  });

  it.each([...['CreateServerGroup', 'AddServersToServerGroup', 'CreateRule', 'DeleteRule', 'DeleteServerGroup']])(
    'makes %s again if ALB gives it up after it was accepted, and says why it cannot',
    async (action) => {
      const { fake, connect } = bench();
      const before = fake.snapshot();
      const run = async () => {
        const receipt = await connect().apply(wanting(), undefined, signal);
        expect(fake.route(lb, 80, 'www.example.test', `${challengePath}t`)).toEqual(['i-web1:30080']);
        await connect().apply(nothing, receipt, signal);
        expect(fake.snapshot()).toEqual(before);
      };
      fake.failJob(action);
      await run();
      fake.failJob(action, 'OperationFailed.Unit', 100);
      expect(await failure(run())).toMatchObject({
        message: expect.stringMatching(/OperationFailed\.Unit|ServerGroup/),
      });
    },
  );

  it('a node that was released does not keep out the others', async () => {
    const { fake, connect } = bench();
    const gone = { server: 'i-gone', port: 30_080, kind: 'ecs' };
    for (const all of [
      [gone, ...backends],
      [...backends, gone],
    ]) {
      await connect().apply(wanting(['www.example.test'], all), undefined, signal);
      expect(fake.route(lb, 80, 'www.example.test', `${challengePath}t`)).toEqual(['i-web1:30080', 'i-web2:30080']);
    }
    expect(await failure(connect().apply(wanting(['www.example.test'], [gone]), undefined, signal))).toMatchObject({
      code: 'balancer/not-found',
      message: expect.stringContaining('a running server i-gone for alb-unit1 in cn-hangzhou does not exist'),
      hint: expect.stringContaining('`backend.serverId`'),
    });
  });

  describe('needs exactly the policy that the reference shows', () => {
    const policy = policyIn(definition.notes);
    const limited = { id: 'LTAIlimited', secret: 'limited-secret', policy };
    const run = async (balancer: Balancer) => {
      await balancer.inspect(signal);
      const wanted = wanting();
      const both = { ...wanted, group: { ...wanted.group!, backends } };
      let receipt: Json | undefined;
      for (const one of [both, wanted, nothing]) {
        receipt = await balancer.apply(one, receipt, signal);
        await balancer.state(one, receipt, signal);
      }
    };
    it('which is enough', async () => {
      const { fake, connect } = bench({ keys: [limited] });
      const before = fake.snapshot();
      await run(connect(keysOf(limited)));
      expect(fake.snapshot()).toEqual(before);
    });

    it('each right of which it finds, and changes nothing', async () => {
      // The calls for an object that does not exist.
      const isOfNothing = /:(DeleteRule|ListServerGroupServers|AddServers\w+|RemoveServers\w+|DeleteServerGroup)$/;
      const { fake, connect, changes } = bench({ keys: [limited] });
      const before = fake.snapshot();
      const of = async (mode: 'forward' | 'fixed-response') =>
        (await connect({ ...keysOf(limited), mode }).rights?.(signal)) ?? [];
      const all = await of('forward');
      expect(all.map(({ action }) => action).toSorted()).toEqual(policy.flatMap(({ Action }) => Action).toSorted());
      expect(new Set(all.map(({ state }) => state))).toEqual(new Set(['allowed']));
      expect((await of('fixed-response')).map(({ action }) => action)).toEqual(
        all.map(({ action }) => action).filter((action) => /Rule|ListL/.test(action) && !/Health/.test(action)),
      );
      for (const { action } of all.filter((one) => one.action !== 'alb:ListListeners')) {
        fake.deny(action);
        const [missing, ...more] = (await of('forward')).filter(({ state }) => state !== 'allowed');
        expect([missing?.action, more]).toEqual([action, []]);
        expect(missing?.state, action).toBe(isOfNothing.test(action) ? 'doubtful' : 'denied');
      }
      expect([changes(), fake.snapshot()]).toEqual([[], before]);
    });

    it.each(policy.flatMap(({ Action }) => Action))('without %s, the error says what is missing', async (missing) => {
      const { fake, connect } = bench({ keys: [limited] });
      fake.deny(missing);
      expect(await failure(run(connect(keysOf(limited))))).toMatchObject({
        code: 'balancer/refused',
        hint: expect.stringContaining(`lacks ${missing}`),
      });
    });
  });

  it.each<[string, Record<string, unknown>, RegExp]>([
    ['a load balancer that does not exist', { loadBalancer: 'alb-none' }, /alb-none in cn-hangzhou/],
    ['a listener that does not exist', { listenerPort: 8080 }, /its listeners are 80 \(HTTP\)/],
  ])('%s', async (_what, options, message) => {
    expect(await failure(bench().connect(options).inspect(signal))).toMatchObject({
      code: 'balancer/not-found',
      message: expect.stringMatching(message),
    });
  });
});

function policyIn(notes: string | undefined) {
  const json = /```json\n([^`]+)```/.exec(notes ?? '')?.[1] ?? '';
  const { Statement } = JSON.parse(json) as {
    readonly Statement: readonly { Effect: 'Allow'; Action: readonly string[]; Resource: string }[];
  };
  return Statement;
}
