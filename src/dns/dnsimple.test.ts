import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import dnsimple from './dnsimple.ts';
import bench, { testDnsimple, tokens } from './test-dnsimple.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

describe('the account', () => {
  const { signal } = new AbortController();
  const check = (token: string, account?: string) => {
    const { world } = testWorld(testDnsimple);
    const options = dnsimple.options.parse({ token: new Secret(token), account });
    return dnsimple.connect({ name: 'dns', world, options }).check?.('example.test', signal);
  };

  it.each([
    ['a token of an account', tokens.account, undefined],
    ['a token of a user with one', tokens.oneAccount, undefined],
    ['a token of a user with two, one of which is named', tokens.twoAccounts, '1010'],
  ])('is found for %s', async (_what, token, account) => {
    await expect(check(token, account)).resolves.toBeUndefined();
  });

  it.each([
    ['must be named for a token of a user with two', tokens.twoAccounts, undefined, /in `account`: one of 1009, 1010/],
    ['may be the wrong one', tokens.twoAccounts, '1009', /Add the zone example\.test .* `account`/],
  ])('%s', async (_what, token, account, hint) => {
    await expect(check(token, account)).rejects.toMatchObject({
      code: 'dns/refused',
      hint: expect.stringMatching(hint),
    });
  });
});

it.each([{ file: 'dns_dnsimple_token = abcd\n' }, { env: { DNSIMPLE_OAUTH_TOKEN: 'abcd' } }])(
  'the token as other clients have it: %o',
  async (from) => {
    expect(await optionsFrom(dnsimple, from)).toEqual({ token: 'abcd' });
  },
);
