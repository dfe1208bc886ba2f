import { describe, expect, it, test } from 'vitest';
import { itDrawn } from '../../test/support/drawn.ts';
import { sampled } from '../../test/support/seeded.ts';
import { connectClb } from '../clients/tencent/clb.ts';
import { keysOf, place, secrets, testClb } from '../clients/tencent/test-clb.ts';
import { challengePath } from '../core/ca/challenge-path.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import type { Balancer, WantedRules } from '../ports/balancer.ts';
import { balancerContract, type EffectWatch } from '../testing/balancer-contract.ts';
import definition from './tencent-clb.ts';

const signal = new AbortController().signal;
const { loadBalancer: lb } = place;
const owner = 'aaaaaaaaaaaa';
let drawn = 0;
const named = (of = owner) =>
  nameWithMark({ owner: of, expires: new Date('2027-01-01'), id: (++drawn).toString(16).padStart(12, '0') });

const backends = ['ins-web1', 'ins-web2'].map((server) => ({ server, port: 30_080, kind: 'cvm' }));

function bench(changes: Parameters<typeof testClb>[0] = {}) {
  const clb = testClb(changes);
  const connect = (options: Record<string, unknown> = {}, watch?: EffectWatch): Balancer =>
    definition.connect({
      name: 'clb',
      world: clb.world(watch),
      options: definition.options.parse({ ...place, backend: { instanceId: 'ins-web1' }, ...options }),
    });
  return { ...clb, connect };
}
const wanting = (hosts: readonly string[] = ['www.example.test'], group = named()): WantedRules => ({
  owner,
  group: { name: group, lineage: 'www', backends: backends.slice(0, 1) },
  rules: hosts.map((host) => ({ name: named(), lineage: 'www', host, path: challengePath })),
});
const nothing: WantedRules = { owner, rules: [] };
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => 'done',
    (error: unknown) => error,
  );

