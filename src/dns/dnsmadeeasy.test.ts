import { expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import type { World } from '../ports/world.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import dnsmadeeasy from './dnsmadeeasy.ts';
import bench, { keys, testDnsmadeeasy } from './test-dnsmadeeasy.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const options = { apiKey: new Secret(keys.apiKey), secretKey: new Secret(keys.secretKey) };

it('names the difference of the clocks', async () => {
  const { world, clock } = testWorld((at) => testDnsmadeeasy(at));
  const late: World = { ...world, clock: { ...clock, now: () => new Date(clock.now().getTime() + 3_600_000) } };
  const provider = dnsmadeeasy.connect({ name: 'dns', world: late, options });
  await expect(provider.check?.('example.test', new AbortController().signal)).rejects.toMatchObject({
    code: 'dns/refused',
    message: expect.stringContaining('this machine’s clock is 3600 s ahead'),
    hint: expect.stringContaining('clock'),
  });
});

it.each([
  { file: 'dns_dnsmadeeasy_api_key = k\ndns_dnsmadeeasy_secret_key = s\n' },
  { env: { DNSMADEEASY_API_KEY: 'k', DNSMADEEASY_API_SECRET: 's' } },
  { env: { ME_Key: 'k', ME_Secret: 's' } },
])('the keys as other clients have them: %o', async (from) => {
  expect(await optionsFrom(dnsmadeeasy, from)).toEqual({ apiKey: 'k', secretKey: 's' });
});
