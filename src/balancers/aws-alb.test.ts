import { describe, expect, it } from 'vitest';
import { isLong, seeded } from '../../test/support/seeded.ts';
import { watchWrites } from '../core/async/writes.ts';
import { CertfleetError } from '../core/errors/errors.ts';
import { Secret } from '../core/errors/secret.ts';
import { nameWithMark } from '../core/request-path/own-mark.ts';
import type { WantedRules } from '../ports/balancer.ts';
import type { World } from '../ports/world.ts';
import { createFakeApi, type FakeAnswer, type FakeRequest } from '../testing/fake-api.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { withoutPart } from '../testing/without-part.ts';
import balancer from './aws-alb.ts';

// What AWS itself checks is tested in test/real, against moto; these are the requests, and what goes wrong.

const signal = new AbortController().signal;
const owner = '0123456789ab';
const marked = (id: string) =>
  nameWithMark({ owner, expires: new Date('2026-11-25T12:00:00Z'), id: id.padStart(12, '0') });
const arn = (what: string) => `arn:aws:elasticloadbalancing:eu-west-1:123456789012:${what}`;
const loadBalancer = arn('loadbalancer/app/web/aa11');
const listener = arn('listener/app/web/aa11/bb22');
const wanted: WantedRules = {
  owner,
  rules: [{ name: marked('1'), lineage: 'www~staging', host: 'www.example.com', path: '/.well-known/acme-challenge/' }],
  group: {
    name: marked('2'),
    lineage: 'www~staging',
    backends: [{ server: 'i-0a', port: 30_080, kind: 'instance' }],
  },
};
const nothing: WantedRules = { owner, rules: [] };

const list = (name: string, members: readonly string[]) =>
  `<${name}>${members.map((one) => `<member>${one}</member>`).join('')}</${name}>`;
const tag = (name: string, text: string | number) => `<${name}>${text}</${name}>`;

