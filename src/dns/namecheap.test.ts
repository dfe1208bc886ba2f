import { describe, expect, it } from 'vitest';
import { Secret } from '../core/errors/secret.ts';
import { dnsApiContract } from '../testing/dns-api-contract.ts';
import namecheap from './namecheap.ts';
import bench, { apiKey, apiUser, clientIp, testNamecheap } from './test-namecheap.ts';
import { optionsFrom, testWorld } from './test-world.ts';

dnsApiContract(it, bench);

const signal = new AbortController().signal;
const zone = 'example.test';
const name = `_acme-challenge.${zone}`;
const added = { name, add: ['abc'], remove: [], before: undefined, after: ['abc'], ttl: 60 };

function connected(more: object = {}) {
  const { world, fake } = testWorld(testNamecheap);
  const options = { apiUser, apiKey: new Secret(apiKey), clientIp, ...more };
  return { provider: namecheap.connect({ name: 'dns', world, options }), fake };
}

describe('namecheap', () => {
  it('writes everything else back as it was, with the mail settings', async () => {
    const { provider, fake } = connected();
    const before = structuredClone(fake.zones.get(zone)!);
    await provider.write(zone, [added], signal);
    const after = fake.zones.get(zone)!;
    expect(after.emailType).toBe('MX');
    expect(after.hosts).toEqual([
      ...before.hosts,
      { name: '_acme-challenge', type: 'TXT', address: 'abc', mxPref: '10', ttl: '60' },
    ]);
    expect(fake.api.calls.map(({ name }) => name)).toEqual(['getHosts', 'setHosts']);
    const removed = { ...added, add: [], remove: ['abc'], before: { values: ['abc'], ttl: 60 }, after: [] };
    await provider.write(zone, [removed], signal);
    expect(fake.zones.get(zone)).toEqual(before);
  });

  it('writes several names at once', async () => {
    const { provider, fake } = connected();
    const changes = ['a', 'b', 'c'].map((host) => ({ ...added, name: `_acme-challenge.${host}.${zone}` }));
    await provider.write(zone, changes, signal);
    expect(fake.api.count('setHosts')).toBe(1);
    expect(fake.values(zone)).toHaveLength(3);
  });

  it('stops if the values are others than those that were read', async () => {
    const { provider, fake } = connected();
    fake.plant({ zone, name, value: 'of another program', ttl: 300 });
    await expect(provider.write(zone, [added], signal)).rejects.toMatchObject({ code: 'dns/conflict' });
    expect(fake.api.count('setHosts')).toBe(0);
  });

  it('does not touch a domain with records that it could not write back', async () => {
    const { provider, fake } = connected();
    const at = fake.zones.get(zone)!;
    at.hosts = [...at.hosts, { name: '@', type: 'SRV', address: '0 0 1 a.', mxPref: '0', ttl: '300' }];
    await expect(provider.write(zone, [added], signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringContaining('has a record of type SRV, which the API cannot write back'),
    });
    expect(fake.api.count('setHosts')).toBe(0);
  });

  it('cuts the domain before its suffix', async () => {
    const { provider, fake } = connected();
    fake.addZones(['example.co.test']);
    await provider.check('example.co.test', signal);
    expect(Object.fromEntries(fake.api.calls[0]!.request.form())).toEqual({
      ...{ ApiUser: apiUser, ApiKey: apiKey, UserName: apiUser, ClientIp: clientIp },
      ...{ Command: 'namecheap.domains.dns.getHosts', SLD: 'example', TLD: 'co.test' },
    });
  });

  it.each([
    [
      'an address that is not in the whitelist',
      { clientIp: '192.0.2.11' },
      zone,
      /Invalid request IP/,
      /whitelist.*`clientIp`/,
    ],
    [
      'a domain that is elsewhere',
      {},
      'elsewhere.test',
      /does not use its name servers/,
      /Namecheap BasicDNS for elsewhere/,
    ],
  ])('says what to do with %s', async (_what, more, at, message, hint) => {
    await expect(connected(more).provider.check(at, signal)).rejects.toMatchObject({
      code: 'dns/refused',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });

  it.each([
    ['certbot’s file', { file: 'dns_namecheap_username = ops\ndns_namecheap_api_key = k\nclient_ip = 192.0.2.10' }],
    [
      'the environment of acme.sh',
      { env: { NAMECHEAP_USERNAME: 'ops', NAMECHEAP_API_KEY: 'k', NAMECHEAP_SOURCEIP: '192.0.2.10' } },
    ],
  ])('reads %s', async (_what, from) => {
    expect(await optionsFrom(namecheap, from)).toEqual({ apiUser: 'ops', apiKey: 'k', clientIp: '192.0.2.10' });
  });
});
