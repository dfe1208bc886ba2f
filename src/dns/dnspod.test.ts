import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import { createFakeApi } from '../testing/fake-api.ts';
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts';
import dnspod from './dnspod.ts';
import bench, { keys, otherKeys, testDnspodKeys } from './test-dnspod.ts';
import type { TestDnspod } from './test-dnspod-account.ts';
import { testDnspodToken, token, tokenBench, tokenId } from './test-dnspod-token.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);
dnsApiContract((name, run) => it(`${name} (token)`, run), tokenBench);

const signal = new AbortController().signal;
const value = { zone: 'example.test', name: '_acme-challenge.www.example.test', value: 'abc', ttl: 600 };
const plain = ['id', 'endpoint'];

function connected(fakeOf: (clock: FakeClock) => TestDnspod, options: Readonly<Record<string, string>>) {
  const { world, fake, clock } = testWorld(fakeOf);
  const opened = Object.fromEntries(
    Object.entries(options).map(([name, text]) => [name, plain.includes(name) ? text : new Secret(text)]),
  );
  return { provider: dnspod.connect({ name: 'dns', world, options: opened }), fake, clock };
}

const apis = [
  ['a key of Tencent Cloud', testDnspodKeys, keys],
  ['a token', testDnspodToken, { id: tokenId, token }],
] as const;

describe.each(apis)('dnspod with %s', (_what, fakeOf, options) => {
  it('knows at once what its lists do not have yet', async () => {
    const { provider, fake, clock } = connected(fakeOf, options);
    fake.lag?.(30_000);
    const made = await provider.append(value, signal);
    expect(made).toMatch(/^\d+$/);
    // The service's own refusal of duplicates.
    expect(await provider.append(value, signal)).toBeUndefined();
    expect(fake.records()).toHaveLength(1);
    await provider.remove(value, made, signal);
    expect(fake.records()).toHaveLength(0);
    await clock.advance(1_000);
    fake.lag?.(500);
    await provider.append(value, signal);
    await clock.advance(1_000);
    await provider.remove(value, undefined, signal);
    // Still in the list.
    expect(await provider.append(value, signal)).toMatch(/^\d+$/);
    expect(fake.records()).toHaveLength(1);
  });

  it('takes no record away that is another one now', async () => {
    const { provider, fake } = connected(fakeOf, options);
    fake.plant({ ...value, value: 'foreign' });
    await provider.remove(value, String(fake.records()[0]!.id), signal);
    await provider.remove(value, '1', signal);
    await provider.remove(value, 'of another provider', signal);
    expect(fake.records()).toHaveLength(1);
  });

  it('reads more records than an answer has', async () => {
    const { provider, fake } = connected(fakeOf, options);
    for (let at = 0; at < 3_001; at += 1) fake.plant({ ...value, value: `v${at}` });
    await provider.remove({ ...value, value: 'v3000' }, undefined, signal);
    expect(fake.records()).toHaveLength(3_000);
  });

  it.each([
    ['missing.test', 'Check that missing.test is a domain of the account'],
    ['foreign.test', 'Check that foreign.test is a domain of the account'],
    ['locked.test', /that it is not locked|Unlock locked.test/],
  ])('says what is wrong with the zone %s', async (zone, hint) => {
    const { provider } = connected(fakeOf, options);
    await expect(provider.append({ ...value, zone, name: `_acme-challenge.${zone}` }, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringMatching(hint),
    });
    if (zone !== 'locked.test')
      await expect(provider.check!(zone, signal)).rejects.toMatchObject({ code: 'dns/refused' });
  });

  it('has a TTL of at least ten minutes', async () => {
    const { provider } = connected(fakeOf, options);
    await expect(provider.append({ ...value, ttl: 60 }, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringContaining('allows no TTL that short'),
    });
    expect(dnspod.traits.minTtl).toBe(600);
  });
});

