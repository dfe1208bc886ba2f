import { describe, expect, it } from 'vitest';
import { fail } from '../../core/errors/errors.ts';
import type { DnsType } from '../../ports/dns.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type FakeZone, fakeDns } from '../../testing/fake-dns.ts';
import { createZones, type Zones } from '../zones/zone.ts';
import { lookUpAddresses } from './addresses.ts';

const { signal } = new AbortController();
type Records = NonNullable<FakeZone['records']>;

/** `now` is what the zones' own servers say, and `before` what the resolver remembers. */
function zonesOf(now: Records, before: Records = now): Zones {
  const clock = fakeClock();
  const dnsOf = (records: Records) =>
    fakeDns(
      {
        'example.test': { servers: { 'ns.example.test': ['192.0.2.1'] }, records },
        'other.test': {
          servers: { 'ns.other.test': ['192.0.2.2'] },
          records: [['www.other.test', 'A', '198.51.100.9']],
        },
      },
      clock,
    );
  const [authorities, remembered] = [dnsOf(now), dnsOf(before)];
  const dns: typeof authorities = {
    ...authorities,
    query: (server, ...rest) =>
      (server.address === authorities.resolver.address ? remembered : authorities).query(server, ...rest),
  };
  return createZones({ dns, clock, resolvers: [dns.resolver] });
}

const all: Records = [
  ['www.example.test', 'A', '198.51.100.1'],
  ['both.example.test', 'A', '198.51.100.2'],
  ['both.example.test', 'A', '198.51.100.3'],
  ['both.example.test', 'AAAA', '2001:db8::2'],
  ['six.example.test', 'AAAA', '2001:db8::1'],
  ['mail.example.test', 'TXT', 'no address'],
  ['*.wild.example.test', 'A', '198.51.100.7'],
  ['alias.example.test', 'CNAME', 'www.example.test'],
  ['far.example.test', 'CNAME', 'www.other.test'],
  ['twice.example.test', 'CNAME', 'far.example.test'],
  ['dead.example.test', 'CNAME', 'nowhere.example.test'],
  ['empty.example.test', 'CNAME', 'mail.example.test'],
  ['circle.example.test', 'CNAME', 'round.example.test'],
  ['round.example.test', 'CNAME', 'circle.example.test'],
];

describe('the addresses of a name', () => {
  it.each([
    ['www', 'found', ['198.51.100.1'], []],
    ['both', 'found', ['198.51.100.2', '198.51.100.3'], ['2001:db8::2']],
    ['six', 'found', [], ['2001:db8::1']],
    ['by.wild', 'found', ['198.51.100.7'], []],
    ['alias', 'found', ['198.51.100.1'], []],
    ['far', 'found', ['198.51.100.9'], []],
    ['twice', 'found', ['198.51.100.9'], []],
    ['mail', 'no-address-from-authority', [], []],
    ['nowhere', 'nxdomain-from-authority', [], []],
    ['dead', 'nxdomain-from-authority', [], []],
    ['empty', 'no-address-from-authority', [], []],
    ['circle', 'cannot-tell', [], []],
  ] as const)('%s: %s', async (label, verdict, ipv4, ipv6) => {
    const found = await lookUpAddresses(`${label}.example.test`, { zones: zonesOf(all) }, signal);
    expect(found).toMatchObject({ verdict, ipv4, ipv6 });
  });

  const [here, there] = ['198.51.100.1', '198.51.100.2'];
  it.each<[what: string, before: Records, now: Records, verdict: string, ipv4: readonly string[]]>([
    ['nothing, and it is there by now', [], [['www.example.test', 'A', here]], 'found', [here]],
    [
      'an address that has changed',
      [['www.example.test', 'A', here]],
      [['www.example.test', 'A', there]],
      'found',
      [here],
    ],
    ['nothing, and it is an alias by now', [], [['www.example.test', 'CNAME', 'www.other.test']], 'cannot-tell', []],
    ['another record, and the name is gone', [['www.example.test', 'TXT', 'x']], [], 'nxdomain-from-authority', []],
    [
      'that it is not there, and it has no address',
      [],
      [['www.example.test', 'TXT', 'x']],
      'no-address-from-authority',
      [],
    ],
  ])('with a resolver that remembers %s', async (_what, before, now, verdict, ipv4) => {
    const found = await lookUpAddresses('www.example.test', { zones: zonesOf(now, before) }, signal);
    expect(found).toMatchObject({ verdict, ipv4 });
  });

  const unanswered = (...types: readonly DnsType[]): Partial<Zones> => ({
    resolve: async (question, during) => {
      if (!types.includes(question.type)) return zonesOf(all).resolve(question, during);
      throw fail('dns/lookup-failed', { server: '192.0.2.53', question: question.type, reason: 'SERVFAIL' });
    },
  });
  const silent: Partial<Zones> = {
    ask: async (zone) => {
      throw fail('dns/no-nameserver', { zone, reason: 'it does not answer' });
    },
  };
  it.each([
    ['is not known of one family, the other one has an address', 'www', unanswered('AAAA'), 'found'],
    ['is not known of one family, the other one has none', 'mail', unanswered('AAAA'), 'cannot-tell'],
    ['is not known of any', 'www', unanswered('A', 'AAAA'), 'cannot-tell'],
    ['is nothing, and the zone’s own servers do not answer', 'nowhere', silent, 'cannot-tell'],
    ['is there, and the zone’s own servers do not answer', 'www', silent, 'found'],
  ] as const)('where what the resolver says %s', async (_what, label, more, verdict) => {
    const zones = { ...zonesOf(all), ...more };
    expect(await lookUpAddresses(`${label}.example.test`, { zones }, signal)).toMatchObject({ verdict });
  });

  it('names the alias whose target has none', async () => {
    const { finding } = await lookUpAddresses('dead.example.test', { zones: zonesOf(all) }, signal);
    expect(finding).toContain('dead.example.test (an alias of nowhere.example.test)');
  });

  it('are 16 of both families together, where it has thousands, and says how many more there are', async () => {
    const many: Records = Array.from({ length: 1_000 }, (_, at) => [
      ['www.example.test', 'A', `198.51.${100 + (at >> 8)}.${at & 255}`] as const,
      ['www.example.test', 'AAAA', `2001:db8::${(at + 1).toString(16)}`] as const,
    ]).flat();
    const found = await lookUpAddresses('www.example.test', { zones: zonesOf(many) }, signal);
    expect(found).toMatchObject({ verdict: 'found', left: 1_984 });
    expect([found.ipv4.length, found.ipv6.length]).toEqual([8, 8]);
    // The same ones, in whatever order a resolver returns them.
    const again = await lookUpAddresses('www.example.test', { zones: zonesOf(many.toReversed()) }, signal);
    expect(again).toEqual(found);
  });

  it('rejects when it is stopped', async () => {
    const stop = new AbortController();
    const looking = lookUpAddresses('www.example.test', { zones: zonesOf(all) }, stop.signal);
    stop.abort(new Error('SIGTERM'));
    await expect(looking).rejects.toThrow('SIGTERM');
  });
});
