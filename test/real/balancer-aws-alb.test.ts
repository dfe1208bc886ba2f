import { execFile } from 'node:child_process';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import aws from '../../src/balancers/aws-alb.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import type { Json } from '../../src/core/text/json.ts';
import type { Backend, Balancer, WantedRules } from '../../src/ports/balancer.ts';
import { balancerContract, type EffectWatch } from '../../src/testing/balancer-contract.ts';
import { type AwsBalancer, challengePrefix as prefix, startAwsBalancer } from '../support/aws-balancer.ts';
import type { AwsCloud } from '../support/aws-cloud.ts';
import { policyIn } from '../support/aws-policy.ts';
import { cloudOptions, createAwsWorld } from '../support/aws-world.ts';
import { drawnExcept, itDrawn } from '../support/drawn.ts';
import { hasMoto } from '../support/moto.ts';
import { sampled } from '../support/seeded.ts';
import { stopAll, until } from '../support/service.ts';
import { noteSkipped } from '../support/vitest.ts';
import { webAnswer } from '../support/web-nodes.ts';

const run = promisify(execFile);
const signal = new AbortController().signal;
const owner = '0123456789ab';

let ids = 0;
const markedName = (of = owner) =>
  nameWithMark({ owner: of, expires: new Date(Date.now() + 86_400_000), id: (++ids).toString(16).padStart(12, '0') });

if (!hasMoto()) noteSkipped('not tested: the aws-alb balancer (missing: python3-moto)');