/** The state of a load balancer as the API shows it. */
function fakeElb({ type = 'application', ports = [80] } = {}) {
  const clock = fakeClock(undefined, { auto: true });
  const rules = new Map<string, { xml: string; priority: number; tags: string }>();
  const groups = new Map<string, { xml: string; tags: string; targets: string[] }>();
  const sent: Record<string, string>[] = [];
  let made = 0;
  const refusal = (code: string): FakeAnswer => ({
    status: 400,
    body: `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>No.</Message></Error><RequestId>R-7</RequestId></ErrorResponse>`,
  });
  const tagsOf = (form: URLSearchParams) => {
    const all: string[] = [];
    for (let at = 1; form.has(`Tags.member.${at}.Key`); at++)
      all.push(tag('Key', form.get(`Tags.member.${at}.Key`)!) + tag('Value', form.get(`Tags.member.${at}.Value`)!));
    return list('Tags', all);
  };
  const actions: Readonly<Record<string, (form: URLSearchParams) => string | FakeAnswer>> = {
    DescribeLoadBalancers: (form) =>
      [loadBalancer, 'web'].includes(form.get('LoadBalancerArns.member.1') ?? form.get('Names.member.1') ?? '')
        ? list('LoadBalancers', [
            tag('LoadBalancerArn', loadBalancer) +
              tag('LoadBalancerName', 'web') +
              tag('VpcId', 'vpc-1') +
              tag('Type', type),
          ])
        : refusal('LoadBalancerNotFound'),
    DescribeListeners: () =>
      list(
        'Listeners',
        ports.map((port) => tag('ListenerArn', listener) + tag('Port', port) + tag('Protocol', 'HTTP')),
      ),
    DescribeRules: () =>
      ports.length === 0
        ? refusal('ListenerNotFound')
        : list('Rules', [
            ...[...rules].map(([rule, { xml, priority }]) => tag('RuleArn', rule) + tag('Priority', priority) + xml),
            `<RuleArn>${listener}/default</RuleArn><Priority>default</Priority><Conditions/><Actions/>`,
          ]),
    DescribeAccountLimits: () => refusal('AccessDenied'),
    DescribeTags: (form) =>
      list(
        'TagDescriptions',
        [...form]
          .filter(([name]) => name.startsWith('ResourceArns.'))
          .map(([, one]) => tag('ResourceArn', one) + (rules.get(one) ?? groups.get(one))!.tags),
      ),
    DescribeTargetGroups: () =>
      list(
        'TargetGroups',
        [...groups].map(([group, { xml }]) => tag('TargetGroupArn', group) + xml),
      ),
    DescribeTargetHealth: (form) =>
      list(
        'TargetHealthDescriptions',
        groups
          .get(form.get('TargetGroupArn')!)!
          .targets.map((target) => `<Target>${target}</Target><TargetHealth><State>healthy</State></TargetHealth>`),
      ),
    CreateTargetGroup(form) {
      const group = arn(`targetgroup/${form.get('Name')}/${++made}`);
      const xml = ['VpcId', 'TargetType', 'HealthCheckPath'].map((name) => tag(name, form.get(name)!)).join('');
      groups.set(group, { xml: tag('TargetGroupName', form.get('Name')!) + xml, tags: tagsOf(form), targets: [] });
      return list('TargetGroups', [tag('TargetGroupArn', group)]);
    },
    ModifyTargetGroupAttributes: () => '',
    RegisterTargets(form) {
      const [id, port] = [form.get('Targets.member.1.Id')!, form.get('Targets.member.1.Port')!];
      groups.get(form.get('TargetGroupArn')!)!.targets.push(tag('Id', id) + tag('Port', port));
      return '';
    },
    CreateRule(form) {
      const priority = Number(form.get('Priority'));
      if ([...rules.values()].some((one) => one.priority === priority)) return refusal('PriorityInUse');
      const rule = `${listener.replace(':listener/', ':listener-rule/')}/${++made}`;
      const conditions = [1, 2].map((at) => {
        const config = form.get(`Conditions.member.${at}.Field`) === 'host-header' ? 'HostHeader' : 'PathPattern';
        const value = form.get(`Conditions.member.${at}.${config}Config.Values.member.1`)!;
        const field = tag('Field', form.get(`Conditions.member.${at}.Field`)!);
        return `${field}<${config}Config>${list('Values', [value])}</${config}Config>`;
      });
      const action = tag('Type', 'forward') + tag('TargetGroupArn', form.get('Actions.member.1.TargetGroupArn')!);
      rules.set(rule, {
        priority,
        tags: tagsOf(form),
        xml: list('Conditions', conditions) + list('Actions', [action]),
      });
      return list('Rules', [tag('RuleArn', rule)]);
    },
    DeleteRule: (form) => (rules.delete(form.get('RuleArn')!) ? '' : refusal('RuleNotFound')),
    DeleteTargetGroup: (form) => (groups.delete(form.get('TargetGroupArn')!) ? '' : ''),
  };
  const api = createFakeApi({
    clock,
    origin: 'https://elasticloadbalancing.eu-west-1.amazonaws.com',
    nameOf: (request: FakeRequest) => request.form().get('Action') ?? '',
    routes: {
      'POST /': (request) => {
        const form = request.form();
        const action = form.get('Action') ?? '';
        sent.push(Object.fromEntries(form));
        const answer = actions[action]!(form);
        if (typeof answer !== 'string') return answer;
        return {
          status: 200,
          body: `<${action}Response><${action}Result>${answer}</${action}Result><ResponseMetadata><RequestId>R-1</RequestId></ResponseMetadata></${action}Response>`,
        };
      },
    },
  });
  const world = {
    clock,
    random: { bytes: (length: number) => new Uint8Array(length), number: () => 0 },
    log: { debug() {}, info() {}, warn() {} },
    http: () => api.http,
  } as unknown as World;
  const connect = (more: Record<string, unknown> = {}) =>
    balancer.connect({
      options: balancer.options.parse({
        region: 'eu-west-1',
        loadBalancer: 'web',
        accessKeyId: new Secret('AKIDEXAMPLE'),
        secretAccessKey: new Secret('secret-of-this-test'),
        ...more,
      }),
      name: 'alb',
      world,
    });
  const on = (action: string) => ({ on: (request: FakeRequest) => request.form().get('Action') === action });
  const changes = () => api.calls.map(({ name }) => name).filter((name) => !name.startsWith('Describe'));
  return { api, connect, rules, groups, sent, on, changes, refusal };
}

