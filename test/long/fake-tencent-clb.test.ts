import { beforeAll, describe, expect, it } from 'vitest';
import { at, createTencentBench, lb, type TencentBench } from '../support/tencent-account.ts';
import { authorizationOf } from '../support/tencent-oracle.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Tencent Cloud's CLB: its gateway, rules and targets. Documents only (see tencent-account.ts).

const path = '/.well-known/acme-challenge/';
const rule = (more: object = {}) => ({ Domain: 'www.example.com', Url: path, ...more });
const node = { InstanceId: 'ins-a', Port: 18_080 };
let bench: TencentBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createTencentBench();
});

describe('the gateway', () => {
  it('knows the signature of the vendor’s client', () => {
    const payload = JSON.stringify({
      ...{ LoadBalancerId: 'lb-a1', ListenerId: 'lbl-1' },
      Rules: [{ Domain: 'abc.example.com', Url: '/.well-known/acme-challenge/' }],
      备注: '证书',
    });
    const signed = { service: 'clb', host: 'clb.tencentcloudapi.com', timestamp: 1_767_225_600, payload };
    // tencentcloud-sdk-nodejs-common 4.1.220
    const signature = '79c4f915d8eb97cb66b46adab0883b629a8c55a90fabb52170e098fefd3c2fb1';
    expect(authorizationOf(signed, { secretId: 'AKEXAMPLE', secretKey: 'SKEXAMPLE' })).toBe(
      `TC3-HMAC-SHA256 Credential=AKEXAMPLE/2026-01-01/clb/tc3_request, SignedHeaders=content-type;host, Signature=${signature}`,
    );
  });

  it('refuses wrong signatures, times, tokens, versions, actions and regions', async () => {
    const { clb, clock, fake } = await bench.start();
    const code = (headers: Record<string, string>, action = 'DescribeQuota') => clb.code(action, {}, headers);
    await clb.call('DescribeQuota');
    const now = String(Math.floor(clock.now().getTime() / 1000));
    expect(await code({ authorization: 'none' })).toBe('AuthFailure.InvalidAuthorization');
    expect(await code({ 'content-type': 'application/json; charset=utf-8' })).toBe('AuthFailure.SignatureFailure');
    expect(await code({ 'x-tc-timestamp': String(Number(now) - 301) })).toBe('AuthFailure.SignatureExpire');
    expect(await code({ 'x-tc-timestamp': String(Number(now) - 1) })).toBe('AuthFailure.SignatureFailure');
    expect(await code({ 'x-tc-token': 'one' })).toBe('AuthFailure.TokenFailure');
    expect(await code({ 'x-tc-version': '2018-03-18' })).toBe('NoSuchVersion');
    expect(await code({}, 'DescribeEverything')).toBe('InvalidAction');
    expect(await code({ 'x-tc-region': 'ap-nowhere' })).toBe('InvalidParameter.RegionNotFound');
    expect(await code({ 'x-tc-region': '' })).toBe('MissingParameter');
    expect(new Set(fake.records.map(({ code }) => code)).size).toBe(9);
  });

  it('checks names and types, counts calls, and asks CAM', async () => {
    const policy = [
      { effect: 'allow', action: ['clb:Describe*', 'ssl:*'], resource: '*' },
      { effect: 'allow', action: 'clb:*', resource: `qcs::clb:ap-guangzhou:uin/*:clb/${lb}` },
    ] as const;
    const { clb, ssl, clock, fake } = await bench.start({}, { secretId: 'AKIDuser', secretKey: 'u', policy });
    const listener = at(fake, 80);
    expect(await clb.code('CreateRule', { ...listener, Rules: [rule()], Force: true })).toBe('UnknownParameter');
    expect(await clb.code('CreateRule', { ...listener, Rules: [rule({ Priority: 1 })] })).toBe('UnknownParameter');
    expect(await clb.code('CreateRule', { ...listener, Rules: rule() })).toBe('InvalidParameter');
    expect(await clb.code('CreateRule', listener)).toBe('MissingParameter');
    const { LocationIds } = await clb.call('CreateRule', { ...listener, Rules: [rule()] });
    const targets = { ...listener, LocationId: LocationIds[0], Targets: [node] };
    // The machine is a resource of its own.
    expect(await clb.code('RegisterTargets', targets)).toBe('UnauthorizedOperation');
    fake.deny('clb:DescribeListeners', 'ssl:DescribeCertificates');
    expect(await clb.code('DescribeListeners', { LoadBalancerId: lb })).toBe('UnauthorizedOperation');
    expect(await ssl.code('DescribeCertificates')).toBe('AuthFailure.UnauthorizedOperation');
    fake.deny();
    for (let call = 0; call < 20; call++) await clb.call('DescribeListeners', { LoadBalancerId: lb });
    expect(await clb.code('DescribeListeners', { LoadBalancerId: lb })).toBe('RequestLimitExceeded');
    await clock.advance(1000);
    await clb.call('DescribeListeners', { LoadBalancerId: lb });
  });
});