describe.skipIf(!hasMoto())('the aws-alb balancer', () => {
  let cloud: AwsCloud;
  let responder: number;
  let get: AwsBalancer['get'];
  let before: string;
  beforeAll(async () => {
    ({ cloud, responder, get } = await startAwsBalancer());
  });
  beforeEach(async () => {
    cloud.interfere = () => undefined;
    cloud.policy = undefined;
    await cloud.clear();
    before = await cloud.snapshot();
  });
  afterAll(stopAll);

  let lines: readonly string[] = [];
  const connect = (more: Record<string, unknown> = {}, watch?: EffectWatch): Balancer => {
    const made = createAwsWorld(watch);
    lines = made.lines;
    const options = aws.options.parse({ ...cloudOptions(cloud), loadBalancer: 'web', ...more });
    return aws.connect({ options, name: 'alb', world: made.world });
  };
  const backend = (): Backend => ({ server: cloud.instances[0]!, port: responder, kind: 'instance' });
  const wantedFor = (hosts: readonly string[], more: Partial<WantedRules> = {}): WantedRules => ({
    owner,
    rules: hosts.map((host) => ({ name: markedName(), lineage: 'www~staging', host, path: prefix })),
    group: { name: markedName(), backends: [backend()], lineage: 'www~staging' },
    ...more,
  });
  const answering = (host: string): WantedRules => {
    const path = `${prefix}to-ken_${'x'.repeat(36)}`;
    return {
      owner,
      rules: [{ name: markedName(), lineage: 'www', host, path, answer: `${'t'.repeat(43)}.${'p'.repeat(43)}` }],
    };
  };
  const nothing: WantedRules = { owner, rules: [] };
  const ready = (balancer: Balancer, wanted: WantedRules, receipt: Json) =>
    until(async () => (await balancer.state(wanted, receipt, signal)).ready, {
      what: 'the balancer is ready',
      everyMs: 50,
    });
  const failure = (promise: Promise<unknown>) =>
    promise.then(
      () => expect.fail('no error'),
      (error: unknown) => error,
    );
  const counted = (from: number) => cloud.calls.slice(from).map(({ action }) => action);

  for (const mode of sampled(['forward', 'fixed-response'] as const, 1, 'modes of a balancer'))
    balancerContract(
      (title, body) => drawnExcept(/come into effect/)(`${mode}: ${title}`, body),
      async () => ({
        connect: (watch) => connect({ mode }, watch),
        connectRefused: () => connect({ mode, secretAccessKey: new Secret('another-secret') }),
        backends: [backend(), { ...backend(), server: cloud.instances[1]! }],
        objects: () => cloud.snapshot(),
        async isInEffect({ host = '', path, answer }) {
          await cloud.settled();
          const { status, text } = await get(answer === undefined ? `${path}tok-en_1` : path, host);
          return status === 200 && text === (answer ?? 'tok-en_1.print');
        },
        pass: async (ms) => void (await wait(ms / 20)),
        secrets: [cloud.keys[0]!.secret, 'another-secret'],
        logged: () => lines,
        stop: async () => {},
      }),
    );

  test('the test cloud takes what boto3 signs, and nothing else', async () => {
    const script = `
import boto3, botocore, sys
def elb(secret):
    return boto3.client('elbv2', region_name='${cloud.region}', endpoint_url='${cloud.endpoint}', aws_access_key_id='${cloud.keys[0]!.id}', aws_secret_access_key=secret)
print(elb('${cloud.keys[0]!.secret}').describe_load_balancers(Names=['web'])['LoadBalancers'][0]['Type'])
try: elb('wrong').describe_load_balancers()
except botocore.exceptions.ClientError as e: print(e.response['Error']['Code'])
`;
    const { stdout } = await run('/usr/bin/python3', ['-c', script]);
    expect(stdout.trim().split('\n')).toEqual(['application', 'SignatureDoesNotMatch']);
  });

  test('a rule comes, answers and goes; everything else stays as it was', async () => {
    const balancer = connect();
    expect([balancer.resource, balancer.listener, balancer.mode]).toEqual([
      ...[`aws-alb ${cloud.region} web`, '80', 'forward'],
    ]);
    const from = cloud.calls.length;
    expect(await balancer.inspect(signal)).toEqual({ matching: 'best', rules: [], rulesLeft: 100 });
    const wanted = wantedFor(['www.example.test']);
    expect((await get(`${prefix}tok-en_1`, 'www.example.test')).status).toBe(404);
    const receipt = await balancer.apply(wanted, undefined, signal);
    expect(await balancer.state(wanted, receipt, signal)).toMatchObject({
      ready: false,
      // `unused` until the rule takes effect, if the group did before.
      reason: expect.stringMatching(
        /is (initial: it(s first health checks are under way| is being registered)|unused: no rule leads to it)/,
      ),
    });
    await ready(balancer, wanted, receipt);
    expect((await get(`${prefix}tok-en_1`, 'www.example.test')).text).toBe('tok-en_1.print');
    expect((await get(`${prefix}tok-en_1`, 'other.example.test')).status).toBe(404);
    expect((await get('/index', 'www.example.test')).text).toBe(webAnswer('www.example.test', '/index'));
    expect((await balancer.inspect(signal)).rules).toEqual([
      {
        name: wanted.rules[0]!.name,
        ...{ host: 'www.example.test', path: prefix },
        action: expect.stringMatching(/^forwards to cf0123456789ab/),
      },
    ]);
    expect(await balancer.apply(wanted, receipt, signal)).toEqual(receipt);
    await balancer.apply(nothing, receipt, signal);
    expect(await cloud.snapshot()).toBe(before);
    const changes = counted(from).filter((action) => !action.startsWith('Describe'));
    expect(changes).toEqual([
      ...['CreateTargetGroup', 'ModifyTargetGroupAttributes', 'RegisterTargets', 'CreateRule'],
      ...['DeleteRule', 'DeleteTargetGroup'],
    ]);
    await until(async () => (await get(`${prefix}tok-en_1`, 'www.example.test')).status === 404, {
      what: 'it is gone',
    });
  });

  itDrawn('another process without the receipt cleans up', async () => {
    await connect().apply(wantedFor(['a.example.test', 'b.example.test']), undefined, signal);
    await connect({ loadBalancer: cloud.loadBalancer.arn }).apply(nothing, undefined, signal);
    expect(await cloud.snapshot()).toBe(before);
  });

  itDrawn('a rule wins over a redirect with a higher number, and asks for room where there is none', async () => {
    const balancer = connect();
    const redirect = (priority: string, path = '/*') =>
      cloud.change('CreateRule', {
        ListenerArn: cloud.listeners.get(80)!,
        Priority: priority,
        'Conditions.member.1.Field': 'path-pattern',
        'Conditions.member.1.PathPatternConfig.Values.member.1': path,
        'Actions.member.1.Type': 'redirect',
        'Actions.member.1.RedirectConfig.Protocol': 'HTTPS',
        'Actions.member.1.RedirectConfig.StatusCode': 'HTTP_301',
      });
    await redirect('3');
    await redirect('1', '/api/*');
    const wanted = wantedFor(['www.example.test']);
    const receipt = await balancer.apply(wanted, undefined, signal);
    await ready(balancer, wanted, receipt);
    expect((await get(`${prefix}tok-en_1`, 'www.example.test')).text).toBe('tok-en_1.print');
    expect((await get('/index', 'www.example.test')).status).toBe(301);
    const two = wantedFor(['www.example.test', 'www2.example.test']);
    expect(await failure(balancer.apply(two, receipt, signal))).toMatchObject({
      code: 'balancer/refused',
      message: expect.stringContaining('the listener’s rule with priority 3 (redirects)'),
    });
    await balancer.apply(nothing, undefined, signal);
    const rules = JSON.parse(await cloud.snapshot())[0] as { RuleArn: [string] }[];
    expect(rules).toHaveLength(2);
    for (const { RuleArn } of rules) await cloud.change('DeleteRule', { RuleArn: RuleArn[0] });
    expect(await cloud.snapshot()).toBe(before);
  });

  test('a rule answers a token itself', async () => {
    const balancer = connect({ mode: 'fixed-response' });
    const wanted = answering('www.example.test');
    const [{ path, answer } = { path: '', answer: '' }] = wanted.rules;
    const receipt = await balancer.apply(wanted, undefined, signal);
    await ready(balancer, wanted, receipt);
    await until(async () => (await get(path, 'www.example.test')).text === answer, { what: 'it answers' });
    expect((await get(`${path}y`, 'www.example.test')).status).toBe(404);
    await balancer.apply(nothing, receipt, signal);
    expect(await cloud.snapshot()).toBe(before);
  });

  itDrawn('answers lost after success, throttling and 5xx: nothing twice, nothing left', async () => {
    let drawn = 0;
    cloud.interfere = ({ action }) => {
      drawn += 1;
      if (action.startsWith('Describe')) return drawn % 11 === 0 ? 'throttle' : undefined;
      return drawn % 3 === 0 ? 'lose' : drawn % 7 === 0 ? 'break' : undefined;
    };
    const hosts = Array.from({ length: 6 }, (_none, at) => `h${at}.example.test`);
    const balancer = connect();
    const wanted = wantedFor(hosts);
    await balancer.apply(wanted, undefined, signal);
    const [rules, groups] = JSON.parse(await cloud.snapshot()) as [unknown[], unknown[]];
    expect([rules.length, groups.length]).toEqual([6, 2]);
    await balancer.apply(nothing, undefined, signal);
    expect(await cloud.snapshot()).toBe(before);
  });

  itDrawn('two installations leave each other’s alone, and a left-over is found and removed', async () => {
    const [other, balancer] = ['fedcba987654', connect()];
    const theirs = { ...wantedFor(['b.example.test']), owner: other };
    const foreign = {
      ...theirs,
      rules: theirs.rules.map((rule) => ({ ...rule, name: markedName(other) })),
      group: { ...theirs.group!, name: markedName(other) },
    };
    await connect().apply(foreign, undefined, signal);
    const alone = await cloud.snapshot();
    await balancer.apply(wantedFor(['www.example.test']), undefined, signal);
    await balancer.apply(nothing, undefined, signal);
    expect(await cloud.snapshot()).toBe(alone);
    const owned = await connect().owned(signal);
    expect(owned.map(({ kind, name }) => [kind, name])).toEqual([
      ['rule', foreign.rules[0]!.name],
      ['group', foreign.group.name],
    ]);
    for (const one of [...owned, ...owned]) await balancer.removeOwned(one, signal);
    expect(await cloud.snapshot()).toBe(before);
  });

  itDrawn('backends change in place; a group of another kind is made anew', async () => {
    const balancer = connect();
    const wanted = wantedFor(['www.example.test']);
    const first = await balancer.apply(wanted, undefined, signal);
    const two = {
      ...wanted,
      group: { ...wanted.group!, backends: [backend(), { ...backend(), server: cloud.instances[1]! }] },
    };
    expect(await balancer.apply(two, first, signal)).toEqual(first);
    const one = { ...two, group: { ...two.group, backends: [two.group.backends[1]!] } };
    const from = cloud.calls.length;
    expect(await balancer.apply(one, first, signal)).toEqual(first);
    expect(counted(from)).toContain('DeregisterTargets');
    const addresses = [
      { server: '172.31.0.9', port: responder, kind: 'ip' },
      { server: '10.9.0.9', port: responder, kind: 'ip-outside-vpc' },
    ];
    const byAddress = { ...wanted, group: { ...wanted.group!, backends: addresses } };
    const receipt = await balancer.apply(byAddress, first, signal);
    expect(receipt).not.toEqual(first);
    await ready(balancer, byAddress, receipt);
    await balancer.apply(nothing, receipt, signal);
    expect(await cloud.snapshot()).toBe(before);
  });

  itDrawn('a node that does not answer is named with its reason', async () => {
    const balancer = connect();
    const wanted = wantedFor(['www.example.test'], {
      group: { name: markedName(), backends: [{ ...backend(), port: 9 }], lineage: 'www' },
    });
    const receipt = await balancer.apply(wanted, undefined, signal);
    await until(
      async () => {
        const state = await balancer.state(wanted, receipt, signal);
        return !state.ready && /is unhealthy: .*listening on this port/.test(state.reason);
      },
      { what: 'it is unhealthy' },
    );
    await balancer.apply(nothing, receipt, signal);
  });

  test.each([
    ['a wrong key', { secretAccessKey: new Secret('wrong-secret-wrong') }, 'balancer/refused', 'SignatureDoesNotMatch'],
    ['an unknown load balancer', { loadBalancer: 'wob' }, 'balancer/not-found', 'LoadBalancerNotFound'],
    ['a missing listener', { listenerPort: 8080 }, 'balancer/not-found', 'listeners on the ports 80 (HTTP)'],
    ['a wrong region', { region: 'us-east-1' }, 'balancer/refused', 'valid region'],
  ])('%s is said in one sentence, and nothing changes', async (_name, more, code, words) => {
    const wanted = wantedFor(['www.example.test']);
    const error = (await failure(connect(more).apply(wanted, undefined, signal))) as Error;
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(error.message).not.toContain('wrong-secret');
    expect(await cloud.snapshot()).toBe(before);
  });

  test('a missing permission names its action', async () => {
    const reads = ['LoadBalancers', 'Listeners', 'Rules', 'Tags', 'TargetGroups'];
    const Action = reads.map((what) => `elasticloadbalancing:Describe${what}`);
    cloud.policy = [{ Effect: 'Allow', Action, Resource: '*' }];
    expect((await connect().inspect(signal)).rulesLeft).toBe(100);
    expect(await failure(connect().apply(wantedFor(['www.example.test']), undefined, signal))).toMatchObject({
      code: 'balancer/refused',
      message: expect.stringContaining('elasticloadbalancing:CreateTargetGroup'),
    });
    expect(await cloud.snapshot()).toBe(before);
  });

  test.each(sampled(['forward', 'fixed-response'] as const, 1, 'policies'))(
    'the documented policy is enough: %s',
    async (mode) => {
      cloud.policy = policyIn(aws.notes);
      const balancer = connect({ mode });
      const wanted = mode === 'forward' ? wantedFor(['www.example.test']) : answering('www.example.test');
      const receipt = await balancer.apply(wanted, undefined, signal);
      await ready(balancer, wanted, receipt);
      const other = { ...wanted.group!, backends: [{ ...backend(), server: cloud.instances[1]! }] };
      if (mode === 'forward') await balancer.apply({ ...wanted, group: other }, receipt, signal);
      expect((await balancer.owned(signal)).length).toBeGreaterThan(0);
      await balancer.apply(nothing, receipt, signal);
      expect(await cloud.snapshot()).toBe(before);
      await cloud.change('CreateRule', {
        ListenerArn: cloud.listeners.get(80)!,
        Priority: '7',
        'Conditions.member.1.Field': 'path-pattern',
        'Conditions.member.1.PathPatternConfig.Values.member.1': '/x',
        'Actions.member.1.Type': 'fixed-response',
        'Actions.member.1.FixedResponseConfig.StatusCode': '200',
      });
      const [theirs] = JSON.parse(await cloud.snapshot())[0] as { RuleArn: [string] }[];
      const id = theirs!.RuleArn[0];
      expect(await failure(balancer.removeOwned({ kind: 'rule', name: 'theirs', id }, signal))).toMatchObject({
        message: expect.stringContaining('elasticloadbalancing:DeleteRule'),
      });
      await cloud.change('DeleteRule', { RuleArn: id });
    },
  );

  test('an abort is obeyed', async () => {
    const stopped = new Error('stopped');
    const wanted = wantedFor(['www.example.test']);
    for (const call of [
      (s: AbortSignal) => connect().inspect(s),
      (s: AbortSignal) => connect().apply(wanted, undefined, s),
      (s: AbortSignal) => connect().owned(s),
    ])
      expect(await failure(call(AbortSignal.abort(stopped)))).toBe(stopped);
    expect(await cloud.snapshot()).toBe(before);
  });
});
