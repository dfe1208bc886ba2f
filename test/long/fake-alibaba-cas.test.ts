import { beforeAll, describe, expect, it, vi } from 'vitest';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { createAlibabaCdn } from '../support/alibaba-cdn.ts';
import { type CdnBench, createCdnBench, type Pem, root } from '../support/alibaba-cdn-account.ts';
import type { AccessKey } from '../support/alibaba-clb/options.ts';
import { createOracle } from '../support/alibaba-oracle.ts';
import { serveFakeApi } from '../support/serve-fake-api.ts';
import { atEnd } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of the certificate service, and of the gateway that CDN, DCDN and CAS share.

let bench: CdnBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createCdnBench();
});

describe('certificates of CAS', () => {
  it('uploads, lists, shows and deletes; a name is taken once, a certificate may be there twice', async () => {
    const { fake, cas, upload, code } = await bench.start();
    const id = await upload('second');
    expect(await upload('again')).toBe(id + 1);
    expect(
      await code(cas, 'UploadUserCertificate', {
        Name: 'second',
        Cert: bench.first.certificate,
        Key: bench.first.privateKey,
      }),
    ).toBe('NameRepeat');
    const list = async (more: Record<string, string | number>) => cas.call('ListUserCertificateOrder', more);
    expect((await list({})).TotalCount).toBe(0); // orders, not certificates
    const { TotalCount, CertificateOrderList } = await list({ OrderType: 'CERT', ShowSize: 2, CurrentPage: 2 });
    expect(TotalCount).toBe(3);
    expect(CertificateOrderList).toEqual([
      expect.objectContaining({ CertificateId: id + 1, Name: 'again', Sha2: bench.second.sha256, Upload: true }),
    ]);
    expect(CertificateOrderList[0].SerialNo.toLowerCase()).toBe(`0${bench.second.serial}`);
    const shown = await cas.call('GetUserCertificateDetail', { CertId: id, CertFilter: true });
    expect(shown).toMatchObject({ Id: id, Name: 'second', CertIdentifier: `${id}-cn-hangzhou` });
    expect(shown.Key).toBeUndefined();
    expect(fake.keysSent).toBe(0);
    expect((await cas.call('GetUserCertificateDetail', { CertId: id })).Key).toBe(bench.second.privateKey);
    expect(fake.keysSent).toBe(1);
    await cas.call('DeleteUserCertificate', { CertId: id });
    expect(await cas.refused('DeleteUserCertificate', { CertId: id })).toMatchObject({ code: 'NotFound', status: 404 });
  });

  it('an expired certificate is listed only when asked for, and keeps its name', async () => {
    const { cas, clock, upload } = await bench.start();
    await upload('second');
    const listed = async (more = {}) =>
      (await cas.call('ListUserCertificateOrder', { OrderType: 'UPLOAD', ...more })).TotalCount;
    expect(await listed()).toBe(2);
    const late = new Date(Date.now() + 21 * 86_400_000);
    clock.set(late);
    vi.useFakeTimers({ toFake: ['Date'], now: late });
    try {
      expect(await listed()).toBe(0);
      expect(await listed({ Status: 'EXPIRED' })).toBe(2);
      await expect(upload('second')).rejects.toMatchObject({ code: 'NameRepeat' });
    } finally {
      vi.useRealTimers();
    }
  });

  it.each([
    ['a hyphen in the name', (pem: Pem) => ({ Name: 'a-b', Cert: pem.certificate, Key: pem.privateKey })],
    ['a long name', (pem: Pem) => ({ Name: 'a'.repeat(64), Cert: pem.certificate, Key: pem.privateKey })],
    [
      'a chain in one line',
      (pem: Pem) => ({ Name: 'a', Cert: pem.certificate.replaceAll('\n', ''), Key: pem.privateKey }),
    ],
    [
      'a blank line',
      (pem: Pem) => ({
        Name: 'a',
        Cert: pem.certificate.replace('-----\n-----', '-----\n\n-----'),
        Key: pem.privateKey,
      }),
    ],
    ['a key of another certificate', (pem: Pem) => ({ Name: 'a', Cert: pem.certificate, Key: bench.first.privateKey })],
    ['an unknown parameter', (pem: Pem) => ({ Name: 'a', Cert: pem.certificate, Key: pem.privateKey, CertName: 'a' })],
  ])('refuses %s', async (_what, parameters) => {
    const { cas, fake, code } = await bench.start();
    const before = fake.certificates();
    expect(await code(cas, 'UploadUserCertificate', parameters(bench.second))).toBe('InvalidParameter');
    expect(fake.certificates()).toEqual(before);
  });

  it('has room for so many', async () => {
    const { upload } = await bench.start({ quota: { most: 2, code: 'QuotaExceeded' } });
    await upload('second');
    await expect(upload('third')).rejects.toMatchObject({ code: 'QuotaExceeded' });
  });
});

