import { Agent } from 'node:http';
import { describe, expect, it } from 'vitest';
import { type AlibabaClb, type AlibabaClbOptions, startAlibabaClb } from '../support/alibaba-clb.ts';
import { createOracle, type Oracle } from '../support/alibaba-oracle.ts';
import { spawnAlibabaClb } from '../support/alibaba-process.ts';
import { get, type Node, startNodes } from '../support/alibaba-world.ts';
import { until } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The data plane of the fake: real requests to real backends, by the rules that the API holds.

const key = { id: 'LTAIroot', secret: 'root-secret' };
const lb = 'lb-bp1example';
const prefix = '/.well-known/acme-challenge/';
const onListener = { LoadBalancerId: lb, ListenerPort: 80 };

stopAllAfterwards();

interface World {
  readonly clb: AlibabaClb;
  readonly oracle: Oracle;
  readonly nodes: readonly Node[];
  /** The answer's status and the name of the node that gave it. */
  ask(host: string, path: string): Promise<string>;
  /** A group of these nodes. */
  group(...nodes: Node[]): Promise<string>;
  rule(group: string, rule: { RuleName: string; Domain?: string; Url?: string }): Promise<string>;
  /** DescribeHealthStatus: the status of each node. */
  health(port?: number): Promise<Readonly<Record<string, string>>>;
}

const serverId = (node: Node): string => `i-${node.name}`;
type ListenerOptions = AlibabaClbOptions['loadBalancers'][number]['listeners'][number];

const world = (nodes: readonly Node[], listener: Partial<ListenerOptions> = {}): AlibabaClbOptions => ({
  keys: [key],
  servers: Object.fromEntries(nodes.map((node) => [serverId(node), node.address])),
  loadBalancers: [
    {
      id: lb,
      groups: [{ name: 'web', servers: [{ server: 'i-a', port: nodes[0]!.port }] }],
      listeners: [{ protocol: 'http', port: 80, group: 'web', check: { enabled: false }, ...listener }],
    },
  ],
});

/** Node `a` behind the listener, without a health check of the listener unless it is given. */
async function start(
  changes: Partial<AlibabaClbOptions> = {},
  listener: Partial<ListenerOptions> = {},
): Promise<World> {
  const nodes = await startNodes(3);
  const clb = await startAlibabaClb({ ...world(nodes, listener), secondMs: 20, ...changes });
  const oracle = createOracle(clb.endpoint, key);
  return {
    clb,
    oracle,
    nodes,
    async ask(host, path) {
      const { status, text } = await get(clb.port(80), host, path);
      return status === 200 ? text.split(' ')[0]! : String(status);
    },
    async group(...members) {
      const BackendServers = JSON.stringify(members.map((node) => ({ ServerId: serverId(node), Port: node.port })));
      const made = await oracle.call('CreateVServerGroup', { LoadBalancerId: lb, BackendServers });
      return made.VServerGroupId;
    },
    async rule(group, rule) {
      const RuleList = JSON.stringify([{ VServerGroupId: group, ...rule }]);
      const { Rules } = await oracle.call('CreateRules', { ...onListener, RuleList });
      return Rules.Rule[0].RuleId;
    },
    async health(port = 80) {
      const { BackendServers } = await oracle.call('DescribeHealthStatus', { LoadBalancerId: lb, ListenerPort: port });
      return Object.fromEntries(
        BackendServers.BackendServer.map((row: Record<string, string>) => [row['ServerId'], row['ServerHealthStatus']]),
      );
    },
  };
}

const check = {
  ListenerSync: 'off',
  Scheduler: 'wrr',
  StickySession: 'off',
  HealthCheck: 'on',
  HealthCheckURI: `${prefix}health`,
  HealthCheckHttpCode: 'http_2xx',
  HealthCheckInterval: 1,
  HealthCheckTimeout: 1,
  HealthyThreshold: 2,
  UnhealthyThreshold: 2,
};

