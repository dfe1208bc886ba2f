import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import linode from './linode.ts';
import bench, { rightToken, testLinode } from './test-linode.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

it('says that a domain is a secondary', async () => {
  const { world, fake } = testWorld(testLinode);
  fake.secondaries.add('example.test');
  const provider = linode.connect({ name: 'dns', world, options: { token: rightToken } });
  await expect(provider.check?.('example.test', new AbortController().signal)).rejects.toMatchObject({
    code: 'dns/refused',
    message: expect.stringContaining('the domain example.test is a secondary there'),
  });
});

it.each([
  { file: 'dns_linode_key = abcd\ndns_linode_version = 4\n' },
  { env: { LINODE_TOKEN: 'abcd' } },
  { env: { LINODE_V4_API_KEY: 'abcd' } },
])('the token as other clients have it: %o', async (from) => {
  expect(await optionsFrom(linode, from)).toEqual({ token: 'abcd' });
});
