import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import godaddy from './godaddy.ts';
import bench, { closedKey, secret, testGodaddy } from './test-godaddy.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const name = '_acme-challenge.www.example.test';
const change = (before: readonly string[], after: readonly string[]) => ({
  name,
  add: after.filter((one) => !before.includes(one)),
  remove: before.filter((one) => !after.includes(one)),
  before: before.length === 0 ? undefined : { values: before, ttl: 600 },
  after,
  ttl: 600,
});

describe('godaddy', () => {
  it('adds, replaces and removes', async () => {
    const { api, connect } = await bench();
    const provider = connect();
    await provider.write('example.test', [change([], ['a'])], signal);
    await provider.write('example.test', [change(['a'], ['a', 'b'])], signal);
    await provider.write('example.test', [change(['a', 'b'], ['b'])], signal);
    await provider.write('example.test', [change(['b'], [])], signal);
    const at = '/example.test/records/TXT/_acme-challenge.www';
    const added = (data: string) => [{ type: 'TXT', name: '_acme-challenge.www', data, ttl: 600 }];
    expect(api.calls.map(({ name, request }) => [name, request.text && request.json()])).toEqual([
      ['PATCH /example.test/records', added('a')],
      ['PATCH /example.test/records', added('b')],
      [`PUT ${at}`, [{ data: 'b', ttl: 600 }]],
      [`DELETE ${at}`, ''],
    ]);
  });

  it('finds that another program was faster', async () => {
    const { plant, connect } = await bench();
    await plant({ zone: 'example.test', name, value: 'a', ttl: 600 });
    const provider = connect();
    await expect(provider.write('example.test', [change([], ['a'])], signal)).rejects.toMatchObject({
      code: 'dns/conflict',
    });
    expect(await provider.read('example.test', [name], signal)).toEqual(new Map([[name, { values: ['a'], ttl: 600 }]]));
  });

  it('says that the API is closed for small accounts', async () => {
    const { world } = testWorld(testGodaddy);
    const options = { key: new Secret(closedKey), secret: new Secret(secret) };
    const provider = godaddy.connect({ name: 'dns', world, options });
    await expect(provider.check('example.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining('ACCESS_DENIED: Authenticated user is not allowed access'),
      hint: expect.stringContaining('The account of `key` may not use the API'),
    });
  });

  it.each([
    ['certbot’s file', { file: 'dns_godaddy_key = k\ndns_godaddy_secret = s' }],
    ['acme.sh’s account.conf', { file: "SAVED_GD_Key='k'\nSAVED_GD_Secret='s'" }],
    ['the environment of lego', { env: { GODADDY_API_KEY: 'k', GODADDY_API_SECRET: 's' } }],
  ])('reads %s', async (_what, from) => {
    expect(await optionsFrom(godaddy, from)).toEqual({ key: 'k', secret: 's' });
  });
});
