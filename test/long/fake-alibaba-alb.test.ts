import { createPrivateKey } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/ports/clock.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { LoadBalancerOptions } from '../support/alibaba-alb/options.ts';
import { type AlibabaAlb, type AlibabaAlbOptions, createAlibabaAlb } from '../support/alibaba-alb.ts';
import type { AccessKey } from '../support/alibaba-clb/options.ts';
import { createOracle, type Oracle } from '../support/alibaba-oracle.ts';
import { get, startNodes } from '../support/alibaba-world.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd } from '../support/service.ts';
import { createVersionMaker, shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's ALB, driven by Alibaba's own client. The client signs with this machine's time, so the
// fake's clock starts now.

const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };
const lb = 'alb-a1';
const path = '/.well-known/acme-challenge/*';
const names = ['first', 'second', 'wild', 'shop'] as const;
type Name = (typeof names)[number];
interface Pem {
  readonly certificate: string;
  readonly privateKey: string;
  readonly fingerprint: string;
}
let pems: Readonly<Record<Name, Pem>>;

stopAllAfterwards();
beforeAll(async () => {
  const maker = await createVersionMaker();
  const make = async (...of: string[]): Promise<Pem> => {
    const { fullchainPem: certificate, keyPem, facts } = await maker.make('x', of);
    const privateKey = createPrivateKey(keyPem.reveal()).export({ type: 'sec1', format: 'pem' }).toString();
    return { certificate, privateKey, fingerprint: facts.fingerprint };
  };
  pems = {
    first: await make('www.example.com'),
    second: await make('www.example.com'),
    wild: await make('*.example.com'),
    shop: await make('shop.example.com'),
  };
});

const balancer = (): LoadBalancerOptions => ({
  id: lb,
  listeners: [
    {
      ...{ protocol: 'HTTP', port: 80, group: 'web' },
      rules: [{ name: 'shop', priority: 100, hosts: ['shop.example.com'], group: 'shop' }],
    },
    { protocol: 'HTTPS', port: 443, group: 'web', certificate: 'first', additional: ['shop'] },
  ],
});

const optionsWith = (clock: Clock): AlibabaAlbOptions => ({
  ...{ clock, keys: [root], loadBalancers: [balancer()] },
  groups: [
    { name: 'web', servers: [{ id: 'i-a', port: 80 }], check: { enabled: false } },
    { name: 'shop', servers: [{ id: 'i-b', port: 80 }], check: { enabled: false }, tags: { team: 'shop' } },
  ],
  certificates: names.map((name) => ({ name, ...pems[name] })),
  servers: { 'i-a': { ip: '10.0.0.1' }, 'i-b': { ip: '10.0.0.2' } },
});

async function serve(options: AlibabaAlbOptions, key: AccessKey) {
  let fake!: AlibabaAlb;
  const { origin, close } = await serveFakeApi((at) => {
    fake = createAlibabaAlb({ ...options, origins: [at] });
    return fake.api;
  });
  atEnd(close);
  return { fake, alb: createOracle(origin, key, 'cn-hangzhou', '2020-06-16') };
}

interface Started {
  readonly fake: AlibabaAlb;
  readonly clock: FakeClock;
  readonly alb: Oracle;
  code(action: string, parameters: object): Promise<string>;
}

async function start(changes: Partial<AlibabaAlbOptions> = {}, key = root): Promise<Started> {
  const clock = fakeClock(new Date());
  const { fake, alb } = await serve({ ...optionsWith(clock), keys: [root, key], ...changes }, key);
  return { fake, clock, alb, code: async (action, parameters) => (await alb.refused(action, flat(parameters))).code };
}

/** As the vendor's client flattens parameters: `RuleConditions.1.HostConfig.Values.1`. */
function flat(value: object, prefix = ''): Record<string, string | number | boolean> {
  const flattened: Record<string, string | number | boolean> = {};
  for (const [key, one] of Object.entries(value)) {
    const name = `${prefix}${Array.isArray(value) ? Number(key) + 1 : key}`;
    if (typeof one === 'object') Object.assign(flattened, flat(one, `${name}.`));
    else flattened[name] = one;
  }
  return flattened;
}

