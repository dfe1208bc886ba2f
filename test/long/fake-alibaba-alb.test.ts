import { beforeAll, describe, expect, it } from 'vitest';
import {
  type AlbBench,
  createAlbBench,
  fixed,
  flat,
  forward,
  host,
  lb,
  newRule,
  path,
  url,
} from '../support/alibaba-alb-account.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's ALB: rules, server groups, lists and rights.

let bench: AlbBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createAlbBench();
});

describe('rules', () => {
  it('come and go with jobs, one at a time on a listener', async () => {
    const { fake, alb, clock, code } = await bench.start({ changeMs: 5000 });
    const before = fake.snapshot();
    const route = () => fake.route(lb, 80, 'www.example.com', '/.well-known/acme-challenge/x');
    const Tag = [{ Key: 'acme-owner', Value: 'one' }];
    const made = await alb.call('CreateRule', flat(newRule(fake, { Tag })));
    const job = async (JobId: string) => (await alb.call('ListAsynJobs', flat({ JobIds: [JobId] }))).Jobs[0].Status;
    expect(await job(made.JobId)).toBe('Processing');
    expect(route()).toEqual(['i-a:80']);
    const listed = async () => (await alb.call('ListRules', flat({ Tag }))).Rules;
    expect(await listed()).toMatchObject([
      { RuleId: made.RuleId, RuleStatus: 'Provisioning', Priority: 10, Tags: Tag },
    ]);
    expect(await code('DeleteRule', { RuleId: made.RuleId })).toMatch(/^(Incorrect|ResourceInConfiguring|VipStatus)/);
    await clock.advance(5000);
    expect(await job(made.JobId)).toBe('Succeeded');
    expect(route()).toBe('200 key-authorization');
    expect(fake.route(lb, 80, 'www.example.com', '/')).toEqual(['i-a:80']);
    expect(await listed()).toMatchObject([
      { RuleStatus: 'Available', RuleConditions: [host('www.example.com'), url(path)] },
    ]);
    const to = [forward(fake.groupId('shop'))];
    await alb.call('UpdateRuleAttribute', flat({ RuleId: made.RuleId, Priority: 20, RuleActions: to }));
    await clock.advance(5000);
    expect(route()).toEqual(['i-b:80']);
    await alb.call('DeleteRule', { RuleId: made.RuleId });
    expect(route()).toEqual(['i-b:80']);
    await clock.advance(5000);
    expect(fake.snapshot()).toEqual(before);
    fake.failJob('CreateRule', 'OperationFailed.Rule');
    const failed = await alb.call('CreateRule', flat(newRule(fake)));
    await clock.advance(5000);
    const { Jobs } = await alb.call('ListAsynJobs', flat({ JobIds: [failed.JobId] }));
    expect(Jobs).toMatchObject([{ Status: 'Failed', ErrorCode: 'OperationFailed.Rule', ApiName: 'CreateRule' }]);
    expect(fake.snapshot()).toEqual(before);
  });

  it('are the same change with the same token, and none in a dry run', async () => {
    const { fake, alb, code, clock } = await bench.start({ changeMs: 1000 });
    const before = fake.snapshot();
    expect(await code('CreateRule', newRule(fake, { DryRun: true }))).toBe('DryRunOperation');
    expect(fake.snapshot()).toEqual(before);
    const ClientToken = 'token-1';
    const { RuleId } = await alb.call('CreateRule', flat(newRule(fake, { ClientToken })));
    expect(await code('CreateRule', newRule(fake, { ClientToken }))).toBe('IdempotenceProcessing');
    await clock.advance(1000);
    expect(await alb.call('CreateRule', flat(newRule(fake, { ClientToken })))).toMatchObject({ RuleId });
    expect(await code('CreateRule', newRule(fake, { ClientToken, Priority: 11 }))).toBe('IdempotenceParamNotMatch');
    expect(await code('CreateRule', newRule(fake))).toBe('Conflict.Priority');
  });

  it('are refused for many reasons', async () => {
    const { fake, code } = await bench.start({ quotas: { rulesOfBalancer: 1 } });
    const cases: readonly (readonly [string, object])[] = [
      ['ResourceNotFound.Listener', { ListenerId: 'lsn-none' }],
      ['Conflict.Priority', { Priority: 100 }],
      ['QuotaExceeded.LoadBalancerRulesNum', {}],
      ['InvalidParameter', { Priority: 0 }],
      ['InvalidParameter', { Priority: 10_001 }],
      ['InvalidParameter', { RuleName: '1' }],
      ['InvalidParameter', { RuleConditions: [host('a_b')] }],
      ['InvalidParameter', { RuleConditions: [url('no-slash')] }],
      ['InvalidParameter', { RuleConditions: [{ Type: 'Host' }] }],
      ['InvalidParameter', { RuleActions: [fixed('x'.repeat(1025))] }],
      ['InvalidParameter', { RuleActions: [fixed('é')] }],
      ['ResourceNotFound.ServerGroup', { RuleActions: [forward('sgp-none')] }],
      ['MissingParameter', { RuleActions: [{ Type: 'FixedResponse' }] }],
      ['InvalidParameter', { Domain: 'www.example.com' }],
    ];
    const before = fake.snapshot();
    for (const [expected, more] of cases)
      expect([more, await code('CreateRule', newRule(fake, more))]).toEqual([more, expected]);
    expect(fake.snapshot()).toEqual(before);
  });
});

