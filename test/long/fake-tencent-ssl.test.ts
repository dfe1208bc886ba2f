import { setTimeout as wait } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { get, startNodes } from '../support/alibaba-world.ts';
import { atEnd } from '../support/service.ts';
import { at, balancerOptions, createTencentBench, lb, root, type TencentBench } from '../support/tencent-account.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Tencent Cloud's CLB: its certificates, those of the SSL service, and its data plane. Documents only (see
// tencent-account.ts).

const path = '/.well-known/acme-challenge/';
const rule = (more: object = {}) => ({ Domain: 'www.example.com', Url: path, ...more });
let bench: TencentBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createTencentBench();
});

describe('certificates', () => {
  it('are uploaded, found by a repeat, listed by pages and deleted', async () => {
    const { ssl, clock, fake } = await bench.start({ ssl: { deleteMs: 5000 } });
    const fresh = await bench.make('ec', 'new.example.com', '*.new.example.com');
    const upload = { CertificatePublicKey: fresh.certificate, CertificatePrivateKey: fresh.privateKey, Alias: 'new' };
    const { CertificateId } = await ssl.call('UploadCertificate', { ...upload, Repeatable: false });
    const again = await ssl.call('UploadCertificate', { ...upload, Repeatable: false });
    expect(again).toMatchObject({ CertificateId, RepeatCertId: CertificateId });
    expect((await ssl.call('UploadCertificate', upload)).CertificateId).not.toBe(CertificateId);
    const found = await ssl.call('CheckCertificateExist', { CertificatePublicKey: fresh.certificate });
    expect(found.RepeatCertId).toBe(CertificateId);
    const page = await ssl.call('DescribeCertificates', { Limit: 2, Offset: 1, CertificateStatus: [1] });
    expect(page).toMatchObject({ TotalCount: 6, Certificates: [{ Alias: 'new', CertificateId }, {}] });
    const detail = await ssl.call('DescribeCertificateDetail', { CertificateId });
    expect(detail).toMatchObject({ Domain: 'new.example.com', SubjectAltName: ['*.new.example.com'] });
    expect(detail.CertFingerprint).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
    const crooked = { ...upload, CertificatePublicKey: `\n${fresh.certificate}` };
    expect(await ssl.code('UploadCertificate', crooked)).toBe('FailedOperation.CertificateParseError');
    const foreign = { ...upload, CertificatePrivateKey: bench.pems.first.privateKey };
    expect(await ssl.code('UploadCertificate', foreign)).toBe('FailedOperation.CertificateMismatch');

    const remove = async (CertificateId_: string) => {
      const asked = { CertificateId: CertificateId_, IsCheckResource: true };
      const { DeleteResult, TaskId } = await ssl.call('DeleteCertificate', asked);
      expect(DeleteResult).toBe(false);
      const status = async () =>
        (await ssl.call('DescribeDeleteCertificatesTaskResult', { TaskIds: [TaskId] })).DeleteTaskResult[0].Status;
      expect(await status()).toBe(0);
      await clock.advance(5000);
      return status();
    };
    expect(await remove(CertificateId)).toBe(1);
    expect(await ssl.code('DeleteCertificate', { CertificateId })).toBe('FailedOperation.CertificateNotFound');
    const used = fake.certificateId('first');
    expect(await remove(used)).toBe(4);
    // Without the check, it goes though it is served, and is served on.
    expect(await ssl.call('DeleteCertificate', { CertificateId: used })).toMatchObject({ DeleteResult: true });
    expect(fake.served(lb, 443, 'www.example.com')).toEqual(['first']);
  });

  it('of a listener without SNI: a changed one drops the client check unless it is sent', async () => {
    const { clb, fake } = await bench.start();
    const CertId = fake.certificateId('second');
    const certificate = async () =>
      (await clb.call('DescribeListeners', { LoadBalancerId: lb, Port: 443 })).Listeners[0].Certificate;
    const before = await certificate();
    expect(before).toMatchObject({ SSLMode: 'MUTUAL', SSLVerifyClient: 'OPTIONAL', CertCaId: 'ca-1' });
    const kept = { SSLMode: 'MUTUAL', SSLVerifyClient: 'OPTIONAL', CertCaId: 'ca-1' };
    await clb.call('ModifyListener', { ...at(fake, 443), Certificate: { ...kept, CertId } });
    expect(await certificate()).toEqual({ ...before, CertId });
    await clb.call('ModifyListener', { ...at(fake, 443), Certificate: { CertId } });
    expect(await certificate()).toMatchObject({ SSLMode: 'UNIDIRECTIONAL', CertCaId: '' });
    // What names a domain succeeds, and changes nothing.
    const domain = { ...at(fake, 443), Domain: 'www.example.com', Certificate: { CertId } };
    expect(await clb.code('ModifyDomainAttributes', domain)).toBe('InvalidParameter.LocationNotFound');
  });

  it('of a listener with SNI: each domain has its own, in two algorithms', async () => {
    const { clb, fake } = await bench.start();
    const [second, rsa] = [fake.certificateId('second'), fake.certificateId('rsa')];
    const served = () => fake.served(lb, 8443, 'www.example.com');
    expect(served()).toEqual(['first', 'rsa']);
    await clb.call('ModifyListener', { ...at(fake, 8443), Certificate: { CertId: second } });
    expect(served()).toEqual(['first', 'rsa']); // ignored
    const domain = { ...at(fake, 8443), Domain: 'www.example.com' };
    const list = (...ids: string[]) => ({ SSLMode: 'UNIDIRECTIONAL', CertList: ids.map((CertId) => ({ CertId })) });
    const twice = list(second, fake.certificateId('first'));
    expect(await clb.code('ModifyDomainAttributes', { ...domain, MultiCertInfo: twice })).toBe('InvalidParameter');
    await clb.call('ModifyDomainAttributes', { ...domain, MultiCertInfo: list(second, rsa) });
    expect(served()).toEqual(['second', 'rsa']);
    expect(fake.served(lb, 8443, 'shop.example.com')).toEqual(['other']);
    expect(fake.served(lb, 8443, 'unknown.example')).toEqual(['second', 'rsa']); // the default domain
    const { Listeners } = await clb.call('DescribeListeners', { LoadBalancerId: lb, Port: 8443 });
    const rules = Listeners[0].Rules as { Domain: string; Http2: boolean; Certificate: object }[];
    expect(rules.filter(({ Domain }) => Domain === 'www.example.com')).toMatchObject([
      { Http2: true, Certificate: { CertId: second, ExtCertIds: [rsa] } },
      { Http2: true, Certificate: { CertId: second, ExtCertIds: [rsa] } },
    ]);
    await clb.call('ModifyDomainAttributes', { ...domain, Certificate: { CertId: second } });
    expect(served()).toEqual(['second']); // the other kind is lost
    expect(await clb.code('ModifyListener', { ...at(fake, 8443), SniSwitch: 0 })).toBe('InvalidParameter');
    expect(await clb.code('ModifyDomainAttributes', { ...domain, Certificate: { CertId: 'none' } })).toBe(
      'InvalidParameterValue',
    );
    const using = await clb.call('DescribeLoadBalancerListByCertId', { CertIds: [second, rsa] });
    expect(using.CertSet).toMatchObject([{ LoadBalancers: [{ LoadBalancerId: lb }] }, { LoadBalancers: [] }]);
    await clb.call('ReplaceCertForLoadBalancers', {
      OldCertificateId: second,
      Certificate: { CertId: fake.certificateId('first') },
    });
    expect(served()).toEqual(['first']);
  });

  it('deployed through the SSL service: once to each place, and counted late', async () => {
    const { ssl, clock, fake } = await bench.start({ deployMs: 60_000, taskMs: 60_000 });
    const CertificateId = fake.certificateId('second');
    const id = `${lb}|${fake.listenerId(lb, 8443)}`;
    const place = `${id}|www.example.com`;
    const deploy = (...InstanceIdList: string[]) => ({ CertificateId, InstanceIdList, ResourceType: 'clb' });
    expect(await ssl.code('DeployCertificateInstance', deploy(id))).toBe(
      'FailedOperation.CertificateNotDeployInstance',
    );
    expect(await ssl.code('DeployCertificateInstance', deploy())).toBe(
      'FailedOperation.CertificateDeployInstanceEmpty',
    );
    const { DeployRecordId, DeployStatus } = await ssl.call('DeployCertificateInstance', deploy(place));
    expect(DeployStatus).toBe(1);
    expect(await ssl.call('DeployCertificateInstance', deploy(place))).toMatchObject({
      DeployRecordId,
      DeployStatus: 0,
    });
    const record = (record_ = DeployRecordId) =>
      ssl.call('DescribeHostDeployRecordDetail', { DeployRecordId: String(record_) });
    expect(await ssl.code('DescribeHostDeployRecordDetail', { DeployRecordId })).toBe('InvalidParameter');
    expect(await record()).toMatchObject({ TotalCount: null, SuccessTotalCount: null });
    await clock.advance(30_000);
    expect(await record()).toMatchObject({ TotalCount: 1, RunningTotalCount: 1 });
    await clock.advance(30_000);
    expect(await record()).toMatchObject({ SuccessTotalCount: 1, DeployRecordDetailList: [{ Status: 1 }] });
    expect(fake.served(lb, 8443, 'www.example.com')).toEqual(['second', 'rsa']);
    const both = deploy(place, `${id}|shop.example.com`);
    expect(await ssl.code('DeployCertificateInstance', both)).toBe('FailedOperation.CertificateNotDeployInstance');
    fake.failDeployment(`${id}|shop.example.com`, 'no');
    const failed = await ssl.call('DeployCertificateInstance', deploy(`${id}|shop.example.com`));
    await clock.advance(60_000);
    expect(await record(failed.DeployRecordId)).toMatchObject({
      ...{ SuccessTotalCount: 0, FailedTotalCount: 1 },
      DeployRecordDetailList: [{ Status: 2, ErrorMsg: 'no' }],
    });
    expect(fake.served(lb, 8443, 'shop.example.com')).toEqual(['other']);
  });
});

