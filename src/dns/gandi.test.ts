import { expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiBench } from '../testing/dns-api-bench.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import gandi from './gandi.ts';
import bench, { apiKey, testGandi } from './test-gandi.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const zone = 'example.test';

it('writes a whole set in quotes, and deletes one that becomes empty', async () => {
  const { api, connect } = await bench();
  const change = { name: `_acme-challenge.${zone}`, add: [], remove: [], before: undefined, ttl: 300 };
  await connect().write(zone, [{ ...change, after: ['abc', '"a \\"b\\""'] }], signal);
  await connect().write(zone, [{ ...change, after: [] }], signal);
  const path = '/v5/livedns/domains/example.test/records/_acme-challenge/TXT';
  expect(api.calls.map(({ name, request }) => [name, request.text])).toEqual([
    [`PUT ${path}`, '{"rrset_ttl":300,"rrset_values":["\\"abc\\"","\\"a \\\\\\"b\\\\\\"\\""]}'],
    [`DELETE ${path}`, ''],
  ]);
});

it('works with an API key', async () => {
  const withKey = dnsApiBench(gandi, {
    service: testGandi,
    options: { apiKey: new Secret(apiKey) },
    refused: { apiKey: new Secret('wr0ng') },
  });
  const { connect, connectRefused } = await withKey();
  await connect().check?.(zone, signal);
  await expect(connectRefused().check?.(zone, signal)).rejects.toMatchObject({
    hint: expect.stringContaining('Check `apiKey`'),
  });
});

it('requires one of them', () => {
  const connect = () => gandi.connect({ name: 'dns', world: {} as never, options: {} });
  expect(connect).toThrow('dns is missing the credential "token" (CERTFLEET_GANDI_TOKEN)');
});

it.each([
  [{ file: 'dns_gandi_token = abcd\n' }, { token: 'abcd' }],
  [{ file: 'certbot_plugin_gandi:dns_api_key = abcd\ndns_gandi_api_key = abcd\n' }, { apiKey: 'abcd' }],
  [{ env: { GANDIV5_PERSONAL_ACCESS_TOKEN: 'abcd' } }, { token: 'abcd' }],
  [{ env: { GANDI_LIVEDNS_KEY: 'abcd' } }, { apiKey: 'abcd' }],
])('the credentials as other clients have them: %o', async (from, options) => {
  expect(await optionsFrom(gandi, from)).toEqual(options);
});