describe('groups', () => {
  it('take servers, tell which are not normal, and go when nothing uses them', async () => {
    const { fake, alb, clock, code } = await bench.start();
    const HealthCheckConfig = {
      HealthCheckEnabled: true,
      HealthCheckPath: '/health',
      HealthCheckInterval: 1,
      HealthyThreshold: 2,
    };
    const group = {
      ServerGroupName: 'ours',
      VpcId: 'vpc-1',
      HealthCheckConfig,
      Tag: [{ Key: 'acme-owner', Value: 'one' }],
    };
    const { ServerGroupId } = await alb.call('CreateServerGroup', flat(group));
    const Servers = [{ ServerType: 'Ecs', ServerId: 'i-a', Port: 18_080 }];
    await alb.call('AddServersToServerGroup', flat({ ServerGroupId, Servers }));
    expect(await code('AddServersToServerGroup', { ServerGroupId, Servers })).toBe(
      'ResourceAlreadyExist.BackendServer',
    );
    const { RuleId } = await alb.call('CreateRule', flat(newRule(fake, { RuleActions: [forward(ServerGroupId)] })));
    const ListenerId = fake.listenerId(lb, 80);
    const abnormal = async () => {
      const { RuleHealthStatus } = await alb.call('GetListenerHealthStatus', { ListenerId, IncludeRule: true });
      const own = RuleHealthStatus.find((one: { RuleId: string }) => one.RuleId === RuleId);
      return own.ServerGroupInfos[0].NonNormalServers.map((one: { Status: string }) => one.Status);
    };
    expect(await abnormal()).toEqual(['Initial']);
    await clock.advance(2000);
    expect(await abnormal()).toEqual([]);
    fake.isUp = () => false;
    expect(await abnormal()).toEqual(['Unhealthy']);
    const found = await alb.call('ListServerGroups', flat({ Tag: [{ Key: 'acme-owner' }] }));
    expect(found).toMatchObject({ TotalCount: 1, ServerGroups: [{ ServerGroupId, RelatedLoadBalancerIds: [lb] }] });
    const { Servers: listed } = await alb.call('ListServerGroupServers', { ServerGroupId });
    expect(listed).toMatchObject([{ ServerId: 'i-a', Port: 18_080, Status: 'Available', ServerIp: '10.0.0.1' }]);
    expect(await code('DeleteServerGroup', { ServerGroupId })).toBe('ResourceInUse.ServerGroup');
    await alb.call('DeleteRule', { RuleId });
    await alb.call('RemoveServersFromServerGroup', flat({ ServerGroupId, Servers }));
    expect(await code('RemoveServersFromServerGroup', { ServerGroupId, Servers })).toBe(
      'ResourceNotFound.BackendServer',
    );
    await alb.call('DeleteServerGroup', { ServerGroupId });
    expect(await code('DeleteServerGroup', { ServerGroupId })).toBe('ResourceNotFound.ServerGroup');
    const crooked = { ...group, HealthCheckConfig: { ...HealthCheckConfig, HealthyThreshold: 1 } };
    expect(await code('CreateServerGroup', crooked)).toBe('InvalidParameter');
  });
});

describe('lists and rights', () => {
  it('pages have tokens, and RAM may be limited to a balancer', async () => {
    const policy = [
      { Effect: 'Allow', Action: 'alb:List*', Resource: '*' },
      { Effect: 'Allow', Action: 'alb:*', Resource: `acs:alb:*:*:loadbalancer/${lb}` },
    ] as const;
    const { fake, alb, code } = await bench.start({}, { id: 'LTAIuser', secret: 'u', policy });
    const first = await alb.call('ListListeners', flat({ LoadBalancerIds: [lb], MaxResults: 1 }));
    expect(first).toMatchObject({ TotalCount: 2, Listeners: [{ ListenerPort: 80 }], NextToken: expect.any(String) });
    const second = await alb.call('ListListeners', { MaxResults: 1, NextToken: first.NextToken });
    expect(second).toMatchObject({ Listeners: [{ ListenerPort: 443 }] });
    expect(second.NextToken).toBeUndefined();
    expect(await code('ListListeners', { MaxResults: 101 })).toBe('InvalidParameter');
    await alb.call('CreateRule', flat(newRule(fake)));
    const group = { ServerGroupName: 'ours', VpcId: 'vpc-1', HealthCheckConfig: { HealthCheckEnabled: false } };
    expect(await code('CreateServerGroup', group)).toBe('Forbidden.RAM');
    fake.deny('alb:ListRules');
    expect(await code('ListRules', {})).toBe('Forbidden.RAM');
  });
});
