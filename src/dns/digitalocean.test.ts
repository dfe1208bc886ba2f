import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import digitalocean from './digitalocean.ts';
import bench from './test-digitalocean.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

it.each([
  { file: 'dns_digitalocean_token = abcd\n' },
  { env: { DO_AUTH_TOKEN: 'abcd' } },
  { env: { DO_API_KEY: 'abcd' } },
])('the token as other clients have it: %o', async (from) => {
  expect(await optionsFrom(digitalocean, from)).toEqual({ token: 'abcd' });
});
