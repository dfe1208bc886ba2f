import { beforeAll, describe, expect, it } from 'vitest';
import type { AccessKey } from '../support/alibaba-clb/options.ts';
import { cnameXml, createOssBench, inXml, type OssBench, type OssCall, root } from '../support/alibaba-oss-account.ts';
import { recordedAt, recordedCalls } from '../support/alibaba-oss-recorded.ts';
import { atEnd } from '../support/service.ts';
import { shakeHands } from '../support/versions.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// The fake of Alibaba Cloud's OSS: signatures, lists, and the certificates of custom domain names.

const minute = 60_000;
const www = 'www.example.com';
let bench: OssBench;

stopAllAfterwards();
beforeAll(async () => {
  bench = await createOssBench();
});

describe('signatures', () => {
  it("of Alibaba's own client are right, V4 and V1, and no other", async () => {
    const { fake, clock } = await bench.start();
    clock.set(new Date(recordedAt));
    const send = async (call: (typeof recordedCalls)[number]) => (await fake.api.handle(call)).status;
    expect(recordedCalls).toHaveLength(8);
    for (const [index, call] of recordedCalls.entries()) {
      if (index === recordedCalls.length / 2) fake.place(www, 'first');
      const { authorization = '' } = call.headers;
      const other = authorization.replace(/.(?==?$)/, (last) => (last === '0' ? '1' : '0'));
      expect(await send({ ...call, headers: { ...call.headers, authorization: other } })).toBe(403);
      // The host of the list of buckets is no part of what is signed.
      const url = call.url.replace('site-a.', 'absent-bucket.');
      if (url !== call.url) expect(await send({ ...call, url })).toBe(403);
      expect([call.url, await send(call)]).toEqual([call.url, 200]);
      if (call.method === 'POST') expect(fake.placed(www)).toBe('second');
    }
    clock.set(new Date(Date.parse(recordedAt) + 15 * minute + 1000));
    expect(await send(recordedCalls[0]!)).toBe(403);
  });

  it('are refused for many reasons', async () => {
    const sts = { token: 'token', expires: '2026-11-29T13:00:00Z' };
    const temporary: AccessKey = { id: 'STS.a', secret: 's', sts };
    const { call, clock } = await bench.start({ keys: [root, temporary] });
    const scope = 'LTAIroot/20261129/cn-hangzhou/oss';
    const signature = `Signature=${'0'.repeat(64)}`;
    const cases: readonly (readonly [string, OssCall])[] = [
      ['AccessDenied', { headers: { authorization: '' } }],
      ['0002-00000061', { headers: { authorization: 'AWS x:y' } }],
      ['0002-00000062', { headers: { authorization: 'OSS x' } }],
      ['0002-00000202', { headers: { authorization: `OSS4-HMAC-SHA256 ${signature}` } }],
      [
        '0002-00000209',
        {
          headers: {
            authorization: `OSS4-HMAC-SHA256 Credential=${scope}/aliyun_v4_request,AdditionalHeaders=,${signature}`,
          },
        },
      ],
      ['0002-00000213', { headers: { authorization: `OSS4-HMAC-SHA256 Credential=${scope}/abc,${signature}` } }],
      ['0002-00000214', { headers: { 'x-oss-content-sha256': 'abc' } }],
      ['0002-00000503', { headers: { 'x-oss-date': '' } }],
      ['RequestTimeTooSkewed', { headers: { 'x-oss-date': '20261129T114459Z' } }],
      ['SignatureDoesNotMatch', { headers: { 'x-oss-date': '20261129T120001Z' } }],
      ['SignatureDoesNotMatch', { signRegion: 'oss-cn-hangzhou' }],
      ['SignatureDoesNotMatch', { headers: { 'content-md5': 'abc' } }],
      ['SignatureDoesNotMatch', { key: { id: 'LTAIroot', secret: 'wrong' } }],
      ['InvalidAccessKeyId', { key: { id: 'LTAIother', secret: 'x' } }],
      ['InvalidAccessKeyId', { key: { id: 'STS.a', secret: 's' } }],
      ['InvalidSecurityToken', { key: { ...temporary, sts: { ...sts, token: 'other' } } }],
      ['InvalidSecurityToken', { key: { ...root, sts } }],
    ];
    for (const [expected, asked] of cases) {
      const { ec, code } = await call(asked);
      expect([asked, ec ?? code]).toEqual([asked, expected]);
    }
    expect((await call({ key: temporary })).status).toBe(200);
    await clock.advance(61 * minute);
    expect((await call({ key: temporary })).code).toBe('SecurityTokenExpired');
  });
});

