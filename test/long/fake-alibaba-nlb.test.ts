import { beforeAll, describe, expect, it } from 'vitest';
import { createNlbBench, lb, type NlbBench, oldId } from '../support/alibaba-nlb-account.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's NLB: TCPSSL listeners, their certificates, jobs, lists and rights, and its data plane.

const associate = 'AssociateAdditionalCertificatesWithListener';
const disassociate = 'DisassociateAdditionalCertificatesWithListener';
let bench: NlbBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createNlbBench();
});

describe('certificates', () => {
  it('the default one is replaced, and additional ones come and go, each by a job', async () => {
    const { fake, nlb, clock, ids } = await bench.start({ changeMs: 5000 });
    const ListenerId = fake.listenerId(lb, 443);
    const [first, second, wild, shop] = ids('first', 'second', 'wild', 'shop');
    const listed = async () => {
      const { Certificates } = await nlb.call('ListListenerCertificates', { ListenerId, CertType: 'Server' });
      return Certificates.map((one: Record<string, unknown>) => [
        one['CertificateId'],
        one['IsDefault'],
        one['Status'],
      ]);
    };
    const served = (name?: string) => fake.served(lb, 443, name);
    expect([served('www.example.com'), served('shop.example.com'), served()]).toEqual(['first', 'shop', 'first']);
    const { JobId } = await nlb.call(associate, { ListenerId, AdditionalCertificateIds: [wild!] });
    const status = async () => (await nlb.call('GetJobStatus', { JobId })).Status;
    expect([await status(), await status()].sort()).toEqual(['Processing', 'processing']);
    expect(await listed()).toEqual([
      [first, true, 'Associated'],
      [shop, false, 'Associated'],
      [oldId, false, 'Associated'],
      [wild, false, 'Associating'],
    ]);
    expect(served('b.example.com')).toBe('first');
    await clock.advance(5000);
    expect([await status(), served('b.example.com')]).toEqual(['Succeeded', 'wild']);
    await nlb.call('UpdateListenerAttribute', { ListenerId, CertificateIds: [second!] });
    expect(await nlb.call('GetListenerAttribute', { ListenerId })).toMatchObject({
      ...{ ListenerStatus: 'Configuring', CertificateIds: [first], CaCertificateIds: ['ca-1'], IdleTimeout: 60 },
    });
    await clock.advance(5000);
    expect(await nlb.call('GetListenerAttribute', { ListenerId })).toMatchObject({
      ...{ ListenerStatus: 'Running', CertificateIds: [second], CaCertificateIds: ['ca-1'], IdleTimeout: 60 },
    });
    expect(served()).toBe('second');
    await nlb.call(disassociate, { ListenerId, AdditionalCertificateIds: [shop!] });
    expect((await listed())[1]).toEqual([shop, false, 'Diassociating']);
    await clock.advance(5000);
    expect([served('shop.example.com'), fake.placed(lb, 443)]).toEqual([
      'wild',
      { standard: 'second', additional: [oldId, 'wild'] },
    ]);
    fake.forgetCertificate('wild'); // CAS lets it go, and the listener keeps it
    expect(served('shop.example.com')).toBe('wild');
  });

  it('refuses for many reasons, and changes nothing', async () => {
    const { fake, code, ids } = await bench.start({ quotas: { additionalOfBalancer: 3 } });
    const [ListenerId, plain] = [fake.listenerId(lb, 443), fake.listenerId(lb, 22)];
    const [first, second, wild, shop] = ids('first', 'second', 'wild', 'shop') as [string, string, string, string];
    const number = wild.split('-')[0]!;
    const cases: readonly (readonly [string, string, object])[] = [
      ['ResourceNotFound.listener', associate, { ListenerId: 'lsn-none@443', AdditionalCertificateIds: [wild] }],
      [
        'ResourceNotFound.listener',
        associate,
        { ListenerId: ListenerId.split('@')[0], AdditionalCertificateIds: [wild] },
      ],
      ['ResourceNotFound.listener', 'GetListenerAttribute', { ListenerId: fake.listenerId('nlb-b2', 443) }],
      ['OperationDenied.Protocol', associate, { ListenerId: plain, AdditionalCertificateIds: [wild] }],
      ['OperationDenied.Protocol', 'ListListenerCertificates', { ListenerId: plain }],
      ['OperationDenied.Protocol', 'UpdateListenerAttribute', { ListenerId: plain, CertificateIds: [wild] }],
      ['ResourceNotFound.Certificate', associate, { ListenerId, AdditionalCertificateIds: [number] }],
      [
        'ResourceNotFound.Certificate',
        associate,
        { ListenerId, AdditionalCertificateIds: [`${number}-ap-southeast-1`] },
      ],
      ['ResourceAlreadyAssociated.Certificate', associate, { ListenerId, AdditionalCertificateIds: [shop] }],
      ['ResourceAlreadyAssociated.Certificate', associate, { ListenerId, AdditionalCertificateIds: [first] }],
      ['ResourceAlreadyAssociated.Certificate', 'UpdateListenerAttribute', { ListenerId, CertificateIds: [first] }],
      ['IllegalParam', associate, { ListenerId, AdditionalCertificateIds: [wild, wild] }],
      ['InvalidParameter', associate, { ListenerId, AdditionalCertificateIds: Array.from({ length: 16 }, () => wild) }],
      ['MissingParameter', associate, { ListenerId }],
      ['MissingParameter', associate, { AdditionalCertificateIds: [wild] }],
      ['InvalidParameter', associate, { ListenerId, AdditionalCertificateIds: [wild], Certificates: [wild] }],
      ['QuotaExceeded.QuotaInsufficient', associate, { ListenerId, AdditionalCertificateIds: [second, wild] }],
      ['IllegalParamSize.certificateIds', 'UpdateListenerAttribute', { ListenerId, CertificateIds: [second, wild] }],
      ['IllegalParam.IdleTimeout', 'UpdateListenerAttribute', { ListenerId, IdleTimeout: 901 }],
      ['IllegalParam', 'UpdateListenerAttribute', { ListenerId, Mss: 1501 }],
      ['InvalidParameter', 'UpdateListenerAttribute', { ListenerId, RegionId: 'cn-shanghai' }],
      ['OperationDenied.DefaultCertificateUsed', disassociate, { ListenerId, AdditionalCertificateIds: [first] }],
      ['OperationDenied.CaCertificateUsed', disassociate, { ListenerId, AdditionalCertificateIds: ['ca-1'] }],
      ['ResourceNotAssociated.Certificate', disassociate, { ListenerId, AdditionalCertificateIds: [wild] }],
      ['ResourceNotFound.JobId', 'GetJobStatus', { JobId: 'none' }],
      ['InvalidAction.NotFound', 'DissociateAdditionalCertificatesFromListener', { ListenerId }],
    ];
    const before = fake.snapshot();
    for (const [expected, action, parameters] of cases)
      expect([action, parameters, await code(action, { ...parameters })]).toEqual([action, parameters, expected]);
    const headers = { 'x-acs-action': associate, 'x-acs-version': '2022-04-30' };
    const url = 'https://nlb.cn-hangzhou.aliyuncs.com/';
    expect((await fake.api.handle({ method: 'GET', url, headers })).status).toBe(403);
    expect(fake.snapshot()).toEqual(before);
  });

  it('two for one name are served by turns', async () => {
    const { fake, nlb, ids } = await bench.start();
    const [ListenerId, AdditionalCertificateIds] = [fake.listenerId(lb, 8883), ids('second', 'wild')];
    await nlb.call('UpdateListenerAttribute', { ListenerId, CertificateIds: ids('shop') });
    await nlb.call(associate, { ListenerId, AdditionalCertificateIds: [...AdditionalCertificateIds, ...ids('first')] });
    const served = () => fake.served(lb, 8883, 'www.example.com');
    expect(new Set([served(), served()])).toEqual(new Set(['first', 'second']));
  });
});

