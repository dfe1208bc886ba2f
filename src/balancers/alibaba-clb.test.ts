import { describe, expect, it } from 'vitest';
import type { HealthRow } from '../../test/support/alibaba-clb/find.ts';
import { takeSnapshot } from '../../test/support/alibaba-clb/snapshot.ts';
import { keys, type TestClb, testClb } from '../clients/alibaba/test-clb.ts';
import { CertfleetError } from '../core/errors/errors.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { Json } from '../core/text/json.ts';
import { present } from '../core/text/present.ts';
import type { WantedRules } from '../ports/balancer.ts';
import type { HttpRequest } from '../ports/http.ts';
import definition from './alibaba-clb.ts';

const signal = new AbortController().signal;
const owner = 'aaaaaaaaaaaa';
const path = '/.well-known/acme-challenge/';
const node = { server: 'i-node1', port: 30_080, kind: 'ecs' };
const named = (id: number, of = owner) =>
  nameWithMark({ owner: of, expires: new Date('2026-11-25T12:00:00Z'), id: String(id).padStart(12, '0') });

const connect = (clb: TestClb, more: object = {}) =>
  definition.connect({
    name: 'slb',
    world: clb.world,
    options: definition.options.parse({
      region: 'cn-test',
      loadBalancer: 'lb-1',
      backend: { serverId: 'i-node1' },
      endpoint: 'http://127.0.0.1:1',
      ...keys,
      ...more,
    }),
  });

/** One rule for every host, or one for each of these. */
const wanting = (hosts: readonly (string | undefined)[] = [undefined], backends = [node]): WantedRules => ({
  owner,
  group: { name: named(1), backends, lineage: 'www' },
  rules: hosts.map((host, at) => ({
    name: named(100 + at),
    lineage: 'www',
    path,
    ...present({ host }),
  })),
});
const nothing: WantedRules = { owner, rules: [] };
const failure = async (promise: Promise<unknown>): Promise<CertfleetError> => {
  const error = await promise.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(CertfleetError);
  return error as CertfleetError;
};