describe('the gateway', () => {
  it('refuses wrong signatures, keys, actions and versions', async () => {
    const { fake, cas, code } = await bench.start();
    const { origin, close } = await serveFakeApi(() => fake.api);
    atEnd(close);
    const wrong = (key: AccessKey, version = '2018-05-10') =>
      createOracle(origin.replace('127.0.0.1', 'localhost'), key, 'cn-hangzhou', version);
    // Another host is not the fake's: the connection is cut.
    await expect(wrong(root).call('DescribeUserDomains')).rejects.toThrow();
    expect(await code(cas, 'DescribeUserDomains')).toBe('InvalidVersion');
    expect(await code(cas, 'DescribeEverything')).toBe('InvalidAction.NotFound');
    for (const [expected, key] of [
      ['InvalidAccessKeyId.NotFound', { ...root, id: 'LTAIother' }],
      ['SignatureDoesNotMatch', { ...root, secret: 'other' }],
    ] as const) {
      const { cdn } = await startWith(key);
      expect(await code(cdn, 'DescribeUserDomains')).toBe(expected);
    }
  });

  const startWith = async (key: AccessKey) => {
    const clock = fakeClock(new Date());
    const { origin, close } = await serveFakeApi(
      (at) => createAlibabaCdn({ clock, keys: [root], domains: [bench.www()], origins: [at] }).api,
    );
    atEnd(close);
    return { cdn: createOracle(origin, key, 'cn-hangzhou', '2018-05-10') };
  };

  it('counts the calls of each action in a second', async () => {
    const { cas, clock, fake, code } = await bench.start();
    for (let call = 0; call < 10; call++) await cas.call('ListUserCertificateOrder', { OrderType: 'CERT' });
    expect(await code(cas, 'ListUserCertificateOrder', { OrderType: 'CERT' })).toBe('Throttling.User');
    await cas.call('GetUserCertificateDetail', { CertId: fake.certificates()[0]!.id, CertFilter: true });
    await clock.advance(1000);
    await cas.call('ListUserCertificateOrder', { OrderType: 'CERT' });
  });

  it('asks RAM for each action, on the domain where it can be limited to one', async () => {
    const allow = (Action: readonly string[], Resource: string) => ({ Effect: 'Allow' as const, Action, Resource });
    const policy = [
      allow(['cdn:Describe*', 'yundun-cert:UploadUserCertificate'], '*'),
      allow(['cdn:SetCdnDomainSSLCertificate'], 'acs:cdn:*:*:domain/*.example.com'),
    ];
    const domains = [bench.www(), { name: '.example.com' }, { name: 'www.example.org' }];
    const { cdn, cas, upload, set, fake, code } = await bench.start(
      { domains },
      { id: 'LTAIuser', secret: 'u', policy },
    );
    const id = await upload('second');
    await set('.example.com', id, 'second');
    await expect(set('www.example.org', id, 'second')).rejects.toMatchObject({
      code: 'Forbidden.RAM',
      statusCode: 403,
    });
    expect(await code(cas, 'DeleteUserCertificate', { CertId: id })).toBe('Forbidden.RAM');
    for (const [product, action] of [
      ['cdn', 'DescribeUserDomains'],
      ['cdn', 'DescribeCdnHttpsDomainList'],
    ] as const) {
      await cdn.call(action);
      fake.deny(`${product}:${action}`);
      const { code: refused, data } = await cdn.refused(action);
      expect(refused).toBe('Forbidden.RAM');
      expect(data).toMatchObject({ AccessDeniedDetail: { AuthAction: `${product}:${action}` } });
      fake.deny();
    }
  });

  it('loses the answer of a change that was made', async () => {
    const { fake, upload } = await bench.start();
    fake.api.fault({ kind: 'lost' });
    await expect(upload('second')).rejects.toThrow();
    expect(fake.certificates().map(({ name }) => name)).toEqual(['first', 'second']);
    await expect(upload('second')).rejects.toMatchObject({ code: 'NameRepeat' });
  });
});