describe('jobs', () => {
  it('hold the balancer, are the same with the same token, and none in a dry run', async () => {
    const { fake, nlb, code, clock, ids } = await bench.start({ changeMs: 1000 });
    const before = fake.snapshot();
    const added = { ListenerId: fake.listenerId(lb, 443), AdditionalCertificateIds: ids('wild') };
    const elsewhere = { ListenerId: fake.listenerId(lb, 8883), AdditionalCertificateIds: ids('wild') };
    expect(await code(associate, { ...added, DryRun: true })).toBe('DryRunOperation');
    expect(fake.snapshot()).toEqual(before);
    const ClientToken = 'token-1';
    const { JobId } = await nlb.call(associate, { ...added, ClientToken });
    expect(await nlb.call(associate, { ...added, ClientToken })).toMatchObject({ JobId });
    expect(await code(associate, { ...elsewhere, ClientToken })).toBe('IdempotenceSignatureMismatch');
    expect(await code(associate, elsewhere)).toBe('Conflict.Lock');
    const busy = await nlb.refused(disassociate, { ...added, AdditionalCertificateIds: ids('shop') });
    expect([busy.code, busy.status]).toEqual([
      expect.stringMatching(/^(IncorrectStatus.listener|Conflict.Lock)$/),
      400,
    ]);
    await clock.advance(1000);
    await nlb.call(associate, elsewhere);
    const { Jobs } = await nlb.call('ListAsynJobs', { JobIds: [JobId] });
    expect(Jobs).toEqual([{ Id: JobId, Status: 'Succeeded' }]);
  });

  it('fail after they were accepted, and nothing says why', async () => {
    const { fake, nlb, clock, ids } = await bench.start({ changeMs: 1000 });
    const before = fake.snapshot();
    fake.failJob(associate);
    const ListenerId = fake.listenerId(lb, 443);
    const { JobId } = await nlb.call(associate, { ListenerId, AdditionalCertificateIds: ids('wild') });
    await clock.advance(1000);
    expect(await nlb.call('GetJobStatus', { JobId })).toEqual({ RequestId: expect.any(String), Status: 'Failed' });
    expect(fake.snapshot()).toEqual(before);
    const mute = await bench.start({ behaviour: { failed: 'processing' } });
    mute.fake.failJob('UpdateListenerAttribute');
    const failed = await mute.nlb.call('UpdateListenerAttribute', {
      ...{ ListenerId: mute.fake.listenerId(lb, 443), CertificateIds: mute.ids('wild') },
    });
    expect((await mute.nlb.call('GetJobStatus', { JobId: failed.JobId })).Status).toMatch(/^processing$/i);
  });

  it('wait for a listener and a balancer that are ready', async () => {
    const { fake, nlb, ids } = await bench.start();
    const change = { ListenerId: fake.listenerId(lb, 443), CertificateIds: ids('second') };
    fake.setStatus(lb, 443, 'Provisioning');
    const refused = await nlb.refused('UpdateListenerAttribute', change);
    expect([refused.code, refused.message]).toEqual([
      'IncorrectStatus.listener',
      expect.stringContaining('[Provisioning]'),
    ]);
    fake.setStatus(lb, 443, 'Running');
    fake.setBalancerStatus(lb, 'Configuring');
    expect((await nlb.refused('UpdateListenerAttribute', change)).code).toBe('IncorrectStatus.loadbalancer');
    fake.setBalancerStatus(lb, 'Active');
    await nlb.call('UpdateListenerAttribute', change);
    fake.place(lb, 443, { standard: 'wild', additional: [] }); // by another person
    expect(fake.placed(lb, 443)).toEqual({ standard: 'wild', additional: [] });
    fake.removeListener(lb, 443);
    expect((await nlb.refused('UpdateListenerAttribute', change)).code).toBe('ResourceNotFound.listener');
  });
});