describe('other products', () => {
  const hosts = [
    { product: 'cdn', domain: 'www.example.com', certificate: 'first' },
    { product: 'cdn', domain: 'old.example.com', certificate: 'first' },
    { product: 'teo', domain: 'www.example.com', certificate: 'first' },
    { product: 'cos', domain: 'www.example.com', region: 'ap-guangzhou', bucket: 'b-1', certificate: 'first' },
    { product: 'live', domain: 'www.example.com' },
  ] as const;

  it('get certificates by a deployment, which keeps the rest', async () => {
    const { ssl, clock, fake } = await bench.start({ hosts, deployMs: 60_000 });
    const CertificateId = fake.certificateId('second');
    const before = fake.hostSettings();
    const listed = async (product: string, more = {}) =>
      (await ssl.call(`DescribeHost${product}InstanceList`, { CertificateId, IsCache: 0, ...more })).InstanceList;
    const CertId = fake.certificateId('first');
    expect(await listed('Cdn')).toEqual([
      { Domain: 'www.example.com', CertId, Status: 'online', HttpsBillingSwitch: 'on' },
    ]);
    const unmatched = [{ FilterKey: 'domainMatch', FilterValue: '0' }];
    expect(await listed('Cdn', { Filters: unmatched })).toMatchObject([{ Domain: 'old.example.com' }]);
    const deploy = (ResourceType: string, ...InstanceIdList: string[]) => ({
      CertificateId,
      InstanceIdList,
      ResourceType,
    });
    const code = (type: string, ...list: string[]) => ssl.code('DeployCertificateInstance', deploy(type, ...list));
    expect(await code('cdn', 'www.example.com')).toBe('FailedOperation.CertificateNotDeployInstance');
    expect(await code('cdn', 'old.example.com|on')).toBe('FailedOperation.CertificateNotDeployInstance');
    expect(await code('ecdn', 'www.example.com')).toBe('FailedOperation.CertificateHostResourceTypeInvalid');
    await ssl.call('DeployCertificateInstance', deploy('cdn', 'www.example.com|on'));
    const served = () => fake.servedByHost('cdn', 'www.example.com');
    expect(new Set([served(), served()])).toEqual(new Set(['first', 'second']));
    await clock.advance(60_000);
    expect([served(), served()]).toEqual(['second', 'second']);
    expect(fake.hostSettings()).toEqual(before);
    expect(await code('cdn', 'www.example.com|on')).toBe('FailedOperation.CertificateNotDeployInstance');
    expect(await listed('Cdn')).toEqual([]);
    expect(await listed('Teo', { IsCache: 1 })).toHaveLength(1);
    // What has a certificate is in the list of that one alone.
    const having = (product: string, id: string) =>
      ssl.call(`DescribeHost${product}InstanceList`, { OldCertificateId: id, IsCache: 0 });
    expect(await having('Cdn', CertificateId)).toMatchObject({
      ...{ TotalCount: 1, InstanceList: [{ Domain: 'www.example.com', CertId: CertificateId }] },
    });
    expect((await having('Cdn', CertId)).InstanceList).toMatchObject([{ Domain: 'old.example.com' }]);
    expect(await ssl.code('DescribeHostLiveInstanceList', { CertificateId, Limit: 10 })).toBe('UnknownParameter');
    const records = { CertificateId, ResourceType: 'cdn' };
    expect((await ssl.call('DescribeHostDeployRecord', records)).DeployRecordList).toMatchObject([{ Status: 1 }]);
    fake.failDeployment('www.example.com');
    await ssl.call('DeployCertificateInstance', deploy('teo', 'www.example.com'));
    await clock.advance(60_000);
    expect(fake.servedByHost('teo', 'www.example.com')).toBe('first');
    await ssl.call('DeployCertificateInstance', deploy('teo', 'www.example.com'));
    await clock.advance(60_000);
    expect(await listed('Teo', { IsCache: 1 })).toHaveLength(1); // half an hour old
    expect(await listed('Teo')).toEqual([]);
    await ssl.call('DeployCertificateInstance', deploy('cos', 'ap-guangzhou|b-1|www.example.com'));
    await ssl.call('DeployCertificateInstance', deploy('cos', 'ap-guangzhou|b-1|www.example.com'));
    await clock.advance(60_000);
    expect(fake.servedByHost('cos', 'www.example.com')).toBe('second');
    expect(fake.servedByHost('live', 'www.example.com')).toBeUndefined();
    expect(fake.hostSettings()).toEqual(before);
  });
});