describe('the balancer tencent-clb', () => {
  it('refuses an endpoint with a path, which the calls would lose', () => {
    expect(() => bench().connect({ endpoint: 'https://clb.tencentcloudapi.com/v1' })).toThrow('without a path');
  });

  for (const [name, changes] of Object.entries<Parameters<typeof testClb>[0] & object>({
    'changes that show at once': { behaviour: { visible: 'at-once', addAgain: 'ignored', removeAbsent: 'ignored' } },
    'changes that show when they are done': {},
  }))
    balancerContract(
      (title, run) => (changes.behaviour ? itDrawn : test)(`${name}: ${title}`, run),
      async () => {
        const { fake, clock, lines, connect } = bench(changes);
        return {
          backends,
          hasNoGroups: true,
          connect(watch) {
            const balancer = connect({}, watch);
            // Someone who sweeps what a lost store left does so later than the seconds that a change takes.
            const owned: Balancer['owned'] = (s) => {
              fake.endTasks();
              return balancer.owned(s);
            };
            return { ...balancer, owned };
          },
          connectRefused: () => connect(keysOf({ secretId: 'AKIDunit', secretKey: 'another-secret' })),
          async objects() {
            fake.endTasks();
            return fake.snapshot();
          },
          async isInEffect({ host = '' }, { group }) {
            fake.endTasks();
            const servers = fake.route(lb, 80, host, `${challengePath}token`);
            const all = group?.backends.map(({ server, port }) => `${server}:${port}`) ?? [];
            return JSON.stringify(servers?.toSorted()) === JSON.stringify(all.toSorted());
          },
          pass: (ms) => clock.sleep(ms, signal),
          secrets,
          logged: () => lines,
          stop: async () => {},
        };
      },
    );

  it('shows domains with the default one, and room as the quota says', async () => {
    const { connect, actions } = bench({ quotas: { rulesOfListener: 5 } });
    const balancer = connect();
    expect([balancer.resource, balancer.listener, balancer.mode]).toEqual([`tencent-clb ${lb}`, '80', 'forward']);
    expect(await balancer.inspect(signal)).toMatchObject({
      ...{ matching: 'host-first', defaultHost: 'www.example.test', rulesLeft: 3 },
      rules: [
        { name: expect.stringMatching(/^loc-/), host: 'www.example.test', path: '/' },
        { name: expect.stringMatching(/^loc-/), host: 'shop.example.test', path: '/shop/' },
      ],
    });
    actions();
    await balancer.inspect(signal);
    expect(actions()).toEqual(['DescribeListeners']);
  });

  it('takes only the challenge path of the hosts, and needs few calls', async () => {
    const { fake, connect, actions } = bench();
    const before = fake.snapshot();
    const balancer = connect();
    await balancer.inspect(signal);
    actions();
    const wanted = wanting(['www.example.test', 'shop.example.test']);
    const receipt = await balancer.apply(wanted, undefined, signal);
    const calls = actions();
    expect(calls.filter((name) => !/^Describe/.test(name))).toEqual([
      'CreateRule',
      'RegisterTargets',
      'RegisterTargets',
    ]);
    expect(calls.filter((name) => name === 'DescribeListeners' || name === 'DescribeTargets')).toHaveLength(5);
    for (const host of ['www.example.test', 'shop.example.test', 'unknown.example.test'])
      expect(fake.route(lb, 80, host, `${challengePath}t`), host).toEqual(['ins-web1:30080']);
    expect(fake.route(lb, 80, 'www.example.test', '/index.html')).toEqual(['ins-web1:80']);
    expect(fake.route(lb, 80, 'shop.example.test', '/shop/1')).toEqual(['ins-web1:81']);
    await balancer.apply(nothing, receipt, signal);
    expect(fake.snapshot()).toEqual(before);
  });

  it('waits for the health check of its own server', async () => {
    const { fake, connect, clock } = bench();
    const balancer = connect();
    const wanted = { ...wanting(), group: { name: named(), lineage: 'www', backends } };
    const receipt = await balancer.apply(wanted, undefined, signal);
    const state = () => balancer.state(wanted, receipt, signal);
    expect(await state()).toMatchObject({
      ready: false,
      reason: expect.stringContaining('not checked ins-web1:30080'),
    });
    fake.isUp = ({ instance }) => instance !== 'ins-web1';
    await clock.sleep(30_000, signal);
    expect(await state()).toMatchObject({
      ready: false,
      reason: expect.stringMatching(/ins-web1:30080 fails: does the security group/),
    });
    fake.isUp = () => true;
    expect(await state()).toEqual({ ready: true });
    // It asks the path that the responder answers, with the mark as the host.
    expect(JSON.stringify(fake.snapshot())).toContain(`"HttpCheckDomain":"${wanted.rules[0]!.name}.certfleet.invalid"`);
  });

  it('never removes a rule of others, even one with its own domain, path and port', async () => {
    const { fake, connect } = bench({
      loadBalancers: [
        {
          id: lb,
          listeners: [
            {
              ...{ protocol: 'HTTP', port: 80 },
              rules: [
                { domain: 'www.example.test', targets: [] },
                { domain: 'www.example.test', url: challengePath, targets: [{ instance: 'ins-web1', port: 30_080 }] },
              ],
            },
          ],
        },
      ],
    });
    const before = fake.snapshot();
    const balancer = connect();
    const refused = await failure(balancer.apply(wanting(), undefined, signal));
    expect(refused).toMatchObject({
      code: 'balancer/refused',
      message: expect.stringMatching(/already has a rule.*loc-/),
    });
    // A receipt of a rule that was there before names another ID.
    const known = {
      listener: fake.listenerId(lb, 80),
      rules: [{ name: named(), id: 'loc-old', host: 'www.example.test', path: challengePath, ports: [30_080] }],
    };
    await balancer.apply(nothing, known as unknown as Json, signal);
    expect(await balancer.owned(signal)).toEqual([]);
    await balancer.removeOwned({ kind: 'rule', name: named(), id: 'loc-old' }, signal);
    expect(fake.snapshot()).toEqual(before);
  });

  it('removes what the receipt names if the mark was lost, and nothing else', async () => {
    const { fake, connect, world } = bench();
    const before = fake.snapshot();
    const balancer = connect();
    const receipt = await balancer.apply(wanting(), undefined, signal);
    const { rules } = receipt as { readonly rules: readonly { readonly id: string }[] };
    const client = connect();
    // As a person does in the console.
    const where = { ListenerId: fake.listenerId(lb, 80), LocationId: rules[0]!.id };
    const params = { ...where, HealthCheck: { HttpCheckDomain: 'www.example.test' } };
    const console = connectClb({ options: place, title: 'the console', name: 'console', world: world() });
    await console.change({ action: 'ModifyRule', params }, signal);
    expect(await client.owned(signal)).toEqual([]);
    await client.apply(nothing, undefined, signal);
    expect(fake.snapshot()).not.toEqual(before);
    await client.apply(nothing, receipt, signal);
    expect(fake.snapshot()).toEqual(before);
  });

  it('a listener without a domain gets no rule', async () => {
    const { connect } = bench({ loadBalancers: [{ id: lb, listeners: [{ protocol: 'HTTP', port: 80 }] }] });
    expect(await connect().inspect(signal)).toMatchObject({ rules: [], defaultHost: null });
    const wanted = { ...wanting(), rules: [{ name: named(), lineage: 'www', path: challengePath }] };
    expect(await failure(connect().apply(wanted, undefined, signal))).toMatchObject({
      code: 'balancer/refused',
      message: expect.stringContaining('no default domain'),
      hint: expect.stringContaining('Add a domain to the listener'),
    });
  });

  it('at lost answers, nothing exists twice', async () => {
    for (const lost of [1, ...sampled([2, 3, 4, 5, 6, 7, 8], 2, 'lost answers')]) {
      const { fake, connect } = bench();
      const before = fake.snapshot();
      const balancer = connect();
      let count = 0;
      fake.api.fault(
        { kind: 'lost' },
        { times: 3, on: ({ headers }) => !/^Describe/.test(headers['x-tc-action'] ?? '') && ++count % lost === 0 },
      );
      const wanted = { ...wanting(), group: { name: named(), lineage: 'www', backends } };
      const receipt = await balancer.apply(wanted, undefined, signal);
      expect(fake.route(lb, 80, 'www.example.test', `${challengePath}t`)).toEqual(['ins-web1:30080', 'ins-web2:30080']);
      await balancer.apply(nothing, receipt, signal);
      expect(fake.snapshot(), `each ${lost}th answer`).toEqual(before);
    }
  });

  it('a node that was released does not keep out the others', async () => {
    const { fake, connect } = bench();
    const gone = { server: 'ins-gone', port: 30_080, kind: 'cvm' };
    const wanted = { ...wanting(), group: { name: named(), lineage: 'www', backends: [gone, ...backends] } };
    await connect().apply(wanted, undefined, signal);
    expect(fake.route(lb, 80, 'www.example.test', `${challengePath}t`)).toEqual(['ins-web1:30080', 'ins-web2:30080']);
    const alone = { ...wanted, group: { ...wanted.group, backends: [gone] } };
    expect(await failure(connect().apply(alone, undefined, signal))).toMatchObject({ code: 'balancer/refused' });
  });

  describe('needs exactly the policy that the reference shows', () => {
    const policy = policyIn(definition.notes);
    const limited = { secretId: 'AKIDlimited', secretKey: 'limited-secret', policy };
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
    const all = policy.flatMap(({ action }) => action);
    const rightsOf = async (balancer: Balancer, state: string) =>
      (await balancer.rights!(signal)).filter((right) => right.state === state).map(({ action }) => action);

    it('which is enough', async () => {
      const { fake, connect } = bench({ keys: [limited], uin: '100000000001' });
      const before = fake.snapshot();
      expect((await rightsOf(connect(keysOf(limited)), 'allowed')).toSorted()).toEqual(all.toSorted());
      expect(fake.snapshot()).toEqual(before);
      await run(connect(keysOf(limited)));
      expect(fake.snapshot()).toEqual(before);
    });

    it.each(all)('without %s, doctor knows it', async (missing) => {
      const { fake, connect } = bench({ keys: [limited] });
      fake.deny(missing);
      expect(await rightsOf(connect(keysOf(limited)), 'denied')).toEqual([missing]);
    });

    it.each(all)('without %s, the error says what is missing', async (missing) => {
      const { fake, connect } = bench({ keys: [limited] });
      fake.deny(missing);
      const error = await failure(run(connect(keysOf(limited))));
      // The usual quota is assumed.
      if (missing === 'clb:DescribeQuota') expect(error).toBe('done');
      else expect(error).toMatchObject({ code: 'balancer/refused', hint: expect.stringContaining(`lacks ${missing}`) });
    });
  });

  it.each<[string, Record<string, unknown>, string, RegExp]>([
    [
      'a load balancer that does not exist',
      { loadBalancer: 'lb-none' },
      'balancer/not-found',
      /lb-none in ap-guangzhou/,
    ],
    ['another region', { region: 'ap-shanghai' }, 'balancer/not-found', /lb-unit1 in ap-shanghai/],
    ['a listener that does not exist', { listenerPort: 8080 }, 'balancer/not-found', /its listeners are 80 \(HTTP\)/],
  ])('%s', async (_what, options, code, message) => {
    const { connect } = bench();
    const error = await failure(connect(options).inspect(signal));
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  });
});

function policyIn(notes: string | undefined) {
  const json = /```json\n([^`]+)```/.exec(notes ?? '')?.[1] ?? '';
  const { statement } = JSON.parse(json) as {
    readonly statement: readonly { effect: 'allow'; action: readonly string[]; resource: readonly string[] }[];
  };
  // The placeholder of a user's load balancer.
  return statement.map((one) => ({ ...one, resource: one.resource.map((name) => name.replace('lb-1a2b3c4d', lb)) }));
}