describe('forwarding', () => {
  it('chooses by the domain first and by the longest URL second', async () => {
    const { ask, group, rule, nodes } = await start();
    const [b, c] = [await group(nodes[1]!), await group(nodes[2]!)];
    expect(await ask('abc.example.com', `${prefix}x`)).toBe('a');
    await rule(b, { RuleName: 'url', Url: prefix });
    await rule(c, { RuleName: 'longer', Url: `${prefix}lo` });
    await rule(c, { RuleName: 'wild', Domain: '*.example.com' });
    await rule(b, { RuleName: 'wilder', Domain: '*.shop.example.com' });
    await rule(c, { RuleName: 'exact', Domain: 'one.shop.example.com', Url: '/api' });
    for (const [host, path, node] of [
      ['other.test', '/', 'a'],
      ['other.test:8080', `${prefix}x`, 'b'],
      ['other.test', `${prefix}long`, 'c'],
      ['ABC.example.com', `${prefix}x`, 'c'],
      ['example.com', `${prefix}x`, 'b'],
      ['two.shop.example.com', '/', 'b'],
      ['one.shop.example.com', '/api/x', 'c'],
      ['one.shop.example.com', '/', '404'],
      ['one.shop.example.com', `${prefix}x`, '404'],
    ] as const)
      expect([host, path, await ask(host, path)]).toEqual([host, path, node]);
  });

  it.each([
    ['not-found', '404'],
    ['default', 'a'],
    ['next', 'b'],
  ] as const)('a host whose rules do not take the path: %s', async (hostWithoutPath, expected) => {
    const { ask, group, rule, nodes } = await start({ behaviour: { hostWithoutPath } });
    const [b, c] = [await group(nodes[1]!), await group(nodes[2]!)];
    await rule(b, { RuleName: 'url', Url: prefix });
    await rule(c, { RuleName: 'exact', Domain: 'abc.example.com', Url: '/api' });
    expect(await ask('abc.example.com', `${prefix}x`)).toBe(expected);
  });

  it('passes on bodies, headers and methods, and keeps connections on both sides', async () => {
    const { clb, nodes, oracle, group } = await start({ requestsPerConnection: 5 });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let times = 0; times < 12; times++)
      expect((await get(clb.port(80), 'x.test', `/n${times}`, { agent })).text).toBe(`a GET /n${times}`);
    agent.destroy();
    expect(nodes[0]!.requests.at(-1)!.headers).toMatchObject({
      host: 'x.test',
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
    });
    expect(nodes[0]!.connections).toBe(1);
    const headers = { 'x-forwarded-for': '203.0.113.7' };
    const posted = await get(clb.port(80), 'x.test', '/p?q=1', { method: 'POST', body: 'hello', headers });
    expect(posted.text).toBe('a POST /p?q=1hello');
    expect(nodes[0]!.requests.at(-1)!.headers['x-forwarded-for']).toBe('203.0.113.7, 127.0.0.1');
    const head = await get(clb.port(80), 'x.test', '/h', { method: 'HEAD' });
    expect([head.status, head.text]).toEqual([200, '']);
    // A group takes weights; a weight of 0 takes no requests.
    const heavy = await oracle.call('CreateVServerGroup', {
      LoadBalancerId: lb,
      BackendServers: JSON.stringify(
        nodes.map(({ name, port }, index) => ({ ServerId: `i-${name}`, Port: port, Weight: [20, 0, 80][index] })),
      ),
    });
    await oracle.call('CreateRules', {
      ...onListener,
      RuleList: JSON.stringify([{ RuleName: 'w', Domain: 'w.test', VServerGroupId: heavy.VServerGroupId }]),
    });
    const names = await Promise.all(Array.from({ length: 10 }, () => get(clb.port(80), 'w.test', '/')));
    const count = (name: string) => names.filter(({ text }) => text.startsWith(name)).length;
    expect([count('a'), count('b'), count('c')]).toEqual([2, 0, 8]);
    expect(await group()).toMatch(/^rsp-/);
  });

  it('passes over a backend that refuses connections, and answers 502 if all do', async () => {
    const { ask, group, rule, nodes } = await start();
    nodes[1]!.server.close();
    nodes[1]!.server.closeAllConnections();
    await rule(await group(nodes[1]!, nodes[2]!), { RuleName: 'two', Domain: 'two.test' });
    await rule(await group(nodes[1]!), { RuleName: 'one', Domain: 'one.test' });
    for (let times = 0; times < 4; times++) expect(await ask('two.test', '/')).toBe('c');
    expect(await ask('one.test', '/')).toBe('502');
  });

  it('a redirecting listener answers 301 whatever the rules say', async () => {
    const { clb, group, rule, nodes } = await start({}, { forwardPort: 443 });
    await rule(await group(nodes[1]!), { RuleName: 'url', Url: prefix });
    const { status, headers } = await get(clb.port(80), 'abc.example.com', `${prefix}x?y=1`);
    expect([status, headers.location]).toEqual([301, `https://abc.example.com${prefix}x?y=1`]);
  });

  it('changes rules as one, without dropping what is under way', async () => {
    const { clb, oracle, ask, group, rule, nodes } = await start({ changeMs: Number.POSITIVE_INFINITY });
    const b = await group(nodes[1]!);
    clb.endChanges();
    const id = await rule(b, { RuleName: 'url', Url: prefix });
    expect((await oracle.call('DescribeRules', onListener)).Rules.Rule).toHaveLength(1);
    expect(await ask('x.test', `${prefix}x`)).toBe('a'); // described, not yet in force
    clb.endChanges();
    expect(await ask('x.test', `${prefix}x`)).toBe('b');
    const slow = get(clb.port(80), 'x.test', `${prefix}x?delay=200`);
    await until(() => nodes[1]!.requests.some(({ url }) => url.includes('delay')), { what: 'the slow request' });
    await oracle.call('DeleteRules', { RuleIds: JSON.stringify([id]) });
    clb.endChanges();
    expect(await ask('x.test', `${prefix}x`)).toBe('a');
    expect((await slow).text).toMatch(/^b /);
  });

  it('carries 400 requests a second on kept and new connections while rules come and go', async () => {
    const nodes = await startNodes(2);
    const clb = await spawnAlibabaClb({ ...world(nodes), changeMs: 20 });
    const oracle = createOracle(clb.endpoint, key);
    const { groups } = await clb.ask('snapshot');
    const RuleList = JSON.stringify([{ RuleName: 'url', Url: prefix, VServerGroupId: groups[0]!['id'] }]);
    const agent = new Agent({ keepAlive: true, maxSockets: 16 });
    const wrong: string[] = [];
    let done = 0;
    const begin = process.cpuUsage();
    const load = Array.from({ length: 16 }, async (_, worker) => {
      for (let times = 0; times < 75; times++) {
        const path = `/w${worker}-${times}`;
        const kept = times % 5 > 0 ? { agent } : {};
        const answer = await get(clb.port(80), 'shop.test', path, kept).catch((error: Error) => error);
        done++;
        if (answer instanceof Error) wrong.push(answer.message);
        else if (answer.text !== `a GET ${path}`) wrong.push(`${answer.status} ${answer.text}`);
      }
    });
    let changed = 0;
    for (let ended = false; !ended; ) {
      const made = await oracle.call('CreateRules', { ...onListener, RuleList });
      await clb.ask('settled');
      await oracle.call('DeleteRules', { RuleIds: JSON.stringify([made.Rules.Rule[0].RuleId]) });
      await clb.ask('settled');
      changed += 2;
      ended = done >= 16 * 75;
    }
    await Promise.all(load);
    // By the processor time of both sides, since others may keep the machine busy.
    const { user, system } = process.cpuUsage(begin);
    const perSecond = (done * 1_000_000) / (user + system);
    agent.destroy();
    expect(wrong).toEqual([]);
    expect(changed).toBeGreaterThan(2);
    expect(perSecond).toBeGreaterThan(400);
    expect(Object.keys(await clb.ask('calls'))).toEqual(['CreateRules', 'DeleteRules']);
    await clb.stop();
  });
});