describe('alibaba-clb', () => {
  it('makes a group and a rule with its own health check, and removes both, in 9 calls', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    const receipt = await balancer.apply(wanting(), undefined, signal);
    expect(clb.actions()).toEqual([
      'DescribeLoadBalancerAttribute',
      'DescribeRules',
      'DescribeVServerGroups',
      'CreateVServerGroup',
      'CreateRules',
      'SetRule',
    ]);
    expect(clb.groups()).toMatchObject([
      { name: named(1), servers: [{ serverId: 'i-node1', port: 30_080, weight: 100, type: 'ecs' }] },
    ]);
    expect([...clb.groups()[0]!.tags]).toEqual([
      ['certfleet-owner', owner],
      ['certfleet-expires', '2026-11-25T12:00:00.000Z'],
      ['certfleet-lineage', 'www'],
      ['certfleet-listener', '80'],
    ]);
    expect(clb.rules(80)).toMatchObject([
      {
        name: named(100),
        domain: '',
        url: path,
        listenerSync: 'off',
        check: { enabled: true, uri: `${path}health`, port: 30_080 },
      },
    ]);
    await balancer.apply(nothing, receipt, signal);
    expect(clb.actions()).toEqual(['DescribeRules', 'DescribeVServerGroups', 'DeleteRules', 'DeleteVServerGroup']);
    expect([clb.rules(80), clb.groups()]).toEqual([[], []]);
  });

  it.each([
    ['everything', 'slb:*', { denied: [], doubtful: [] }],
    [
      'only reading',
      'slb:Describe*',
      {
        denied: ['slb:CreateVServerGroup', 'slb:CreateRules'],
        doubtful: [
          'slb:SetRule',
          'slb:DeleteRules',
          'slb:AddVServerGroupBackendServers',
          'slb:RemoveVServerGroupBackendServers',
          'slb:DeleteVServerGroup',
        ],
      },
    ],
    [
      'no look at the health',
      ['slb:DescribeLoadBalancerAttribute', 'slb:DescribeLoadBalancerHTTPListenerAttribute', 'slb:Create*'],
      { denied: ['slb:DescribeVServerGroups', 'slb:DescribeHealthStatus'], doubtful: expect.any(Array) },
    ],
  ])('finds out what a key may do that allows %s, and changes nothing', async (_what, Action, found) => {
    const clb = testClb({}, [{ Effect: 'Allow', Action, Resource: '*' }]);
    const before = takeSnapshot(clb.cloud);
    const rights = await connect(clb).rights!(signal);
    const of = (state: string) => rights.filter((right) => right.state === state).map(({ action }) => action);
    expect({ denied: of('denied'), doubtful: of('doubtful') }).toEqual(found);
    expect(of('untried')).toEqual(['slb:TagResources']);
    expect(takeSnapshot(clb.cloud)).toEqual(before);
  });

  it('says whether a server is healthy, whatever leads to it, unless it may not look', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    const look = () => balancer.health!(node, signal);
    expect(await look()).toBeUndefined();
    clb.setHealth([{ serverId: 'i-node1', port: 30_080, status: 'abnormal' }]);
    expect(await look()).toMatchObject({
      ready: false,
      reason: 'no healthy backend: health check of i-node1:30080 fails',
    });
    clb.setHealth([{ serverId: 'i-node1', port: 30_080, status: 'unavailable' }]);
    expect(await look()).toMatchObject({ ready: false, reason: expect.stringContaining('has not been made yet') });
    clb.setHealth([{ serverId: 'i-node1', port: 30_080, status: 'normal' }]);
    expect(await look()).toEqual({ ready: true });
    clb.refuse('DescribeHealthStatus', 'Forbidden.RAM');
    expect(await look()).toBeUndefined();
  });

  it('reads the rules once for inspect and the apply that follows, so that an order takes 10 calls and its polls', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    await balancer.inspect(signal);
    const receipt = await balancer.apply(wanting(), undefined, signal);
    await balancer.inspect(signal);
    await balancer.apply(nothing, receipt, signal);
    expect(clb.actions()).toHaveLength(10);
    // Once, and after a lost answer not at all.
    await balancer.inspect(signal);
    clb.api.fault({ kind: 'lost' }, { on: ({ headers }) => headers['x-acs-action'] === 'CreateRules' });
    await balancer.apply(wanting(), undefined, signal);
    expect(clb.rules(80)).toHaveLength(1);
    await balancer.apply(nothing, receipt, signal);
    expect([clb.rules(80), clb.groups()]).toEqual([[], []]);
  });

  it('finds the listener again after it changed', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    await balancer.inspect(signal);
    clb.listener(80).forwardPort = 443;
    clb.addRule(443, { name: 'secure', url: '/x' });
    clb.refuse('DescribeRules', 'ListenerNotFound');
    expect((await balancer.inspect(signal)).rules).toMatchObject([{ name: 'secure' }]);
  });

  it('repeats nothing that is as wanted, and keeps the time of the last change', async () => {
    const clb = testClb();
    const first = await connect(clb).apply(wanting(), undefined, signal);
    clb.actions();
    const again = await connect(clb).apply(wanting(), first, signal);
    expect(again).toEqual(first);
    expect(clb.actions()).toEqual([
      'DescribeLoadBalancerAttribute',
      'DescribeRules',
      'DescribeVServerGroups',
      'DescribeVServerGroupAttribute',
    ]);
  });

  it('makes a changed wish so: servers join and leave, rules come and go, ten at once', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    const hosts = Array.from({ length: 12 }, (_, at) => `www${at}.example.test`);
    await balancer.apply(wanting(hosts), undefined, signal);
    expect(clb.actions().filter((action) => action === 'CreateRules')).toHaveLength(2);
    const other = { server: 'eni-2', port: 30_080, kind: 'eni', address: '192.0.2.9' };
    await balancer.apply(wanting(hosts.slice(0, 1), [other]), undefined, signal);
    expect(clb.rules(80).map((rule) => rule.domain)).toEqual(['www0.example.test']);
    expect(clb.groups().map(({ servers }) => servers)).toEqual([
      [{ serverId: 'eni-2', port: 30_080, weight: 100, type: 'eni', ip: '192.0.2.9', ipGiven: true }],
    ]);
    expect(clb.actions()).toEqual([
      'DescribeRules',
      'DescribeVServerGroups',
      'DeleteRules',
      'DeleteRules',
      'DescribeVServerGroupAttribute',
      'AddVServerGroupBackendServers',
      'RemoveVServerGroupBackendServers',
    ]);
  });

  it('leaves what belongs to others, also what another installation or another listener made', async () => {
    const clb = testClb();
    clb.addRule(80, { name: 'web', domain: 'a.example' });
    const others = connect(clb);
    await others.apply(
      { ...wanting(['b.example']), owner: 'bbbbbbbbbbbb', group: undefined!, rules: [] },
      undefined,
      signal,
    );
    await connect(clb, { listenerPort: 443 }).apply(
      {
        ...wanting(),
        group: { ...wanting().group!, name: named(2) },
        rules: [{ ...wanting().rules[0]!, name: named(200) }],
      },
      undefined,
      signal,
    );
    clb.addGroup(named(7, 'bbbbbbbbbbbb'));
    const before = takeSnapshot(clb.cloud);
    const balancer = connect(clb);
    await balancer.apply(wanting(), undefined, signal);
    await balancer.apply(nothing, undefined, signal);
    expect(takeSnapshot(clb.cloud)).toEqual(before);
    expect((await balancer.owned(signal)).map(({ kind, name }) => [kind, name])).toEqual([
      ['rule', named(200)],
      ['group', named(2)],
      ['group', named(7, 'bbbbbbbbbbbb')],
    ]);
  });

  it.each(['CreateVServerGroup', 'CreateRules', 'SetRule', 'DeleteRules', 'DeleteVServerGroup'])(
    'looks before it repeats %s after a lost answer',
    async (action) => {
      const clb = testClb();
      const balancer = connect(clb);
      clb.api.fault({ kind: 'lost' }, { on: ({ headers }) => headers['x-acs-action'] === action });
      const receipt = await balancer.apply(wanting(), undefined, signal);
      expect([clb.groups().length, clb.rules(80).length]).toEqual([1, 1]);
      expect(receipt).toMatchObject({ group: { id: clb.groups()[0]!.id } });
      await balancer.apply(nothing, receipt, signal);
      expect([clb.groups().length, clb.rules(80).length]).toEqual([0, 0]);
    },
  );

  it('waits while the balancer is busy, and while a deleted rule still counts', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    clb.refuse('CreateRules', 'BackendServer.configuring');
    clb.refuse('SetRule', 'OperationBusy');
    await balancer.apply(wanting(), undefined, signal);
    clb.refuse('DeleteVServerGroup', 'RspoolVipExist');
    await balancer.apply(nothing, undefined, signal);
    expect(clb.groups()).toEqual([]);
  });

  it('leaves out other nodes that were stopped, but not all', async () => {
    const clb = testClb();
    const others = ['i-gone1', 'i-gone2'].map((server) => ({ ...node, server }));
    await connect(clb).apply(wanting([undefined], [others[0]!, node, others[1]!]), undefined, signal);
    expect(clb.groups().map(({ servers }) => servers.map(({ serverId }) => serverId))).toEqual([['i-node1']]);
    await connect(clb).apply(wanting([undefined], [...others, node]), undefined, signal);
    expect(await failure(connect(clb).apply(wanting([undefined], others), undefined, signal))).toMatchObject({
      message: expect.stringMatching(/a running server i-gone1.* for lb-1 in cn-test does not exist: ObtainIpFail/),
      hint: expect.stringContaining('`backend.serverId`'),
    });
    expect(clb.groups()[0]!.servers).toHaveLength(1);
  });

  it('removes one of two groups of the same name, which a list that lags can leave', async () => {
    const clb = testClb();
    const balancer = connect(clb);
    await balancer.apply(wanting(), undefined, signal);
    const [group] = clb.groups();
    clb.cloud.groups.clear();
    for (const id of ['rsp-twin', group!.id]) clb.cloud.groups.set(id, { ...group!, id });
    await balancer.apply(wanting(), undefined, signal);
    expect(clb.groups().map(({ id }) => id)).toEqual([group!.id]);
  });

  it('uses the HTTPS listener that a redirect leads to, and cleans up when the redirect is gone', async () => {
    const clb = testClb();
    clb.listener(80).forwardPort = 443;
    await connect(clb).apply(wanting(), undefined, signal);
    expect([clb.rules(80).length, clb.rules(443).length]).toEqual([0, 1]);
    delete clb.listener(80).forwardPort;
    await connect(clb).apply(nothing, undefined, signal);
    expect([clb.rules(443), clb.groups()]).toEqual([[], []]);
  });

  it('removes the group after the listener was deleted', async () => {
    const clb = testClb();
    for (const isSameProcess of [false, true]) {
      const balancer = connect(clb);
      await balancer.apply(wanting(), undefined, signal);
      const [gone] = clb.balancer.listeners.splice(0, 1);
      clb.cloud.rules.clear();
      await (isSameProcess ? balancer : connect(clb)).apply(nothing, undefined, signal);
      expect(clb.groups()).toEqual([]);
      clb.balancer.listeners.unshift(gone!);
    }
  });

  it('says how many rules there is room for', async () => {
    const clb = testClb();
    clb.addRule(80, { name: 'web', domain: '*.a.example', url: '/x' });
    expect(await connect(clb, { ruleQuota: 50 }).inspect(signal)).toEqual({
      matching: 'host-first',
      rules: [{ name: 'web', host: '*.a.example', path: '/x', action: 'forwards to rsp-web' }],
      rulesLeft: 49,
      addresses: ['203.0.113.10'],
    });
  });

  describe('state', () => {
    const row = (status: HealthRow['status'], more: Partial<HealthRow> = {}) => ({
      serverId: 'i-node1',
      port: 30_080,
      status,
      ...more,
    });
    const two = [node, { server: 'i-node2', port: 30_080, kind: 'ecs' }];
    it.each([
      ['normal', [row('normal'), row('abnormal', { serverId: 'i-node2' })], 0, true],
      ['another port', [row('normal', { port: 80 })], 0, /not checked i-node1:30080 yet/],
      ['not checked yet', [row('unavailable')], 0, /not checked i-node1:30080 yet/],
      ['never checked', [row('unavailable')], 31_000, true],
      ['not listed for long', [], 31_000, true],
      ['good for one rule, and not checked for another', [row('normal'), row('unavailable')], 0, /not checked/],
      ['so for a while', [row('normal'), row('unavailable')], 9_000, true],
      ['good for one rule, and bad for another', [row('normal'), row('abnormal')], 0, /i-node1:30080 is abnormal/],
      [
        'abnormal',
        [row('abnormal')],
        31_000,
        /health check of i-node1:30080 is abnormal: is the port open.*100\.64\.0\.0\/10/,
      ],
    ] as const)('%s', async (_name, health, ageMs, expected) => {
      const clb = testClb();
      clb.setHealth(health);
      const at = new Date(clb.world.clock.now().getTime() - ageMs).toISOString();
      const wanted = wanting([undefined], two);
      clb.addRule(80, { name: wanted.rules[0]!.name, url: path });
      const state = await connect(clb).state(wanted, { group: null, rules: [], at } as Json, signal);
      expect(state.ready).toBe(expected === true);
      if (!state.ready) expect(state.reason).toMatch(expected as RegExp);
    });

    it('is decided by the rules alone where no listener is checked', async () => {
      const clb = testClb({ uncheckedServers: 'error' });
      const balancer = connect(clb);
      await balancer.apply(wanting(), undefined, signal);
      expect(await balancer.state(wanting(), null, signal)).toEqual({ ready: true });
      await balancer.apply(nothing, undefined, signal);
      expect(await balancer.state(wanting(), null, signal)).toMatchObject({ ready: false });
    });
  });

  describe('errors name what is wrong, with the request id, before anything is changed', () => {
    it.each([
      [
        'an unknown load balancer',
        { loadBalancer: 'lb-2' },
        'balancer/not-found',
        /lb-2 in cn-test does not exist: .*REQUEST/,
      ],
      ['another region', { region: 'cn-else' }, 'balancer/not-found', /lb-1 in cn-else/],
      [
        'a missing listener',
        { listenerPort: 81 },
        'balancer/not-found',
        /port 81 of lb-1 in cn-test.*80 \(http\), 443 \(https\)/,
      ],
    ] as const)('%s', async (_name, options, code, text) => {
      const clb = testClb();
      const error = await failure(connect(clb, options).inspect(signal));
      const message = new RegExp(text.source.replace('REQUEST', clb.refusedId()));
      expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
    });

    it('a redirect that leads nowhere', async () => {
      const clb = testClb();
      clb.listener(80).forwardPort = 443;
      clb.balancer.listeners.splice(1, 1);
      const error = await failure(connect(clb).inspect(signal));
      expect(error).toMatchObject({ code: 'balancer/redirects', message: expect.stringContaining('port 443 of lb-1') });
    });

    it('no permission', async () => {
      const clb = testClb();
      clb.refuse('CreateVServerGroup', 'Forbidden.RAM');
      const error = await failure(connect(clb).apply(wanting(), undefined, signal));
      expect(error).toMatchObject({ code: 'balancer/refused', message: expect.stringContaining(clb.refusedId()) });
      expect(error.hint).toContain('slb:CreateVServerGroup');
      expect([clb.groups(), clb.rules(80)]).toEqual([[], []]);
    });

    it('a rule of someone else for the same host and path, and no room', async () => {
      const clb = testClb();
      clb.addRule(80, { name: 'acme', url: path });
      expect(await failure(connect(clb).apply(wanting(), undefined, signal))).toMatchObject({
        code: 'balancer/refused',
        message: expect.stringContaining('acme'),
      });
      expect(
        await failure(connect(clb, { ruleQuota: 1 }).apply(wanting(['a.example']), undefined, signal)),
      ).toMatchObject({
        code: 'balancer/quota',
      });
      expect(clb.groups().map(({ name }) => name)).toEqual(['web']);
    });
  });

  it('asks the metadata server which instance it runs on, once', async () => {
    const asked: string[] = [];
    const http = {
      async request({ url }: HttpRequest) {
        asked.push(new URL(url).pathname);
        const known = url === 'http://100.100.100.200/latest/meta-data/instance-id';
        return { status: known ? 200 : 404, headers: {}, body: new TextEncoder().encode(known ? 'i-node7' : '') };
      },
      async close() {},
    };
    const clb = testClb();
    const balancer = connect({ ...clb, world: { ...clb.world, http: () => http } }, { backend: { port: 8000 } });
    for (let asks = 0; asks < 2; asks++)
      expect(await balancer.backend!(signal)).toEqual({ server: 'i-node7', port: 8000, kind: 'ecs' });
    expect(await balancer.hasServer!(await balancer.backend!(signal), signal)).toBe(true);
    expect(asked.filter((path) => path.endsWith('instance-id'))).toHaveLength(1);
  });

  it.each([
    ['the listener leads to it', 'i-node1', [{ serverId: 'i-node1', port: 80, status: 'abnormal' }], true],
    ['no listener leads to it', 'i-nope', [{ serverId: 'i-node1', port: 80, status: 'normal' }], false],
    ['no listener is checked', 'i-node1', [], false],
  ] as const)('knows that a server exists if %s', async (_what, serverId, health, expected) => {
    const clb = testClb({ uncheckedServers: 'error' });
    clb.setHealth(health);
    const balancer = connect(clb, { backend: { serverId } });
    expect(await balancer.hasServer!(await balancer.backend!(signal), signal)).toBe(expected);
    expect(clb.actions().filter((action) => !action.startsWith('Describe'))).toEqual([]);
  });

  it('takes the server from the configuration, and refuses half a description', async () => {
    const backend = { type: 'eni', serverId: 'eni-1', serverIp: '192.0.2.5' };
    expect(await connect(testClb(), { backend }).backend!(signal)).toEqual({
      server: 'eni-1',
      port: 30_080,
      kind: 'eni',
      address: '192.0.2.5',
    });
    expect(definition.options.safeParse({ region: 'a', loadBalancer: 'b', backend: { type: 'eni' } }).success).toBe(
      false,
    );
    expect(
      definition.options.safeParse({ region: 'a', loadBalancer: 'b', endpoint: 'http://198.51.100.1' }).success,
    ).toBe(false);
  });
});
