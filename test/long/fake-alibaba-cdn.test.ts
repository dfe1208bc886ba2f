import type { AddressInfo } from 'node:net';
import { createServer } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import type { DomainOptions } from '../support/alibaba-cdn/options.ts';
import { binding, type CdnBench, createCdnBench } from '../support/alibaba-cdn-account.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of CDN and DCDN: what it lists, and what becomes of a certificate that is set.

const minute = 60_000;
let bench: CdnBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createCdnBench();
});

const six = (product: 'cdn' | 'dcdn', count: number): DomainOptions[] =>
  Array.from({ length: count }, (_, index) => ({ name: `d${index}.example.com`, product }));

describe('domains', () => {
  it('lists 600 by pages of at most 500, and counts all', async () => {
    const { cdn, dcdn, code } = await bench.start({ domains: [...six('cdn', 600), ...six('dcdn', 3)] });
    const names: string[] = [];
    for (let PageNumber = 1; PageNumber <= 3; PageNumber++) {
      const { Domains, TotalCount } = await cdn.call('DescribeUserDomains', { PageNumber, PageSize: 250 });
      expect(TotalCount).toBe(600);
      for (const { DomainName, SslProtocol } of Domains.PageData) {
        expect(SslProtocol).toBe('off');
        names.push(DomainName);
      }
    }
    expect(new Set(names).size).toBe(600);
    expect(await code(cdn, 'DescribeUserDomains', { PageSize: 501 })).toBe('InvalidParameter');
    expect(await code(cdn, 'DescribeUserDomains', { PageSize: 'many' })).toBe('InvalidParameter');
    expect(await code(cdn, 'DescribeCdnHttpsDomainList')).toBe('NoHttpsDomain');
    const other = await dcdn.call('DescribeDcdnUserDomains', {});
    expect(other).toMatchObject({ TotalCount: 3, Domains: { PageData: [{ SSLProtocol: 'off' }, {}, {}] } });
  });

  it('hides domains under review and those whose configuration failed, unless asked', async () => {
    const domains = [bench.www(), { name: 'new.example.com', status: 'checking' as const }, { name: '.example.com' }];
    const { cdn, fake } = await bench.start({ domains });
    fake.setStatus('www.example.com', 'configure_failed');
    const names = async (more = {}) =>
      (await cdn.call('DescribeUserDomains', more)).Domains.PageData.map(
        (row: { DomainName: string }) => row.DomainName,
      );
    expect(await names()).toEqual(['.example.com']);
    expect(await names({ CheckDomainShow: true })).toHaveLength(3);
    expect(await names({ DomainStatus: 'configure_failed' })).toEqual(['www.example.com']);
    expect(await names({ DomainName: 'example', DomainSearchType: 'fuzzy_match' })).toEqual(['.example.com']);
  });

  it('describes the certificate that is set, on and off', async () => {
    const { cdn, dcdn, fake } = await bench.start({
      domains: [bench.www(), { name: 'www.example.com', product: 'dcdn' }],
    });
    const DomainName = 'www.example.com';
    const { CertInfos } = await cdn.call('DescribeDomainCertificateInfo', { DomainName });
    expect(CertInfos.CertInfo).toEqual([
      expect.objectContaining({
        ServerCertificate: bench.first.certificate,
        ServerCertificateStatus: 'on',
        CertName: 'first',
      }),
    ]);
    const off = await dcdn.call('DescribeDcdnDomainCertificateInfo', { DomainName });
    expect(off.CertInfos.CertInfo).toEqual([{ DomainName, SSLProtocol: 'off' }]);
    const listed = await cdn.call('DescribeCdnHttpsDomainList', {});
    expect(listed.CertInfos.CertInfo).toMatchObject([{ DomainName, CertName: 'first', CertStatus: 'expire_soon' }]);
    const configs = await cdn.call('DescribeCdnDomainConfigs', { DomainName, FunctionNames: 'https_option' });
    expect(configs.DomainConfigs.DomainConfig).toMatchObject([
      { FunctionName: 'https_option', FunctionArgs: { FunctionArg: [{ ArgName: 'http2', ArgValue: 'on' }] } },
    ]);
    const using = await cdn.call('DescribeCertificateInfoByID', { CertId: fake.certificates()[0]!.id });
    expect(using.CertInfos.CertInfo).toMatchObject([{ DomainList: DomainName, CertName: 'first' }]);
  });
});

