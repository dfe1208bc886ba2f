import { expect, it } from 'vitest';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import bench from './test-vultr.ts';
import { optionsFrom } from './test-world.ts';
import vultr from './vultr.ts';

dnsApiContract(it, bench);

it.each([{ file: 'dns_vultr_key = abcd\n' }, { env: { VULTR_API_KEY: 'abcd' } }])(
  'the key as other clients have it: %o',
  async (from) => {
    expect(await optionsFrom(vultr, from)).toEqual({ apiKey: 'abcd' });
  },
);
