import { describe, expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import porkbun from './porkbun.ts';
import bench, { apiKey, secretApiKey } from './test-porkbun.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const value = { zone: 'example.test', name: '_acme-challenge.www.example.test', value: 'abc', ttl: 600 };

describe('porkbun', () => {
  it('sends what the documents describe', async () => {
    const { api, connect } = await bench();
    const provider = connect();
    const made = await provider.append(value, signal);
    await provider.remove(value, made, signal);
    const keys = { apikey: apiKey, secretapikey: secretApiKey };
    const list = '/dns/retrieveByNameType/example.test/TXT/_acme-challenge.www';
    expect(api.calls.map(({ name, request }) => [name, request.json()])).toEqual([
      [list, keys],
      ['/dns/create/example.test', { ...keys, name: '_acme-challenge.www', type: 'TXT', content: 'abc', ttl: '600' }],
      [list, keys],
      [`/dns/delete/example.test/${made}`, keys],
    ]);
  });

  it('says that the domain is closed for the API', async () => {
    const { connect } = await bench();
    await expect(connect().check?.('closed.test', signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining('Domain is not opted in to API access'),
      hint: expect.stringContaining('switch on API Access for it'),
    });
  });

  it.each([
    ['certbot’s file', { file: 'dns_porkbun_key = pk1\ndns_porkbun_secret = sk1' }],
    ['acme.sh’s account.conf', { file: "SAVED_PORKBUN_API_KEY='pk1'\nSAVED_PORKBUN_SECRET_API_KEY='sk1'" }],
    ['the environment of lego', { env: { PORKBUN_API_KEY: 'pk1', PORKBUN_SECRET_API_KEY: 'sk1' } }],
  ])('reads %s', async (_what, from) => {
    expect(await optionsFrom(porkbun, from)).toEqual({ apiKey: 'pk1', secretApiKey: 'sk1' });
  });
});
