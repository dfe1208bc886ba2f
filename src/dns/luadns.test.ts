import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import luadns from './luadns.ts';
import bench from './test-luadns.ts';
import { optionsFrom } from './test-world.ts';

dnsApiContract(it, bench);

it.each([
  { file: 'dns_luadns_email = ops@example.test\ndns_luadns_token = abcd\n' },
  { env: { LUADNS_API_USERNAME: 'ops@example.test', LUADNS_API_TOKEN: 'abcd' } },
  { env: { LUA_Email: 'ops@example.test', LUA_Key: 'abcd' } },
])('credentials as other clients have them: %o', async (from) => {
  expect(await optionsFrom(luadns, from)).toEqual({ email: 'ops@example.test', token: 'abcd' });
});