const host = (...Values: string[]) => ({ Type: 'Host', HostConfig: { Values } });
const url = (...Values: string[]) => ({ Type: 'Path', PathConfig: { Values } });
const forward = (ServerGroupId: string) => ({
  ...{ Type: 'ForwardGroup', Order: 1 },
  ForwardGroupConfig: { ServerGroupTuples: [{ ServerGroupId }] },
});
const fixed = (Content: string) => ({
  ...{ Type: 'FixedResponse', Order: 1 },
  FixedResponseConfig: { Content, ContentType: 'text/plain', HttpCode: '200' },
});
const newRule = (fake: AlibabaAlb, more: object = {}) => ({
  ...{ ListenerId: fake.listenerId(lb, 80), RuleName: 'ours', Priority: 10 },
  ...{ RuleConditions: [host('www.example.com'), url(path)], RuleActions: [fixed('key-authorization')], ...more },
});

describe('rules', () => {
  it('come and go with jobs, one at a time on a listener', async () => {
    const { fake, alb, clock, code } = await start({ changeMs: 5000 });
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
    const { fake, alb, code, clock } = await start({ changeMs: 1000 });
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
    const { fake, code } = await start({ quotas: { rulesOfBalancer: 1 } });
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
    const { fake, alb, clock, code } = await start();
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

describe('certificates', () => {
  const ids = (fake: AlibabaAlb, ...of: Name[]) => of.map((name) => ({ CertificateId: fake.certificateId(name) }));

  it('the default one is replaced, the additional ones are added and removed', async () => {
    const { fake, alb, clock, code } = await start({ changeMs: 5000 });
    const ListenerId = fake.listenerId(lb, 443);
    const certificates = (...of: Name[]) => flat({ ListenerId, Certificates: ids(fake, ...of) });
    const served = (name: string) => fake.served(lb, 443, name);
    expect([served('www.example.com'), served('shop.example.com'), served('b.example.com')]).toEqual([
      'first',
      'shop',
      'first',
    ]);
    await alb.call('AssociateAdditionalCertificatesWithListener', certificates('wild'));
    const listed = async () => {
      const { Certificates } = await alb.call('ListListenerCertificates', { ListenerId, CertificateType: 'Server' });
      return Certificates.map((one: Record<string, unknown>) => [
        one['CertificateId'],
        one['IsDefault'],
        one['Status'],
      ]);
    };
    const [first, shop, wild] = ids(fake, 'first', 'shop', 'wild').map((one) => one.CertificateId);
    expect(await listed()).toEqual([
      [first, true, 'Associated'],
      [shop, false, 'Associated'],
      [wild, false, 'Associating'],
    ]);
    expect(served('b.example.com')).toBe('first');
    expect(await code('UpdateListenerAttribute', { ListenerId, Certificates: ids(fake, 'second') })).toMatch(
      /^(Inc|Res|Vip)/,
    );
    await clock.advance(5000);
    expect(served('b.example.com')).toBe('wild');
    await alb.call('UpdateListenerAttribute', certificates('second'));
    const { ListenerStatus } = await alb.call('GetListenerAttribute', { ListenerId });
    expect(ListenerStatus).toBe('Configuring');
    await clock.advance(5000);
    expect(await alb.call('GetListenerAttribute', { ListenerId })).toMatchObject({
      ...{ ListenerStatus: 'Running', Certificates: ids(fake, 'second') },
    });
    expect(served('example.org')).toBe('second');
    await alb.call('DissociateAdditionalCertificatesFromListener', certificates('shop'));
    await clock.advance(5000);
    expect(served('shop.example.com')).toBe('wild');
    fake.forgetCertificate('wild'); // CAS lets it go, and the listener keeps it
    expect(served('shop.example.com')).toBe('wild');
  });

  it('refuses unknown ones, wrong forms, repeats, the default one, and more than it may have', async () => {
    const { fake, code } = await start({ quotas: { additionalOfListener: 1 } });
    const ListenerId = fake.listenerId(lb, 443);
    const number = Number(fake.certificateId('wild').split('-')[0]);
    const add = (Certificates: object, listener = ListenerId) =>
      code('AssociateAdditionalCertificatesWithListener', { ListenerId: listener, Certificates });
    const before = fake.snapshot();
    expect(await add([{ CertificateId: String(number) }])).toBe('ResourceNotFound.Certificate');
    expect(await add([{ CertificateId: `${number}-ap-southeast-1` }])).toBe('ResourceNotFound.Certificate');
    expect(await add(ids(fake, 'shop'))).toBe('ResourceAlreadyAssociated.Certificate');
    expect(await add(ids(fake, 'wild'))).toBe('QuotaExceeded.AdditionalCertsNum');
    expect(await add(ids(fake, 'wild'), fake.listenerId(lb, 80))).toBe('OperationDenied.ListenerProtocol');
    const gone = { ListenerId, Certificates: ids(fake, 'first') };
    expect(await code('DissociateAdditionalCertificatesFromListener', gone)).toBe('ResourceNotFound.Certificate');
    const both = { ListenerId, Certificates: ids(fake, 'first', 'second') };
    expect(await code('UpdateListenerAttribute', both)).toBe('InvalidParameter');
    expect(fake.snapshot()).toEqual(before);
  });

  it('two for one name are served by turns', async () => {
    const { fake, alb } = await start();
    const ListenerId = fake.listenerId(lb, 443);
    const Certificates = ids(fake, 'second');
    await alb.call('UpdateListenerAttribute', flat({ ListenerId, Certificates: ids(fake, 'wild') }));
    await alb.call(
      'AssociateAdditionalCertificatesWithListener',
      flat({ ListenerId, Certificates: ids(fake, 'first') }),
    );
    await alb.call('AssociateAdditionalCertificatesWithListener', flat({ ListenerId, Certificates }));
    const served = new Set([1, 2].map(() => fake.served(lb, 443, 'www.example.com')));
    expect(served).toEqual(new Set(['first', 'second']));
  });
});

describe('lists and rights', () => {
  it('pages have tokens, and RAM may be limited to a balancer', async () => {
    const policy = [
      { Effect: 'Allow', Action: 'alb:List*', Resource: '*' },
      { Effect: 'Allow', Action: 'alb:*', Resource: `acs:alb:*:*:loadbalancer/${lb}` },
    ] as const;
    const { fake, alb, code } = await start({}, { id: 'LTAIuser', secret: 'u', policy });
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

describe('the data plane', () => {
  it('forwards, answers by itself, and serves certificates by name', async () => {
    const [a, b] = await startNodes(2);
    const servers = { 'i-a': { ip: '10.0.0.1', at: a!.address }, 'i-b': { ip: '10.0.0.2', at: b!.address } };
    const groups = [
      { name: 'web', servers: [{ id: 'i-a', port: a!.port }], check: { enabled: false } },
      { name: 'shop', servers: [{ id: 'i-b', port: b!.port }], check: { interval: 1, healthy: 2 } },
    ];
    const { fake, alb } = await serve({ ...optionsWith(systemClock), groups, servers, secondMs: 10 }, root);
    const plane = await fake.startPlane();
    atEnd(() => plane.stop());
    const port = plane.port(`${lb}|80`);
    expect((await get(port, 'www.example.com', '/x')).text).toBe('a GET /x');
    await alb.call('CreateRule', flat(newRule(fake)));
    expect((await get(port, 'www.example.com', '/.well-known/acme-challenge/x')).text).toBe('key-authorization');
    let seen = await get(port, 'shop.example.com', '/');
    for (let round = 0; seen.status === 502 && round < 500; round++) {
      await wait(10);
      seen = await get(port, 'shop.example.com', '/');
    }
    expect(seen.text).toBe('b GET /');
    const shown = async (name: string) => (await shakeHands(plane.port(`${lb}|443`), name)).fingerprint;
    expect(await shown('www.example.com')).toBe(pems.first.fingerprint);
    expect(await shown('shop.example.com')).toBe(pems.shop.fingerprint);
  });
});
