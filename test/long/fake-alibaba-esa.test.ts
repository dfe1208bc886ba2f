import { beforeAll, describe, expect, it } from 'vitest';
import { createEsaBench, type EsaBench, site } from '../support/alibaba-esa-account.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's ESA: sites, their certificates, quota, roll-outs and rights, and its edges.

const minute = 60_000;
const www = 'www.example.com';
let bench: EsaBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createEsaBench();
});

describe('lists', () => {
  it('of sites search by name, in pages, of one account', async () => {
    const { esa, code } = await bench.start();
    const names = async (more = {}) =>
      (await esa.call('ListSites', more)).Sites.map((one: { SiteName: string }) => one.SiteName);
    expect(await names()).toEqual([site, 'other.org']);
    expect(await names({ SiteName: 'example' })).toEqual([]);
    expect(await names({ SiteName: 'example', SiteSearchType: 'fuzzy' })).toEqual([site]);
    expect(await names({ Status: 'pending' })).toEqual(['other.org']);
    const page = await esa.call('ListSites', { PageSize: 1, PageNumber: 2 });
    expect(page).toMatchObject({ TotalCount: 2, PageSize: 1, PageNumber: 2, Sites: [{ SiteName: 'other.org' }] });
    expect(await code('ListSites', { PageSize: 501 })).toBe('InvalidParameter');
    expect(await code('ListSites', { SiteSearchType: 'regex' })).toBe('InvalidParameter');
  });

  it('of certificates tell what each covers, and one alone has the text too', async () => {
    const { esa, fake, code } = await bench.start();
    const SiteId = fake.siteId(site);
    const { Result, TotalCount } = await esa.call('ListCertificates', { SiteId });
    expect(TotalCount).toBe(2);
    expect(Result[0]).toMatchObject({
      ...{
        Name: 'mine',
        Type: 'upload',
        SAN: www,
        FingerprintSha256: bench.pems.first.fingerprint,
        Status: 'Expiring',
      },
      NotAfter: expect.stringMatching(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
    });
    expect(Result[1]).toMatchObject({ Type: 'free', Status: 'Applying' });
    expect(Result[1].FingerprintSha256).toBeUndefined();
    const count = async (more: object) => (await esa.call('ListCertificates', { SiteId, ...more })).TotalCount;
    expect([
      await count({ ValidOnly: true }),
      await count({ Keyword: 'www' }),
      await count({ Keyword: 'x.y' }),
    ]).toEqual([...[1, 1, 0]]);
    const one = await esa.call('GetCertificate', { SiteId, Id: Result[0].Id });
    expect(one).toMatchObject({ Certificate: bench.pems.first.certificate, SiteName: site, Result: { Name: 'mine' } });
    const byRecord = await esa.call('ListCertificatesByRecord', {
      SiteId,
      RecordName: `${www},a.example.com`,
      Detail: true,
    });
    expect(byRecord.Result).toMatchObject([
      { RecordName: www, Status: 'configured', Count: 1, Certificates: [{ Name: 'mine' }] },
      { RecordName: 'a.example.com', Status: 'none', Count: 0 },
    ]);
    expect(await esa.call('GetCertificateQuota', { SiteId, Type: 'free' })).toMatchObject({ Quota: 10, QuotaUsage: 1 });
    const quotas = await esa.call('ListInstanceQuotasWithUsage', { SiteId, QuotaNames: 'customHttpCert' });
    expect(quotas.Quotas).toMatchObject([{ QuotaName: 'customHttpCert', QuotaValue: '2', Usage: '1' }]);
    expect(await code('ListCertificates', {})).toBe('MissingSiteId');
    expect(await code('ListCertificates', { SiteId: SiteId + 99 })).toBe('InvalidParameter.SiteId');
    expect(await code('ListCertificates', { SiteId: fake.siteId('abroad.example') })).toBe('InvalidParameter.SiteId');
    expect(await code('ListCertificates', { SiteId, PageSize: 101 })).toBe('InvalidParameter');
    expect(await code('GetCertificate', { SiteId })).toBe('Id.MissingParameter');
    expect(await code('GetCertificate', { SiteId, Id: 'none' })).toBe('InvalidCertificate.NotFound');
  });
});

describe('a certificate is set', () => {
  it('beside the others, by turns with those of the same names', async () => {
    const { fake, set } = await bench.start();
    expect(await set('second')).toMatch(/^baba[0-9a-f]{28}$/);
    expect(fake.placed(site).map(({ name, type }) => [name, type])).toEqual([
      ['mine', 'upload'],
      ['free', 'free'],
      ['second', 'cas'],
    ]);
    const seen = new Set([1, 2, 3, 4].map(() => fake.served(www)));
    expect(seen).toEqual(new Set(['mine', 'second']));
    fake.forgetCertificate('second'); // CAS lets it go, and the site keeps it
    expect(fake.placed(site)).toHaveLength(3);
  });

  it('in place of another, in a roll-out that serves old and new by turns', async () => {
    const { fake, clock, set } = await bench.start({ rollOutMs: 7 * minute, quotas: { customOfInstance: 1 } });
    const before = fake.settings();
    fake.remove(site, 'mine'); // by another person
    const Id = await set('first', { Name: 'ours' });
    await clock.advance(7 * minute);
    expect(await set('second', { Id })).toBe(Id); // takes no room
    expect(new Set([fake.served(www), fake.served(www)])).toEqual(new Set(['ours', 'second']));
    expect(fake.placed(site).map(({ name }) => name)).toEqual(['free', 'second']);
    await clock.advance(7 * minute);
    expect([fake.served(www), fake.served(www)]).toEqual(['second', 'second']);
    expect(fake.settings()).toEqual(before);
  });

  it('in many ways wrongly', async () => {
    const { fake, code, set, esa } = await bench.start({ certificates: [] });
    const upload = (name: keyof typeof bench.pems, more = {}) => {
      const { certificate: Certificate, privateKey: PrivateKey } = bench.pems[name];
      return { SiteId: fake.siteId(site), Type: 'upload', Name: name, Certificate, PrivateKey, ...more };
    };
    const SiteId = fake.siteId(site);
    const [mine, free] = fake.placed(site);
    const cas = { SiteId, Type: 'cas', CasId: 7, Region: 'cn-hangzhou' };
    const cases: readonly (readonly [string, object])[] = [
      ['MissingSiteId', { Type: 'cas' }],
      ['InvalidParameter.SiteId', { ...cas, SiteId: 1 }],
      ['MissingParameter', { SiteId }],
      ['InvalidParameter', { ...cas, Type: 'free' }],
      ['QuotaCheckFailed.Function', { ...cas, Type: 'keyless' }],
      ['MissingParameter', { ...cas, CasId: '' }],
      ['MissingParameter', { ...cas, Region: '' }],
      ['InvalidParameter', { ...cas, Region: 'cn-shanghai' }],
      ['InvalidParameter', { ...cas, CertIdentifier: '7-cn-hangzhou' }],
      ['InvalidCertificate.NotFound', cas],
      ['MissingParameter', upload('second', { Name: '' })],
      ['MissingParameter', upload('second', { PrivateKey: '' })],
      ['InvalidSSLPub', upload('second', { Certificate: 'x' })],
      ['InvalidSSLPri', upload('second', { PrivateKey: 'x' })],
      ['CertificateNotMatchPrivateKey', upload('second', { PrivateKey: bench.pems.third.privateKey })],
      ['CertificateDomainNotMatchSite', upload('other')],
      ['Certificate.Duplicated', upload('first')],
      ['Certificate.Duplicated', upload('first', { Id: mine!.id })],
      ['InvalidParameter', upload('second', { Name: 'mine' })],
      ['InvalidParameter', upload('second', { Id: free!.id })],
      ['InvalidCertificate.NotFound', upload('second', { Id: 'none' })],
    ];
    const before = fake.placed(site);
    for (const [expected, parameters] of cases)
      expect([parameters, await code('SetCertificate', parameters)]).toEqual([parameters, expected]);
    expect(fake.placed(site)).toEqual(before);
    await esa.call('SetCertificate', upload('wild')); // of two sites, one of which is this one
    expect(await code('SetCertificate', upload('second'))).toBe('CertQuotaCheckFailed');
    fake.setArrears(site, true);
    expect(await code('SetCertificate', upload('second', { Id: mine!.id }))).toBe('Instance.NotOnline');
    await expect(set('second')).rejects.toThrow('There is no certificate second.');
  });

  it('only of the type of the one before, unless the documents mean otherwise', async () => {
    const { fake, code } = await bench.start();
    const change = { SiteId: fake.siteId(site), Type: 'cas', Region: 'cn-hangzhou', CasId: fake.casId('second') };
    const [mine] = fake.placed(site);
    expect(await code('SetCertificate', { ...change, Id: mine!.id })).toBe('InvalidParameter');
    const lenient = await bench.start({ behaviour: { typeChange: 'accepted' } });
    expect(await lenient.set('second', { Id: lenient.fake.placed(site)[0]!.id })).toBe(
      lenient.fake.placed(site)[1]!.id,
    );
  });

  it('or is accepted and comes to nothing, and the list tells it or not', async () => {
    const { fake, clock, set } = await bench.start({ rollOutMs: minute, quotas: { customOfInstance: 9 } });
    const names = () => fake.placed(site).map(({ name }) => name);
    fake.failRollOut(site);
    await set('second');
    expect(names()).toEqual(['mine', 'free', 'second']);
    await clock.advance(minute);
    expect([names(), fake.served(www), fake.served(www)]).toEqual([['mine', 'free'], 'mine', 'mine']);
    fake.failRollOut(site, 'shows-new');
    await set('wild');
    await clock.advance(10 * minute);
    expect([names(), fake.served('a.example.com')]).toEqual([['mine', 'free', 'wild'], undefined]);
    await set('third');
    await clock.advance(minute);
    expect([fake.served('a.example.com'), fake.served(site)]).toEqual(['wild', 'wild']);
    fake.setStatus(site, 'offline');
    expect(fake.served(www)).toBeUndefined();
  });

  it('and deleted without a question, which ends HTTPS', async () => {
    const { fake, esa, code } = await bench.start();
    const [mine] = fake.placed(site);
    const own = { SiteId: fake.siteId(site), Id: mine!.id };
    expect(await esa.call('DeleteCertificate', own)).toMatchObject({ Id: mine!.id, SiteName: site });
    expect(fake.served(www)).toBeUndefined();
    expect(await code('DeleteCertificate', own)).toBe('InvalidCertificate.NotFound');
  });
});

it('RAM limits by action and site, and calls have a rate', async () => {
  const ours = { Effect: 'Allow', Action: 'esa:*', Resource: 'acs:esa:*:*:site/1234567890123' } as const;
  const policy = [ours, { Effect: 'Allow', Action: 'esa:ListSites', Resource: '*' }] as const;
  const { fake, esa, code } = await bench.start({ perSecond: 2 }, { id: 'LTAIuser', secret: 'u', policy });
  const SiteId = fake.siteId(site);
  await esa.call('ListCertificates', { SiteId });
  expect(await code('ListCertificates', { SiteId: fake.siteId('other.org') })).toBe('Forbidden.RAM');
  // SetCertificate can be allowed for all sites only.
  expect(await code('SetCertificate', { SiteId, Type: 'cas' })).toBe('Forbidden.RAM');
  fake.deny('esa:ListCertificates');
  expect(await code('ListCertificates', { SiteId })).toBe('Forbidden.RAM');
  await esa.call('ListSites');
  await esa.call('ListSites');
  expect(await code('ListSites', {})).toBe('Throttling.User');
  const headers = { 'x-acs-action': 'SetCertificate', 'x-acs-version': '2024-09-10' };
  const url = 'https://esa.cn-hangzhou.aliyuncs.com/';
  expect((await fake.api.handle({ method: 'GET', url, headers })).status).toBe(403);
});

it('the edges show certificates by name', async () => {
  const { fake, set } = await bench.start();
  const plane = await fake.startPlane();
  atEnd(() => plane.stop());
  const shown = async (name: string) => (await shakeHands(plane.port(site), name)).fingerprint;
  expect([await shown(www), await shown('a.example.com'), await shown('')]).toEqual([
    ...[bench.pems.first.fingerprint, undefined, undefined],
  ]);
  await set('wild');
  expect(await shown('a.example.com')).toBe(bench.pems.wild.fingerprint);
  expect(fake.servedFingerprint(www)).toBe(bench.pems.first.fingerprint.toUpperCase());
});