describe('a certificate is set', () => {
  it('in a roll-out that serves old and new by turns, and keeps everything else', async () => {
    const { fake, clock, cdn, upload, set } = await bench.start({ rollOutMs: 7 * minute });
    const before = fake.settings();
    const served = () => fake.served('www.example.com')?.sha256;
    expect(served()).toBe(bench.first.sha256);
    await set('www.example.com', await upload('second'), 'second');
    expect([served(), served(), served()]).toEqual([bench.first.sha256, bench.second.sha256, bench.first.sha256]);
    const status = async () =>
      (await cdn.call('DescribeCdnDomainDetail', { DomainName: 'www.example.com' })).GetDomainDetailModel.DomainStatus;
    expect(await status()).toBe('configuring');
    await clock.advance(7 * minute - 1);
    expect(await status()).toBe('configuring');
    await clock.advance(1);
    expect(await status()).toBe('online');
    expect([served(), served()]).toEqual([bench.second.sha256, bench.second.sha256]);
    expect(fake.settings()).toEqual(before);
  });

  it('which clients see at an edge node', async () => {
    const { fake, clock, upload, set } = await bench.start({ rollOutMs: minute });
    const edge = createServer({ SNICallback: fake.sniCallback });
    await new Promise<void>((opened) => edge.listen(0, '127.0.0.1', opened));
    atEnd(() => void edge.close());
    const { port } = edge.address() as AddressInfo;
    const shown = async () => (await shakeHands(port, 'www.example.com')).fingerprint?.toUpperCase();
    await set('www.example.com', await upload('second'), 'second');
    expect([await shown(), await shown()]).toEqual([bench.first.sha256, bench.second.sha256]);
    await clock.advance(minute);
    expect(await shown()).toBe(bench.second.sha256);
    expect((await shakeHands(port, 'other.example.org')).error).toBeDefined();
  });

  it('refuses a second change meanwhile as busy, or queues it', async () => {
    const { clock, upload, set, fake } = await bench.start({ rollOutMs: minute });
    const id = await upload('second');
    await set('www.example.com', id, 'second');
    await expect(set('www.example.com', id, 'second')).rejects.toMatchObject({ code: 'ServiceBusy', statusCode: 403 });
    await clock.advance(minute);
    await set('www.example.com', id, 'second');
    const queued = await bench.start({ rollOutMs: minute, behaviour: { busy: 'queued' } });
    const secondId = await queued.upload('second');
    const firstId = queued.fake.certificates()[0]!.id;
    await queued.set('www.example.com', secondId, 'second');
    await queued.set('www.example.com', firstId, 'first');
    await queued.clock.advance(2 * minute);
    expect(queued.fake.served('www.example.com')?.sha256).toBe(bench.first.sha256);
    expect(fake.records.filter(({ code }) => code === 'ServiceBusy')).toHaveLength(1);
  });

  it('or is accepted and comes to nothing, and the old one stays', async () => {
    const { fake, clock, upload, set } = await bench.start({ rollOutMs: minute });
    const id = await upload('second');
    fake.failRollOut('www.example.com');
    await set('www.example.com', id, 'second');
    await clock.advance(minute);
    expect(fake.served('www.example.com')?.sha256).toBe(bench.first.sha256);
    await expect(set('www.example.com', id, 'second')).rejects.toMatchObject({
      code: 'InvalidDomain.Configure_failed',
    });
    fake.setStatus('www.example.com', 'online');
    await set('www.example.com', id, 'second');
    await clock.advance(minute);
    expect(fake.served('www.example.com')?.sha256).toBe(bench.second.sha256);
  });

  it('in many ways wrongly', async () => {
    const domains = [bench.www(), { name: '.example.com' }, { name: 'off.example.com', status: 'offline' as const }];
    const { fake, cdn, dcdn, code, upload } = await bench.start({ domains });
    const id = await upload('second');
    const DomainName = 'www.example.com';
    const fine = { ...binding, DomainName, CertId: id, CertName: 'second' };
    const uploaded = {
      SSLProtocol: 'on',
      DomainName,
      SSLPub: bench.second.certificate,
      SSLPri: bench.second.privateKey,
    };
    const cases: readonly (readonly [string, object])[] = [
      ['InvalidDomain.NotFound', { ...fine, DomainName: 'other.example.com' }],
      ['InvalidDomain.NotFound', { ...fine, DomainName: '*.example.com' }],
      ['InvalidDomain.Offline', { ...fine, DomainName: 'off.example.com' }],
      ['MissingParameter', { ...fine, DomainName: '' }],
      ['InvalidSSLProtocol.ValueNotSupported', { ...fine, SSLProtocol: 'yes' }],
      ['Abs.CertRegion.ValueNotSupported', { ...fine, CertRegion: 'eu-central-1' }],
      ['Certificate.NotFind', { ...fine, CertRegion: 'ap-southeast-1' }],
      ['Certificate.NotFind', { ...fine, CertId: id + 1 }],
      ['InvalidParameter', { ...fine, CertId: 'one' }],
      ['InvalidParameter', { ...fine, CertType: 'free' }],
      ['InvalidParameter', { ...fine, CertIdentifier: `${id}-cn-hangzhou` }],
      ['CertName.MissingParameter', { ...fine, CertName: '' }],
      ['SSLPub.MissingParameter', { ...fine, CertType: '' }],
      ['SSLPri.MissingParameter', { ...uploaded, SSLPri: '' }],
      ['Certificate.FormatError', { ...uploaded, SSLPub: 'x' }],
      ['Key.Malformed', { ...uploaded, SSLPri: 'x' }],
      ['Certificate.MissMatch', { ...uploaded, SSLPri: bench.first.privateKey }],
      ['Certificate.Duplicated', { ...uploaded, CertName: 'first' }],
      ['InvalidCertName.TooLong', { ...uploaded, CertName: 'x'.repeat(129) }],
    ];
    const before = [fake.settings(), fake.certificates()];
    for (const [expected, parameters] of cases)
      expect([expected, parameters, await code(cdn, 'SetCdnDomainSSLCertificate', parameters)]).toEqual([
        expected,
        parameters,
        expected,
      ]);
    expect(await code(dcdn, 'SetDcdnDomainSSLCertificate', fine)).toBe('InvalidDomain.NotFound');
    expect([fake.settings(), fake.certificates()]).toEqual(before);
    await cdn.call('SetCdnDomainSSLCertificate', { ...fine, DomainName: '.example.com' });
    expect(fake.served('a.b.example.com')?.sha256).toBe(bench.second.sha256);
    expect(fake.served('example.com')).toBeUndefined();
    expect(fake.settings()).not.toEqual(before[0]); // HTTPS was off there, and is on now
  });

  it('stays when CAS forgets it, and goes with HTTPS', async () => {
    const { fake, cdn, cas, upload, set } = await bench.start();
    const id = await upload('second');
    await set('www.example.com', id, 'second');
    await cas.call('DeleteUserCertificate', { CertId: id });
    expect(fake.served('www.example.com')?.sha256).toBe(bench.second.sha256);
    await cdn.call('SetCdnDomainSSLCertificate', { DomainName: 'www.example.com', SSLProtocol: 'off' });
    expect(fake.served('www.example.com')).toBeUndefined();
  });

  it('only after a moment, when CAS has just got it', async () => {
    const { clock, upload, set } = await bench.start({ visibleAfterMs: 500 });
    await clock.advance(500);
    const id = await upload('second');
    await expect(set('www.example.com', id, 'second')).rejects.toMatchObject({ code: 'Certificate.NotFind' });
    await clock.advance(500);
    await set('www.example.com', id, 'second');
  });
});