describe('health checks', () => {
  it('by the rule: the named URI, HEAD, and no traffic to a server that fails', async () => {
    const { oracle, ask, group, rule, health, nodes, clb } = await start();
    const id = await group(nodes[1]!, nodes[2]!);
    const RuleId = await rule(id, { RuleName: 'url', Url: prefix });
    expect(await health()).toEqual({ 'i-a': 'unavailable', 'i-b': 'unavailable', 'i-c': 'unavailable' });
    expect(await ask('x.test', prefix)).toMatch(/[bc]/); // unchecked servers take traffic
    nodes[1]!.health = 500;
    nodes[2]!.health = 500;
    await oracle.call('SetRule', { RuleId, ...check });
    expect(await ask('x.test', prefix)).toBe('503');
    nodes[1]!.health = 200;
    await until(async () => (await health())['i-b'] === 'normal' && (await health())['i-c'] === 'abnormal', {
      what: 'both verdicts',
    });
    expect(nodes[1]!.checks.at(-1)).toEqual({ method: 'HEAD', url: `${prefix}health`, host: '192.168.0.11' });
    for (let times = 0; times < 4; times++) expect(await ask('x.test', prefix)).toBe('b');
    nodes[1]!.server.close();
    nodes[1]!.server.closeAllConnections();
    await until(async () => (await health())['i-b'] === 'abnormal', { what: 'the server that stopped' });
    expect(await ask('x.test', prefix)).toBe('503');
    nodes[2]!.health = 200;
    await until(async () => (await ask('x.test', prefix)) === 'c', { what: 'the server that recovered' });
    await oracle.call('DeleteRules', { RuleIds: JSON.stringify([RuleId]) });
    expect(Object.keys(await health())).toEqual(['i-a']);
    expect(await ask('x.test', prefix)).toBe('a');
    // Another rule's checks show that time passes; those of the deleted one have ended but for one under way.
    const checks = nodes[2]!.checks.length;
    const other = await rule(await group(nodes[0]!), { RuleName: 'other', Url: '/other' });
    await oracle.call('SetRule', { RuleId: other, ...check });
    await until(() => nodes[0]!.checks.length > 5, { what: 'checks of another rule' });
    expect(nodes[2]!.checks.length - checks).toBeLessThanOrEqual(1);
    expect(clb.calls()['SetRule']).toBe(2);
  });

  it('by the listener: its settings hold for the rules that follow it', async () => {
    const listener = { check: { uri: '/ok', domain: 'web.test', method: 'get', interval: 1 } } as const;
    const { ask, group, rule, health, nodes } = await start({ behaviour: { noHealthyServer: 502 } }, listener);
    nodes[1]!.health = 404;
    await rule(await group(nodes[1]!), { RuleName: 'url', Url: prefix });
    expect(await ask('x.test', prefix)).toBe('502');
    nodes[1]!.health = 200;
    await until(async () => Object.values(await health()).join() === 'normal,normal', { what: 'both healthy' });
    expect(nodes[1]!.checks.at(-1)).toEqual({ method: 'GET', url: '/ok', host: 'web.test' });
    expect(await ask('x.test', prefix)).toBe('b');
  });

  it('a new server may take traffic before its first verdict', async () => {
    const { oracle, ask, group, rule, nodes } = await start({
      behaviour: { newServersTakeTraffic: true, ruleHealthUri: 'any' },
      secondMs: 600_000,
    });
    const RuleId = await rule(await group(nodes[1]!), { RuleName: 'url', Url: prefix });
    await oracle.call('SetRule', { RuleId, ...check, HealthCheckURI: `${prefix}_health` });
    expect(await ask('x.test', prefix)).toBe('b');
  });

  it.each([
    ['unavailable', { 'i-a': 'unavailable' }],
    ['normal', { 'i-a': 'normal' }],
    ['absent', {}],
  ] as const)('servers that nothing checks are %s', async (uncheckedServers, rows) => {
    const { health } = await start({ behaviour: { uncheckedServers } });
    expect(await health()).toEqual(rows);
  });

  it('a rule under a listener without checks may be checked by default, and may be left out of the list', async () => {
    const { group, rule, health, nodes, oracle } = await start({
      behaviour: { ruleCheckWhenListenerOff: 'default', healthListsRuleServers: false, uncheckedServers: 'error' },
    });
    await rule(await group(nodes[1]!), { RuleName: 'url', Url: prefix });
    await until(() => nodes[1]!.checks.some(({ url }) => url === '/'), { what: 'a check of /' });
    const refusal = await oracle.refused('DescribeHealthStatus', onListener);
    expect(refusal.code).toBe('CheckedListenerNotFound');
    await expect(health(81)).rejects.toMatchObject({ code: 'ListenerNotFound' });
  });
});