describe('dnspod', () => {
  it('sends what the documents of Tencent Cloud describe', async () => {
    const { provider, fake } = connected(testDnspodKeys, keys);
    await provider.append(value, signal);
    expect(fake.sent).toEqual([
      {
        action: 'DescribeRecordList',
        params: {
          ...{ Domain: 'example.test', Subdomain: '_acme-challenge.www', RecordType: 'TXT' },
          ...{ ErrorOnEmpty: 'no', Limit: 3000, Offset: 0 },
        },
      },
      {
        action: 'CreateRecord',
        params: {
          ...{ Domain: 'example.test', SubDomain: '_acme-challenge.www', RecordType: 'TXT' },
          ...{ RecordLine: '默认', RecordLineId: '0', Value: 'abc', TTL: 600 },
        },
      },
    ]);
  });

  it.each([
    ['https://dnspod.intl.tencentcloudapi.com', keys, { RecordLine: 'Default', RecordLineId: '0' }],
    ['https://api.dnspod.com', { id: tokenId, token }, { record_line: 'default' }],
  ])('names the default line as %s does', async (endpoint, options, line) => {
    const created: unknown[] = [];
    const response = { RecordList: [], RecordCountInfo: { TotalCount: 0 }, RecordId: 1 };
    const body = {
      Response: response,
      status: { code: '1' },
      info: { record_total: '0' },
      records: [],
      record: { id: 1 },
    };
    const fake = createFakeApi({
      clock: fakeClock(),
      origin: endpoint,
      routes: {
        'POST /*'({ url, headers, text, form }) {
          if (/Create/.test(url.pathname)) created.push(Object.fromEntries(form()));
          if (/Create/.test(headers['x-tc-action'] ?? '')) created.push(JSON.parse(text));
          return { status: 200, body };
        },
      },
    });
    const { provider } = connected(() => ({ api: fake }) as TestDnspod, { ...options, endpoint });
    await provider.append(value, signal);
    expect(created).toEqual([expect.objectContaining(line)]);
    expect(created[0]).not.toHaveProperty(endpoint.endsWith('dnspod.com') ? 'record_line_id' : 'record_line');
  });

  it.each([
    ['id and token', { id: tokenId, token }],
    ['one text', { loginToken: `${tokenId},${token}` }],
    ['one text in the token, as other clients have it', { token: `${tokenId},${token}` }],
    ['a token, if there is also a key', { id: tokenId, token, ...keys }],
  ])('takes a token as %s', async (_what, options) => {
    const { provider, fake } = connected(testDnspodToken, options);
    await provider.append(value, signal);
    expect(fake.sent.map(({ action }) => action)).toEqual(['Record.List', 'Record.Create']);
    expect(fake.sent[1]!.params).toEqual({
      ...{ domain: 'example.test', sub_domain: '_acme-challenge.www', record_type: 'TXT' },
      ...{ record_line: '默认', record_line_id: '0', value: 'abc', ttl: '600' },
    });
  });

  it.each([
    [{}, 'dns is missing credentials: give `secretId` and `secretKey`, or `id` and `token`'],
    [{ secretId: keys.secretId }, 'dns is missing the credential "secretKey"'],
    [{ id: tokenId }, 'dns is missing the credential "token" of the DNSPod token'],
    [{ token }, 'dns is missing the option "id" of the DNSPod token'],
    [{ loginToken: token }, '`loginToken` is the ID and the token of DNSPod with a comma between them'],
    [{ id: keys.secretId, token: keys.secretKey }, 'give it as `secretId`, with its `secretKey`'],
    [{ id: 'abc', token }, 'the ID of a token of DNSPod is a number'],
  ])('says what is missing or wrong in %j', (options, message) => {
    expect(() => connected(testDnspodToken, options as Record<string, string>)).toThrow(message);
  });

  it.each([
    ['a wrong SecretId', testDnspodKeys, { ...keys, secretId: 'AKIDwrong' }, 'Check `secretId`'],
    ['a wrong SecretKey', testDnspodKeys, { ...keys, secretKey: 'wrong' }, 'Check `secretKey`'],
    ['no right to write', testDnspodKeys, otherKeys, 'lacks dnspod:CreateRecord'],
    ['a wrong ID', testDnspodToken, { id: '1', token }, 'Check `id` and `token`'],
    ['a wrong token', testDnspodToken, { id: tokenId, token: 'wrong' }, 'Check `id` and `token`'],
    ['a token that is none', testDnspodToken, { id: tokenId, token: 'not a token' }, 'Check `id` and `token`'],
  ])('says what to do with %s', async (_what, fakeOf, options, hint) => {
    const { provider, fake } = connected(fakeOf, options);
    await expect(provider.append(value, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringContaining(hint),
    });
    expect(fake.records()).toHaveLength(0);
  });

  it('stops for an hour if DNSPod has closed the account to programs', async () => {
    const { provider, fake, clock } = connected(testDnspodToken, { id: tokenId, token: 'wrong' });
    for (let at = 0; at < 30; at += 1) await provider.append(value, signal).catch(() => {});
    await expect(provider.append(value, signal)).rejects.toMatchObject({
      code: 'dns/limited',
      retryAt: new Date(clock.now().getTime() + 3_600_000),
    });
    expect(fake.api.calls).toHaveLength(31);
  });

  it('says that the clock is wrong', async () => {
    const { provider, fake, clock } = connected(testDnspodKeys, keys);
    const body = { Response: { Error: { Code: 'AuthFailure.SignatureExpire', Message: 'Expired.' }, RequestId: 'R' } };
    const date = new Date(clock.now().getTime() + 3_600_000).toUTCString();
    fake.api.fault({ kind: 'status', status: 200, headers: { date }, body });
    await expect(provider.append(value, signal)).rejects.toMatchObject({
      code: 'dns/clock-skew',
      message: expect.stringContaining('it is 60 minutes behind Tencent’s'),
    });
  });

  it.each([
    [
      'certbot’s file',
      { file: 'dns_dnspod_api_id = 13490\ndns_dnspod_api_token = 6b59' },
      { id: '13490', token: '6b59' },
    ],
    [
      'certbot’s file for Tencent Cloud',
      { file: 'dns_tencentcloud_secret_id = AKID1\ndns_tencentcloud_secret_key = k' },
      { secretId: 'AKID1', secretKey: 'k' },
    ],
    ['JSON', { file: '{ "id": 13490, "token": "6b59" }' }, { id: '13490', token: '6b59' }],
    ['JSON with one text', { file: '{ "login_token": "13490,6b59" }' }, { loginToken: '13490,6b59' }],
    ['acme.sh’s account.conf', { file: "SAVED_DP_Id='13490'\nSAVED_DP_Key='6b59'" }, { id: '13490', token: '6b59' }],
    [
      'the environment of acme.sh',
      { env: { Tencent_SecretId: 'AKID1', Tencent_SecretKey: 'k' } },
      { secretId: 'AKID1', secretKey: 'k' },
    ],
    ['the environment of lego', { env: { DNSPOD_API_KEY: '13490,6b59' } }, { loginToken: '13490,6b59' }],
  ])('reads %s', async (_what, from, expected) => {
    expect(await optionsFrom(dnspod, from)).toEqual(expected);
  });

  it('refuses an endpoint with a path for a key of Tencent Cloud, whose calls would lose it', () => {
    const endpoint = 'https://dnspod.tencentcloudapi.com/v1';
    expect(() => connected(testDnspodToken, { id: tokenId, token, endpoint })).not.toThrow();
    expect(() => connected(testDnspodKeys, { ...keys, endpoint })).toThrow('expected a URL without a path');
  });

  it('takes a number as the ID of a token', () => {
    expect(dnspod.options.parse({ id: 13490 }).id).toBe('13490');
    expect(dnspod.options.parse({}).id).toBeUndefined();
  });
});