describe('rules', () => {
  it('come with a task, during which the balancer is busy and shows nothing new', async () => {
    const { clb, clock, fake } = await bench.start({ taskMs: 10_000 });
    const before = fake.snapshot();
    const listener = at(fake, 80);
    const made = await clb.call('CreateRule', { ...listener, Rules: [rule()] });
    const status = async (TaskId: string) => (await clb.call('DescribeTaskStatus', { TaskId })).Status;
    expect(await status(made.RequestId)).toBe(2);
    expect(fake.snapshot()).toEqual(before);
    const busy = await clb.code('DeleteRule', { ...listener, LocationIds: [made.LocationIds[0]] });
    expect(busy).toBe('InvalidParameter.LocationNotFound');
    expect(await clb.code('CreateRule', { ...listener, Rules: [rule()] })).toMatch(
      /^FailedOperation(\.ResourceInOperating)?$/,
    );
    await clock.advance(10_000);
    expect(await status(made.RequestId)).toBe(0);
    expect(fake.route(lb, 80, 'www.example.com', `${path}x`)).toEqual([]);
    expect(await clb.code('CreateRule', { ...listener, Rules: [rule()] })).toBe('InvalidParameterValue.Duplicate');
    const gone = await clb.call('DeleteRule', { ...listener, LocationIds: made.LocationIds });
    await clock.advance(10_000);
    expect(await status(gone.RequestId)).toBe(0);
    expect(fake.snapshot()).toEqual(before);
    fake.failTask('CreateRule', 'no');
    const failed = await clb.call('CreateRule', { ...listener, Rules: [rule()] });
    await clock.advance(10_000);
    expect(await clb.call('DescribeTaskStatus', { TaskId: failed.RequestId })).toMatchObject({
      Status: 1,
      Message: 'no',
    });
    expect(fake.snapshot()).toEqual(before);
  });

  it('take requests by domain first, then by URL', async () => {
    const { clb, fake } = await bench.start();
    const add = async (Domain: string, Url: string, port: number) => {
      const check = { HealthCheck: { HttpCheckDomain: 'www.example.com' } };
      const { LocationIds } = await clb.call('CreateRule', {
        ...at(fake, 80),
        Rules: [rule({ Domain, Url, ...check })],
      });
      const targets = { LocationId: LocationIds[0], Targets: [{ ...node, Port: port }] };
      await clb.call('RegisterTargets', { ...at(fake, 80), ...targets });
    };
    await add('www.example.com', path, 1);
    await add('*.example.org', '/', 2);
    await add('a.example.org', '=/exact', 3);
    await add('www.example.*', '/', 4);
    const route = (host: string, url: string) => fake.route(lb, 80, host, url);
    expect(route('www.example.com', `${path}token?x=1`)).toEqual(['ins-a:1']);
    expect(route('www.example.com', '/')).toEqual(['ins-a:80']);
    expect(route('b.example.org', '/x')).toEqual(['ins-a:2']);
    expect(route('a.example.org', '/exact')).toEqual(['ins-a:3']);
    expect(route('a.example.org', '/')).toBeUndefined(); // the host is taken over, and has no such path
    expect(route('www.example.info', '/')).toEqual(['ins-a:4']);
    expect(route('unknown.example', `${path}token`)).toEqual(['ins-a:1']); // the default domain
  });

  it('are refused for many reasons', async () => {
    const { clb, fake } = await bench.start({ quotas: { rulesOfListener: 3 } });
    const check = (HealthCheck: object) => rule({ HealthCheck });
    const cases: readonly (readonly [string, number, object])[] = [
      ['InvalidParameter.FormatError', 80, rule({ Domain: '_acme.example.com' })],
      ['InvalidParameter.FormatError', 80, rule({ Domain: 'a.*.example.com' })],
      ['InvalidParameterValue.Length', 80, rule({ Domain: `${'a'.repeat(78)}.com` })],
      ['InvalidParameter.FormatError', 80, rule({ Url: 'no-slash' })],
      ['InvalidParameterValue.Length', 80, rule({ Url: `/${'a'.repeat(200)}` })],
      ['InvalidParameter', 80, rule({ Domains: ['a.example.com'] })],
      ['InvalidParameterValue.Duplicate', 80, rule({ Url: '/' })],
      ['InvalidParameterValue.Range', 80, check({ TimeOut: 5, IntervalTime: 5 })],
      ['InvalidParameterValue.Range', 80, check({ HealthNum: 1 })],
      ['InvalidParameterValue', 80, check({ HttpCheckMethod: 'POST' })],
      ['InvalidParameter.FormatError', 80, check({ HttpCheckDomain: 'a_b' })],
      ['InvalidParameterValue', 80, rule({ Domain: '*.example.com' })],
      ['InvalidParameter.ProtocolCheckFailed', 80, rule({ Certificate: { CertId: fake.certificateId('first') } })],
      ['InvalidParameter.ProtocolCheckFailed', 22, rule()],
      ['InvalidParameter', 8443, rule({ Domain: 'new.example.com' })],
      ['LimitExceeded', 8443, rule({ Url: '/x' })],
    ];
    const before = fake.snapshot();
    for (const [expected, port, one] of cases) {
      const parameters = { ...at(fake, port), Rules: [one] };
      expect([one, await clb.code('CreateRule', parameters)]).toEqual([one, expected]);
    }
    const elsewhere = { LoadBalancerId: 'lb-none', ListenerId: 'x', Rules: [rule()] };
    expect(await clb.code('CreateRule', elsewhere)).toBe('InvalidParameter.LBIdNotFound');
    expect(await clb.code('DeleteRule', { ...at(fake, 80), Domain: 'www.example.com' })).toBe('InvalidParameter');
    expect(fake.snapshot()).toEqual(before);
    await clb.call('DeleteRule', {
      ...at(fake, 80),
      Domain: 'www.example.com',
      NewDefaultServerDomain: '*.example.net',
    });
    expect(fake.route(lb, 80, 'unknown.example', '/')).toEqual(['ins-b:80']);
  });

  it('have targets, whose health is known after some checks', async () => {
    const { clb, clock, fake } = await bench.start();
    const listener = at(fake, 80);
    const HealthCheck = { IntervalTime: 3, HealthNum: 2, HttpCheckPath: `${path}health` };
    const made = await clb.call('CreateRule', { ...listener, Rules: [rule({ HealthCheck })] });
    const [LocationId] = made.LocationIds;
    const targets = { ...listener, LocationId, Targets: [node, { EniIp: '10.0.0.2', Port: 18_080, Weight: 0 }] };
    await clb.call('RegisterTargets', targets);
    expect(await clb.code('RegisterTargets', targets)).toBe('InvalidParameterValue.Duplicate');
    const health = async () => {
      const { LoadBalancers } = await clb.call('DescribeTargetHealth', {
        LoadBalancerIds: [lb],
        LocationIds: [LocationId],
      });
      const rules = LoadBalancers[0].Listeners.flatMap((one: { Rules: { Targets: unknown[] }[] }) => one.Rules);
      return rules[0].Targets.map((one: Record<string, unknown>) => [one['HealthStatus'], one['HealthStatusDetail']]);
    };
    expect(await health()).toEqual([
      [false, 'Unknown'],
      [false, 'Unknown'],
    ]);
    await clock.advance(6000);
    fake.isUp = ({ instance }) => instance === 'ins-a';
    expect(await health()).toEqual([
      [true, 'Alive'],
      [false, 'Dead'],
    ]);
    const { Listeners } = await clb.call('DescribeTargets', { LoadBalancerId: lb, Port: 80 });
    expect(Listeners[0].Rules.at(-1)).toMatchObject({ LocationId, Targets: [{ InstanceId: 'ins-a', Weight: 10 }, {}] });
    await clb.call('DeregisterTargets', targets);
    expect(await clb.code('DeregisterTargets', targets)).toBe('InvalidParameterValue');
    const other = { ...targets, Targets: [{ Port: 1 }] };
    expect(await clb.code('RegisterTargets', other)).toBe('InvalidParameter');
    expect(await clb.code('RegisterTargets', { ...targets, Targets: [{ ...node, InstanceId: 'ins-none' }] })).toBe(
      'InvalidParameterValue',
    );
    const one = { ListenerId: listener.ListenerId, LocationId, ...node };
    const batch = await clb.call('BatchRegisterTargets', {
      LoadBalancerId: lb,
      Targets: [one, { ...one, ListenerId: 'lbl-none' }],
    });
    expect(batch.FailListenerIdSet).toEqual(['lbl-none']);
    expect(fake.route(lb, 80, 'www.example.com', path)).toEqual(['ins-a:18080']);
    await clb.call('BatchDeregisterTargets', { LoadBalancerId: lb, Targets: [one] });
    expect(fake.route(lb, 80, 'www.example.com', path)).toEqual([]);
  });
});