describe('lists', () => {
  it('of buckets come in pages, of all regions', async () => {
    const { call } = await bench.start();
    const one = (await call({ query: 'max-keys=1', region: 'cn-shanghai' })).body;
    expect(['Name', 'Location', 'IsTruncated', 'NextMarker'].map((name) => inXml(one, name))).toEqual([
      ...['site-a', 'oss-cn-hangzhou', 'true', 'site-a'],
    ]);
    const two = (await call({ query: 'marker=site-a' })).body;
    expect(['Name', 'ExtranetEndpoint', 'IsTruncated', 'NextMarker'].map((name) => inXml(two, name))).toEqual([
      ...['site-b', 'oss-cn-shanghai.aliyuncs.com', 'false', undefined],
    ]);
    const wrong = ['max-keys=0', 'max-keys=1001', 'page=2'].map(async (query) => (await call({ query })).status);
    expect(await Promise.all(wrong)).toEqual([400, 400, 400]);
  });

  it('of domains tell certificates, and are at the endpoint of the bucket alone', async () => {
    const { call, list, fake } = await bench.start({
      buckets: [
        {
          name: 'site-a',
          cnames: [
            { domain: www, certificate: 'first' },
            { domain: 'example.com', isWildcard: true },
          ],
        },
      ],
    });
    const body = await list();
    const fingerprint = inXml(body, 'Fingerprint');
    expect(fingerprint).toMatch(/^([0-9A-F]{2}:){19}[0-9A-F]{2}$/);
    expect(inXml(body, 'CertId')).toBe(fake.certificateId('first'));
    expect(body.match(/<Domain>/g)).toHaveLength(2);
    expect(body.match(/<IsWildCard>true/g)).toHaveLength(1);
    const elsewhere = await call({ bucket: 'site-a', region: 'cn-shanghai', query: 'cname' });
    expect([elsewhere.status, elsewhere.code, inXml(elsewhere.body, 'Endpoint')]).toEqual([
      ...[403, 'AccessDenied', 'oss-cn-hangzhou.aliyuncs.com'],
    ]);
    const absent = await call({ bucket: 'absent-bucket', query: 'cname' });
    expect([absent.status, absent.code]).toEqual([404, 'NoSuchBucket']);
    expect((await call({ bucket: 'site-a', query: 'location' })).body).toContain('oss-cn-hangzhou');
  });
});

