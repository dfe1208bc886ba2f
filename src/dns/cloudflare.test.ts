import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import cloudflare from './cloudflare.ts';
import bench, {
  apiKey,
  dnsEditToken,
  dnsReadToken,
  email,
  oneZoneToken,
  testCloudflare,
  token,
  wrongToken,
  zoneReadToken,
} from './test-cloudflare.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const value = { zone: 'example.test', name: '_acme-challenge.www.example.test', value: 'abc', ttl: 60 };

function connected(options: Readonly<Record<string, string>>) {
  const { world, fake } = testWorld(testCloudflare);
  const secrets = ['token', 'zoneToken', 'apiKey'];
  const opened = Object.fromEntries(
    Object.entries(options).map(([name, text]) => [name, secrets.includes(name) ? new Secret(text) : text]),
  );
  return { provider: cloudflare.connect({ name: 'dns', world, options: opened }), fake, calls: fake.api.calls };
}

describe('cloudflare', () => {
  it('looks before it writes, and looks for the zone once', async () => {
    const { provider, calls, fake } = connected({ token: token });
    const made = await provider.append(value, signal);
    expect(fake.records).toMatchObject([{ name: value.name, value: 'abc', ttl: 60, id: made }]);
    await provider.remove(value, made, signal);
    expect(calls.map(({ name }) => name)).toEqual([
      'GET /zones',
      'GET /zones/:id/dns_records',
      'POST /zones/:id/dns_records',
      'GET /zones/:id/dns_records',
      'DELETE /zones/:id/dns_records/:id',
    ]);
  });

  it('finds a value among 300 others at the name, with and without quotes', async () => {
    const { provider, fake } = connected({ token: token });
    for (let at = 0; at < 300; at += 1) fake.plant({ ...value, value: `v${at}` });
    await provider.remove({ ...value, value: 'v299' }, undefined, signal);
    expect(fake.records).toHaveLength(299);
  });

  it.each([
    ['a token for one zone', { token: oneZoneToken }],
    ['a token for zones and one for records', { token: dnsEditToken, zoneToken: zoneReadToken }],
    ['the global key', { email, apiKey }],
  ])('works with %s', async (_what, options) => {
    const { provider, fake } = connected(options);
    await provider.check!(value.zone, signal);
    await provider.append(value, signal);
    expect(fake.records).toHaveLength(1);
    await provider.remove(value, undefined, signal);
    expect(fake.records).toHaveLength(0);
  });

  it.each([
    ['a wrong token', { token: wrongToken }, /^Cloudflare refused .*9109: Invalid access token$/, /Check `token`/],
    ['no token at all', { token: 'short' }, /Invalid format for Authorization header/, /Check `token`/],
    ['a wrong key', { email, apiKey: `${apiKey.slice(1)}f` }, /9103: Unknown/, /Check `email` and `apiKey`/],
    ['no right to find zones', { token: dnsEditToken }, /9109: Unauthorized/, /Zone → Zone → Read/],
    ['no right to read records', { token: zoneReadToken }, /10000/, /`token` the permission Zone → DNS → Edit for exa/],
    ['no right to write records', { token: dnsReadToken }, /10000/, /`token` the permission Zone → DNS → Edit for exa/],
  ])('says what to do with %s', async (_what, options, message, hint) => {
    const { provider, fake } = connected(options);
    await expect(provider.append(value, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
    expect(fake.records).toHaveLength(0);
  });

  it('says that the token may not use a zone', async () => {
    const { provider } = connected({ token: oneZoneToken });
    await expect(provider.check!('sub.example.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: 'Cloudflare refused to change sub.example.test: `token` has no access to a zone sub.example.test',
      hint: expect.stringContaining('add it to the zones of `token`'),
    });
  });

  it('needs a token, or an address with its key', () => {
    expect(() => connected({ email })).toThrow('dns is missing the credential "token"');
  });

  it.each([
    ['certbot’s file with a token', { file: 'dns_cloudflare_api_token = t' }, { token: 't' }],
    [
      'certbot’s file with a key',
      { file: 'dns_cloudflare_email = ops@example.test\ndns_cloudflare_api_key = k' },
      { email: 'ops@example.test', apiKey: 'k' },
    ],
    ['acme.sh’s account.conf', { file: "SAVED_CF_Token='t'" }, { token: 't' }],
    [
      'the environment of lego',
      { env: { CF_DNS_API_TOKEN: 't', CF_ZONE_API_TOKEN: 'z' } },
      { token: 't', zoneToken: 'z' },
    ],
  ])('reads %s', async (_what, from, expected) => {
    expect(await optionsFrom(cloudflare, from)).toEqual(expected);
  });
});