describe('aws-alb', () => {
  it('sends the requests that the documentation describes', async () => {
    const { connect, sent, rules, groups } = fakeElb();
    const made = connect();
    const receipt = await made.apply(wanted, undefined, signal);
    const common = { Version: '2015-12-01' };
    const tags = (at: number, key: string, value: string) => ({
      [`Tags.member.${at}.Key`]: `certfleet:${key}`,
      [`Tags.member.${at}.Value`]: value,
    });
    const [group] = groups.keys();
    expect(sent.filter(({ Action = '' }) => !Action.startsWith('Describe'))).toEqual([
      {
        ...common,
        Action: 'CreateTargetGroup',
        Name: marked('2').replaceAll('-', ''),
        ...{ Protocol: 'HTTP', Port: '30080', VpcId: 'vpc-1', TargetType: 'instance' },
        ...{ HealthCheckProtocol: 'HTTP', HealthCheckPath: '/.well-known/acme-challenge/health' },
        ...{ HealthCheckIntervalSeconds: '5', HealthCheckTimeoutSeconds: '2' },
        ...{ HealthyThresholdCount: '2', UnhealthyThresholdCount: '2', 'Matcher.HttpCode': '200' },
        ...tags(1, 'name', marked('2')),
        ...tags(2, 'owner', owner),
        ...tags(3, 'expires', '2026-11-25T12:00:00.000Z'),
        ...tags(4, 'lineage', 'www@staging'),
        ...tags(5, 'listener', 'web:80'),
      },
      {
        ...common,
        Action: 'ModifyTargetGroupAttributes',
        TargetGroupArn: group,
        'Attributes.member.1.Key': 'deregistration_delay.timeout_seconds',
        'Attributes.member.1.Value': '0',
      },
      {
        ...common,
        ...{ Action: 'RegisterTargets', TargetGroupArn: group },
        ...{ 'Targets.member.1.Id': 'i-0a', 'Targets.member.1.Port': '30080' },
      },
      {
        ...common,
        ...{ Action: 'CreateRule', ListenerArn: listener, Priority: '1' },
        'Conditions.member.1.Field': 'host-header',
        'Conditions.member.1.HostHeaderConfig.Values.member.1': 'www.example.com',
        'Conditions.member.2.Field': 'path-pattern',
        'Conditions.member.2.PathPatternConfig.Values.member.1': '/.well-known/acme-challenge/*',
        ...{ 'Actions.member.1.Type': 'forward', 'Actions.member.1.TargetGroupArn': group },
        ...tags(1, 'name', marked('1')),
        ...tags(2, 'owner', owner),
        ...tags(3, 'expires', '2026-11-25T12:00:00.000Z'),
        ...tags(4, 'lineage', 'www@staging'),
      },
    ]);
    expect(receipt).toEqual({
      rules: { [marked('1')]: [...rules.keys()][0] },
      group: { name: marked('2'), arn: group },
    });
    expect(await made.state(wanted, receipt, signal)).toEqual({ ready: true });
  });

  it('makes nothing twice if the answer to each change is lost, and leaves nothing', async () => {
    const { api, connect, rules, groups, on } = fakeElb();
    for (const action of ['CreateTargetGroup', 'RegisterTargets', 'CreateRule', 'DeleteRule', 'DeleteTargetGroup'])
      api.fault({ kind: 'lost' }, on(action));
    await connect().apply(wanted, undefined, signal);
    expect([rules.size, groups.size]).toEqual([1, 1]);
    expect([...groups.values()][0]?.targets).toHaveLength(1);
    await connect().apply(nothing, undefined, signal);
    expect([rules.size, groups.size]).toEqual([0, 0]);
  });

  it('calls an answer that lacks a part the service’s fault, never a bug', async () => {
    const codes = new Set<string | undefined>();
    // One part of 24, or all in a long run.
    const step = isLong ? 1 : 24;
    const first = Math.floor(seeded('parts')() * step);
    for (let at = first, parts = Number.POSITIVE_INFINITY; at < parts; at += step) {
      const { api, connect } = fakeElb();
      const lack = withoutPart(at);
      const made = connect();
      const receipt = await made.apply(wanted, undefined, signal);
      api.fault(lack.fault, { times: 10_000 });
      const again = { ...wanted, rules: [{ ...wanted.rules[0]!, name: marked('3'), host: 'b.example.com' }] };
      for (const call of [
        () => connect().inspect(signal),
        () => connect().owned!(signal),
        () => made.state(wanted, receipt, signal),
        () => connect().apply(again, receipt, signal),
        () => connect().apply(nothing, receipt, signal),
        () => connect().apply(wanted, undefined, signal),
      ])
        await call().catch((error: unknown) => {
          if (!(error instanceof CertfleetError)) throw error;
          codes.add(error.code);
        });
      parts = lack.parts();
    }
    expect([...codes].filter((code) => code?.startsWith('bug/'))).toEqual([]);
    // A sample may meet other faults alone.
    if (isLong) expect(codes).toContain('balancer/failed');
  });

  it('takes the next number if somebody takes this one meanwhile', async () => {
    const { api, connect, rules, on, refusal } = fakeElb();
    api.fault({ kind: 'status', ...refusal('PriorityInUse') }, on('CreateRule'));
    await connect().apply(wanted, undefined, signal);
    expect([...rules.values()].map(({ priority }) => priority)).toEqual([2]);
  });

  it.each([
    ['CreateTargetGroup', false],
    ['CreateRule', true],
  ])('tells its caller whether it wrote before the refusal of %s', async (action, wrote) => {
    const { api, connect, on, refusal } = fakeElb();
    api.fault({ kind: 'status', ...refusal('TooManyRules') }, on(action));
    const watch = watchWrites(signal);
    await expect(connect().apply(wanted, undefined, watch.signal)).rejects.toMatchObject({ code: 'balancer/quota' });
    expect(watch.wrote).toBe(wrote);
  });

  it('waits while a deleted rule still counts', async () => {
    const { api, connect, groups, changes, on, refusal } = fakeElb();
    await connect().apply(wanted, undefined, signal);
    api.fault({ kind: 'status', ...refusal('ResourceInUse') }, { times: 3, ...on('DeleteTargetGroup') });
    await connect().apply(nothing, undefined, signal);
    expect(groups.size).toBe(0);
    expect(changes().filter((name) => name === 'DeleteTargetGroup')).toHaveLength(4);
  });

  it('removes the group of a listener that is gone, and needs none to remove nothing', async () => {
    const ports = [80];
    const { connect, groups, rules } = fakeElb({ ports });
    await connect().apply(wanted, undefined, signal);
    ports.pop();
    rules.clear();
    expect(await connect().apply(nothing, undefined, signal)).toEqual({ rules: {} });
    expect(groups.size).toBe(0);
    await expect(connect().apply(wanted, undefined, signal)).rejects.toMatchObject({
      code: 'balancer/not-found',
      message: expect.stringContaining('the load balancer web in eu-west-1 does not exist: it has none'),
    });
  });

  it('notices that its listener was deleted while it was connected', async () => {
    const ports = [80];
    const { connect, groups, rules } = fakeElb({ ports });
    const made = connect();
    const receipt = await made.apply(wanted, undefined, signal);
    ports.pop();
    rules.clear();
    expect(await made.apply(nothing, receipt, signal)).toEqual({ rules: {} });
    expect(groups.size).toBe(0);
  });

  it('leaves the group of another listener alone', async () => {
    const { connect, groups } = fakeElb({ ports: [80, 8080] });
    await connect().apply(wanted, undefined, signal);
    await connect({ listenerPort: 8080, mode: 'forward' }).apply({ ...nothing, rules: [] }, undefined, signal);
    expect(groups.size).toBe(1);
  });

  it.each([
    ['a network load balancer', { type: 'network' }, {}, 'is a load balancer of type network'],
    [
      'a port that the listener has not',
      {},
      { loadBalancer: undefined, listener, listenerPort: 81 },
      'on port 80, not 81',
    ],
  ])('refuses %s', async (_name, state, more, words) => {
    const { connect, changes } = fakeElb(state);
    await expect(connect(more).apply(wanted, undefined, signal)).rejects.toMatchObject({
      code: 'balancer/refused',
      message: expect.stringContaining(words),
    });
    expect(changes()).toEqual([]);
  });

  it('is the same place by name, by ARN and by listener', () => {
    const { connect } = fakeElb();
    const ways = [{}, { loadBalancer }, { loadBalancer: undefined, listener }].map(connect);
    expect(new Set(ways.map(({ resource, listener: at }) => `${resource} ${at}`))).toEqual(
      new Set(['aws-alb eu-west-1 web 80']),
    );
  });

  it('takes backends from the options', async () => {
    const { connect } = fakeElb();
    const of = (more: Record<string, unknown>) => connect(more).backend?.(signal);
    expect(await of({ backend: { instanceId: 'i-0b', port: 8080 } })).toEqual({
      ...{ server: 'i-0b', port: 8080, kind: 'instance' },
    });
    expect(await of({ backend: { ip: '10.0.0.5', outsideVpc: true } })).toEqual({
      ...{ server: '10.0.0.5', port: 30_080, kind: 'ip-outside-vpc' },
    });
    const isSure = (more: Record<string, unknown>) => connect(more).hasServer?.({ server: 'i-0b', port: 1 }, signal);
    expect([await isSure({ backend: { instanceId: 'i-0b' } }), await isSure({ backend: {} })]).toEqual([false, true]);
    const mixed = [
      { server: 'i-0b', port: 1, kind: 'instance' },
      { server: '10.0.0.5', port: 1, kind: 'ip' },
    ];
    await expect(
      connect().apply({ ...wanted, group: { ...wanted.group!, backends: mixed } }, undefined, signal),
    ).rejects.toMatchObject({ code: 'balancer/refused', message: expect.stringContaining('cannot mix') });
  });

  it.each([
    ['neither load balancer nor listener', { loadBalancer: undefined }, 'give loadBalancer or listener'],
    ['both', { listener }, 'give loadBalancer or listener'],
    ['a URL for a name', { loadBalancer: 'https://web' }, 'the name or the ARN'],
    ['plain http', { endpoint: 'http://elb.example.com' }, 'https://'],
    ['two ways to name the node', { backend: { instanceId: 'i-0b', ip: '10.0.0.5' } }, 'not both'],
  ])('refuses options with %s', (_name, more, words) => {
    const parsed = balancer.options.safeParse({ region: 'eu-west-1', loadBalancer: 'web', ...more });
    expect(JSON.stringify(parsed.error?.issues)).toContain(words);
  });
});