describe('a certificate is set', () => {
  it('in a roll-out that serves old and new by turns, and keeps everything else', async () => {
    const { fake, clock, put, list } = await bench.start({ rollOutMs: 7 * minute });
    const before = fake.settings();
    const [CertId, PreviousCertId] = [fake.certificateId('second'), fake.certificateId('first')];
    expect(fake.served(www)).toBe('first');
    expect(await put(www, { CertId, PreviousCertId })).toBe('done');
    expect([fake.served(www), fake.served(www)]).toEqual(['first', 'second']);
    expect([fake.placed(www), inXml(await list(), 'CertId')]).toEqual(['second', CertId]);
    await clock.advance(7 * minute);
    expect([fake.served(www), fake.served(www)]).toEqual(['second', 'second']);
    expect(fake.settings()).toEqual(before);
    fake.forgetCertificate('second'); // CAS lets it go, and the domain keeps it
    expect(fake.served(www)).toBe('second');
  });

  it('only in place of the one that is named, or by force', async () => {
    const { fake, put } = await bench.start();
    const [first, second, wild] = ['first', 'second', 'wild'].map(fake.certificateId) as [string, string, string];
    const stale = '0018-00000209';
    expect(await put(www, { CertId: second, PreviousCertId: wild })).toBe(stale);
    expect(await put(www, { CertId: second })).toBe(stale);
    expect(await put('plain.example.com', { CertId: wild, PreviousCertId: first })).toBe(stale);
    fake.place(www, 'wild'); // by another person
    expect(await put(www, { CertId: second, PreviousCertId: first })).toBe(stale);
    expect(await put(www, { CertId: second, PreviousCertId: first, Force: 'true' })).toBe('done');
    expect(await put('plain.example.com', { CertId: wild })).toBe('done');
    expect(await put('old.example.com', { CertId: second, PreviousCertId: wild })).toBe(stale);
    const blind = await bench.start({ behaviour: { blindReplace: 'accepted' } });
    expect(await blind.put(www, { CertId: second })).toBe('done');
  });

  it('or as a text, which leaves a copy in CAS', async () => {
    const { fake, put } = await bench.start();
    const { certificate: Certificate, privateKey: PrivateKey } = bench.pems.second;
    const count = fake.certificates().length;
    expect(await put(www, { Certificate, PrivateKey, Force: 'true' })).toBe('done');
    expect([fake.certificates().length, fake.placed(www)]).toEqual([count + 1, expect.stringMatching(/^oss_/)]);
    expect(await put(www, { PrivateKey, Force: 'true' })).toBe('0018-00000210');
    expect(await put(www, { Certificate, Force: 'true' })).toBe('CertificateInvalid');
    expect(await put(www, { Certificate, PrivateKey: 'x', Force: 'true' })).toBe('CertificateInvalid');
  });

  it('in many ways wrongly', async () => {
    const { fake, put, call } = await bench.start({ visibleAfterMs: 0 });
    const [CertId] = [fake.certificateId('second')];
    const Force = 'true';
    const before = [fake.settings(), fake.certificates().length];
    const cases: readonly (readonly [string, string, Record<string, string> | undefined, string?])[] = [
      ['0018-00000115', 'new.example.com', { CertId }],
      ['0018-00000115', 'new.example.com', undefined],
      ['0018-00000115', 'b.example.com', { CertId }],
      ['0018-00000401', '*.example.com', { CertId }],
      ['0018-00000401', 'a.aliyuncs.com', { CertId }],
      ['0018-00000204', www, { CertId: '19580016-cas.aliyuncs.com', Force }],
      ['0018-00000204', www, { CertId: CertId.replace('cn-hangzhou', 'ap-southeast-1'), Force }],
      ['0018-00000204', www, { CertId: String(Number.parseInt(CertId, 10)), Force }],
      ['0018-00000206', www, { CertId: 'x'.repeat(64), Force }],
      ['MalformedXML', www, { CertId, Force: 'yes' }],
      ['MalformedXML', www, { CertName: 'second', Force }],
      ['MalformedXML', www, { DeleteCertificate: 'true', Force: 'false' }],
      ['MalformedXML', www, { DeleteCertificate: 'true', CertId }],
      ['NoSuchBucket', www, { CertId }, 'absent-bucket'],
    ];
    for (const [expected, domain, certificate, bucket] of cases)
      expect([domain, certificate, await put(domain, certificate, bucket)]).toEqual([domain, certificate, expected]);
    const send = async (body: string, query = 'cname&comp=add') =>
      (await call({ method: 'POST', bucket: 'site-a', query, body })).code;
    for (const body of ['', '<a', cnameXml(''), cnameXml('<Domain>a.b</Domain><Domain>c.d</Domain>'), '<Cname/>'])
      expect([body, await send(body)]).toEqual([body, 'MalformedXML']);
    expect(await send(cnameXml(`<Domain>${www}</Domain>`), 'cname&comp=delete')).toBe('InvalidArgument');
    expect(await send(cnameXml(`<Domain>${www}</Domain>`), 'cname')).toBe('InvalidArgument');
    expect([fake.settings(), fake.certificates().length]).toEqual(before);
  });

  it('binds a domain whose ownership is proven: a trap', async () => {
    const { fake, put } = await bench.start({ provenDomains: ['new.example.com'] });
    expect(await put('new.example.com', { CertId: fake.certificateId('wild') })).toBe('done');
    expect(fake.served('new.example.com')).toBe('wild');
    expect(await put('new.example.com', { DeleteCertificate: 'true' })).toBe('0018-00000209');
    expect(
      await put('new.example.com', { DeleteCertificate: 'true', PreviousCertId: fake.certificateId('wild') }),
    ).toBe('done');
    expect([fake.placed('new.example.com'), fake.served('new.example.com')]).toEqual([undefined, undefined]);
  });

  it('or is accepted and comes to nothing, and the list tells it or not', async () => {
    const { fake, clock, put } = await bench.start({ rollOutMs: minute });
    const [first, second] = [fake.certificateId('first'), fake.certificateId('second')];
    fake.failRollOut(www);
    expect(await put(www, { CertId: second, PreviousCertId: first })).toBe('done');
    await clock.advance(minute);
    expect([fake.placed(www), fake.served(www), fake.served(www)]).toEqual(['first', 'first', 'first']);
    fake.failRollOut(www, 'shows-new');
    expect(await put(www, { CertId: second, PreviousCertId: first })).toBe('done');
    await clock.advance(60 * minute);
    expect([fake.placed(www), fake.served(www)]).toEqual(['second', 'first']);
    expect(await put(www, { CertId: second, PreviousCertId: second })).toBe('done');
    await clock.advance(minute);
    expect([fake.served(www), fake.served(www)]).toEqual(['second', 'second']);
    fake.setDisabled(www, true);
    expect(fake.served(www)).toBeUndefined();
  });

  it('which clients see at the edge', async () => {
    const { fake, put } = await bench.start();
    const plane = await fake.startPlane();
    atEnd(() => plane.stop());
    const shown = async (name: string) => (await shakeHands(plane.port(www), name)).fingerprint;
    const { first, second, wild } = bench.pems;
    expect([await shown(www), await shown('b.example.com')]).toEqual([first.fingerprint, wild.fingerprint]);
    await put(www, { CertId: fake.certificateId('second'), Force: 'true' });
    expect(await shown(www)).toBe(second.fingerprint);
    expect([await shown('plain.example.com'), await shown('other.example.org'), await shown('')]).toEqual([
      ...[undefined, undefined, undefined],
    ]);
  });
});