describe('lists, rates and rights', () => {
  it('pages have tokens, and lists are of one region', async () => {
    const { nlb, code, fake, ids } = await bench.start();
    const secure = { ListenerProtocol: 'TCPSSL', LoadBalancerIds: [lb], MaxResults: 1 };
    const one = await nlb.call('ListListeners', secure);
    expect(one).toMatchObject({
      TotalCount: 2,
      NextToken: expect.any(String),
      Listeners: [
        { ListenerId: fake.listenerId(lb, 443), ListenerPort: 443, CertificateIds: ids('first'), CaEnabled: true },
      ],
    });
    const two = await nlb.call('ListListeners', { ...secure, NextToken: one.NextToken });
    expect(two).toMatchObject({ Listeners: [{ ListenerPort: 8883 }] });
    expect(two.NextToken).toBeUndefined();
    expect((await nlb.call('ListListeners')).TotalCount).toBe(3);
    expect((await nlb.call('ListLoadBalancers')).LoadBalancers).toMatchObject([{ LoadBalancerId: lb }]);
    const ListenerId = fake.listenerId(lb, 443);
    const all = await nlb.call('ListListenerCertificates', { ListenerId, MaxResults: 50 });
    expect([all.TotalCount, all.CertificateIds]).toEqual([4, [...ids('first', 'shop'), oldId, 'ca-1']]);
    expect(await code('ListListenerCertificates', { ListenerId, MaxResults: 51 })).toBe('InvalidParameter');
    expect(await code('ListListenerCertificates', { ListenerId, CertificateType: 'Server' })).toBe('InvalidParameter');
    expect(await code('ListListeners', { MaxResults: 101 })).toBe('InvalidParameter');
    expect(await code('ListListeners', { ListenerProtocol: 'HTTPS' })).toBe('InvalidParameter');
  });

  it('RAM limits by action and balancer, and calls have a rate', async () => {
    const policy = [
      { Effect: 'Allow', Action: ['nlb:List*', 'nlb:GetJobStatus'], Resource: '*' },
      { Effect: 'Allow', Action: 'nlb:*', Resource: 'acs:nlb:*:*:loadbalancer/nlb-other' },
    ] as const;
    const { fake, nlb, code } = await bench.start({ perSecond: 2 }, { id: 'LTAIuser', secret: 'u', policy });
    const refused = await nlb.refused('GetListenerAttribute', { ListenerId: fake.listenerId(lb, 443) });
    expect([refused.code, refused.status]).toEqual(['Forbidden.NoPermission', 403]);
    await nlb.call('ListListeners');
    await nlb.call('ListListeners');
    expect(await code('ListListeners', {})).toBe('Throttling.User');
    fake.deny('nlb:ListLoadBalancers');
    expect(await code('ListLoadBalancers', {})).toBe('Forbidden.NoPermission');
  });
});

it('the data plane shows certificates by name, and the default one to a client that names none', async () => {
  const { fake, nlb, ids } = await bench.start();
  const plane = await fake.startPlane();
  atEnd(() => plane.stop());
  const shown = async (name: string) => (await shakeHands(plane.port(`${lb}|443`), name)).fingerprint;
  const { first, second, shop } = bench.pems;
  expect([await shown('www.example.com'), await shown('shop.example.com'), await shown('')]).toEqual([
    ...[first.fingerprint, shop.fingerprint, first.fingerprint],
  ]);
  await nlb.call('UpdateListenerAttribute', { ListenerId: fake.listenerId(lb, 443), CertificateIds: ids('second') });
  expect([await shown('www.example.com'), await shown('')]).toEqual([second.fingerprint, second.fingerprint]);
  fake.setStatus(lb, 443, 'Stopped');
  expect([await shown('www.example.com'), await shown('')]).toEqual([undefined, undefined]);
});
