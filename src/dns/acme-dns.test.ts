import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import acmeDns from './acme-dns.ts';
import bench, { storage, testAcmeDns, zone } from './test-acme-dns.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const { signal } = new AbortController();
const [digest, other, third] = ['a', 'b', 'c'].map((char) => char.repeat(43)) as [string, string, string];

const start = (options: Readonly<Record<string, unknown>> = { accounts: new Secret(storage(['www'])) }) => {
  const { world, fake } = testWorld((clock) => testAcmeDns(clock));
  return { fake, provider: acmeDns.connect({ name: 'dns', world, options: acmeDns.options.parse(options) }) };
};
const account = JSON.parse(storage(['www']))['www.example.test'] as Readonly<Record<string, string>>;
const value = { zone, name: account['fulldomain']!, value: digest, ttl: 60 };

describe('acme-dns', () => {
  it('keeps the last two values, and a removal asks for nothing', async () => {
    const { fake, provider } = start();
    for (const one of [digest, other, third]) await provider.append({ ...value, value: one }, signal);
    await provider.remove({ ...value, value: other }, undefined, signal);
    expect([...fake.texts.values()]).toEqual([[other, third]]);
    expect(fake.api.calls).toHaveLength(3);
  });

  it('checks the credentials without changing anything', async () => {
    const { fake, provider } = start();
    await provider.check?.(zone, signal);
    expect(fake.api.calls.map(({ name, result }) => [name, result])).toEqual([['POST /update', 400]]);
    expect(fake.texts.size).toBe(0);
  });

  it('says that a CNAME is missing, before an order', async () => {
    const { fake, provider } = start();
    for (const call of [
      () => provider.check?.('example.test', signal),
      () => provider.append({ ...value, zone: 'example.test', name: '_acme-challenge.example.test' }, signal),
    ])
      await expect(call).rejects.toMatchObject({
        code: 'dns/refused',
        hint: expect.stringContaining(`Add a CNAME to the zone example.test, from _acme-challenge of the name to the`),
      });
    expect(fake.api.calls).toEqual([]);
  });

  it.each([
    ['one account', { accounts: new Secret(JSON.stringify(account)) }],
    [
      'options of one account',
      {
        ...{
          endpoint: 'https://auth.example.test/',
          subdomain: account['subdomain'],
          fulldomain: `${account['fulldomain']}.`,
        },
        ...{ username: new Secret(account['username']!), password: new Secret(account['password']!) },
      },
    ],
  ])('takes %s', async (_what, options) => {
    const { fake, provider } = start(options);
    await provider.append(value, signal);
    expect(fake.texts.size).toBe(1);
  });

  it.each([
    ['nothing', {}, 'dns is missing the credential "accounts", or all of "username"'],
    ['a path instead of a file', { accounts: new Secret('/etc/acmedns.json') }, 'write file: before a path'],
    ['an account without a password', { accounts: new Secret(storage(['www'], { password: '' })) }, 'has no password'],
  ])('refuses %s', (_what, options, message) => {
    expect(() => start(options)).toThrow(message);
  });

  it('needs the address of the server', async () => {
    const { server_url: _, ...bare } = account;
    const { provider } = start({ accounts: new Secret(JSON.stringify(bare)) });
    await expect(async () => provider.append(value, signal)).rejects.toMatchObject({
      code: 'config/credential-missing',
    });
  });
});

it('the options as acme.sh has them', async () => {
  const env = {
    ...{ ACMEDNS_BASE_URL: 'https://auth.example.test', ACMEDNS_USERNAME: 'u', ACMEDNS_PASSWORD: 'p' },
    ACMEDNS_SUBDOMAIN: 's',
  };
  expect(await optionsFrom(acmeDns, { env })).toEqual({
    ...{ endpoint: 'https://auth.example.test', username: 'u', password: 'p', subdomain: 's' },
  });
});