describe('rates and rights', () => {
  it('RAM limits by action and bucket, and names neither', async () => {
    const on = (bucket: string) => `acs:oss:*:1231579085529123:${bucket}`;
    const key: AccessKey = {
      ...{ id: 'LTAIuser', secret: 'u' },
      policy: [
        { Effect: 'Allow', Action: ['oss:ListCname', 'oss:PutCname'], Resource: on('site-a') },
        { Effect: 'Allow', Action: 'yundun-cert:*', Resource: '*' },
      ],
    };
    const { fake, call, put } = await bench.start({ keys: [root, key] });
    expect((await call({ key, bucket: 'site-a', query: 'cname' })).status).toBe(200);
    const other = await call({ key, bucket: 'site-b', region: 'cn-shanghai', query: 'cname' });
    expect([other.status, other.code]).toEqual([403, 'AccessDenied']);
    expect(other.body).not.toContain('ListCname');
    expect((await call({ key })).code).toBe('AccessDenied');
    const change = { CertId: fake.certificateId('second'), Force: 'true' };
    const rights = ['oss:PutCname', 'yundun-cert:CreateSSLCertificate', 'yundun-cert:DescribeSSLCertificatePrivateKey'];
    for (const right of rights) {
      fake.deny(right);
      expect([right, await put(www, change)]).toEqual([right, 'AccessDenied']);
    }
    fake.deny();
    expect(await put(www, change)).toBe('done');
    expect(fake.records.map(({ action, code }) => [action, code]).at(-1)).toEqual(['PutCname', undefined]);
  });

  it('calls have a rate', async () => {
    const { list, call, clock } = await bench.start({ perSecond: 1 });
    await list();
    expect(await call({ bucket: 'site-a', query: 'cname' })).toMatchObject({ status: 503, code: 'SlowDown' });
    await clock.advance(1000);
    expect((await call({ bucket: 'site-a', query: 'cname' })).status).toBe(200);
  });
});