describe('the data plane', () => {
  it('forwards to real servers when their checks have passed, and serves certificates by name', async () => {
    const [a, b] = await startNodes(2);
    const instances = { 'ins-a': { ip: '10.0.0.1', at: a!.address }, 'ins-b': { ip: '10.0.0.2', at: b!.address } };
    const web = [{ domain: 'www.example.com', targets: [{ instance: 'ins-a', port: a!.port }], check: { on: false } }];
    const [http, ...others] = balancerOptions().listeners;
    const loadBalancers = [{ id: lb, listeners: [{ ...http!, rules: web }, ...others] }];
    const { fake, clb } = await bench.serve(
      { ...bench.optionsWith(systemClock), instances, loadBalancers, secondMs: 10 },
      root,
    );
    const plane = await fake.startPlane();
    atEnd(() => plane.stop());
    const port = plane.port(lb, 80);
    expect((await get(port, 'www.example.com', '/x')).text).toBe('a GET /x');
    expect((await get(port, 'unknown.example', '/x')).text).toBe('a GET /x');
    const HealthCheck = { IntervalTime: 3, HealthNum: 2, HttpCheckPath: '/health' };
    const { LocationIds } = await clb.call('CreateRule', { ...at(fake, 80), Rules: [rule({ HealthCheck })] });
    expect((await get(port, 'www.example.com', `${path}x`)).status).toBe(502);
    const Targets = [{ InstanceId: 'ins-b', Port: b!.port }];
    await clb.call('RegisterTargets', { ...at(fake, 80), LocationId: LocationIds[0], Targets });
    let seen = await get(port, 'www.example.com', `${path}x`);
    for (let round = 0; seen.status === 502 && round < 500; round++) {
      await wait(10);
      seen = await get(port, 'www.example.com', `${path}x`);
    }
    expect(seen.text).toBe(`b GET ${path}x`);
    expect((await get(port, 'www.example.com', '/')).text).toBe('a GET /');
    expect(b!.checks[0]).toMatchObject({ method: 'HEAD', url: '/health', host: 'www.example.com' });
    const health = await clb.call('DescribeTargetHealth', { LoadBalancerIds: [lb], LocationIds });
    expect(health.LoadBalancers[0].Listeners[0].Rules[0].Targets).toMatchObject([{ HealthStatusDetail: 'Alive' }]);
    const shown = async (listener: number, name: string) =>
      (await shakeHands(plane.port(lb, listener), name)).fingerprint;
    expect(await shown(443, 'www.example.com')).toBe(bench.pems.first.fingerprint);
    expect(await shown(8443, 'shop.example.com')).toBe(bench.pems.other.fingerprint);
    await clb.call('ModifyListener', { ...at(fake, 443), Certificate: { CertId: fake.certificateId('second') } });
    expect(await shown(443, 'www.example.com')).toBe(bench.pems.second.fingerprint);
  });
});
