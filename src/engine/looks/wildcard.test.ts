import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { fakeDns } from '../../testing/fake-dns.ts';
import { createZones, type Zones } from '../zones/zone.ts';
import { findHiddenWildcard } from './wildcard.ts';

const { signal } = new AbortController();
const zone = 'wild.test';
const clock = fakeClock();
const dns = fakeDns(
  {
    [zone]: {
      servers: { 'ns.wild.test': ['192.0.2.1'] },
      records: [
        [zone, 'A', '198.51.100.1'],
        [`*.${zone}`, 'A', '198.51.100.7'],
        [`*.${zone}`, 'AAAA', '2001:db8::7'],
        ['own.wild.test', 'A', '198.51.100.1'],
        ['same.wild.test', 'A', '198.51.100.7'],
        ['same.wild.test', 'AAAA', '2001:db8::7'],
        ['text.wild.test', 'TXT', 'here'],
        ['all.wild.test', 'A', '198.51.100.7'],
        ['*.all.wild.test', 'A', '198.51.100.7'],
        ...(['twin.wild.test', '*.twin.wild.test'] as const).flatMap((name) => [
          [name, 'A', '198.51.100.7'] as const,
          [name, 'AAAA', '2001:db8::7'] as const,
        ]),
        ['empty.mid.wild.test', 'A', '198.51.100.7'],
        ['*.alias.wild.test', 'CNAME', 'lb.plain.test'],
        ['*.mail.wild.test', 'TXT', 'no address'],
      ],
    },
    'sub.wild.test': { servers: { 'ns.sub.wild.test': ['192.0.2.2'] } },
    'plain.test': { servers: { 'ns.plain.test': ['192.0.2.3'] }, records: [['www.plain.test', 'A', '198.51.100.1']] },
  },
  clock,
);
const zones = createZones({ dns, clock, resolvers: [dns.resolver] });
/** A server that takes an asterisk in a question for any label, which RFC 4592 §2.3 does not allow. */
const loose: Pick<Zones, 'ask'> = {
  ask: (at, question, during) => zones.ask(at, { ...question, name: question.name.replace('.*.', '.') }, during),
};

describe('a record at a challenge name', () => {
  it.each([
    ['there is no wildcard', 'plain.test', '_acme-challenge.www.plain.test'],
    ['there is no wildcard, and no such name', 'plain.test', '_acme-challenge.not.there.plain.test'],
    ['its parent is the apex', zone, '_acme-challenge.wild.test'],
    ['it is the apex', 'sub.wild.test', 'sub.wild.test'],
    ['its parent lies outside of the zone', '_acme-challenge.own.wild.test', '_acme-challenge.own.wild.test'],
    ['its parent has a record', zone, '_acme-challenge.own.wild.test'],
    ['its parent has the wildcard’s own address', zone, '_acme-challenge.same.wild.test'],
    ['its parent has other data', zone, '_acme-challenge.text.wild.test'],
    ['its parent has a wildcard of its own', zone, '_acme-challenge.all.wild.test'],
    ['its parent has a wildcard of its own, all with one address', zone, '_acme-challenge.twin.wild.test'],
    ['its parent is between two names', zone, '_acme-challenge.mid.wild.test'],
    ['the wildcard has no address that could be missed', zone, '_acme-challenge.x.mail.wild.test'],
    ['the zone is delegated', 'sub.wild.test', '_acme-challenge.sub.wild.test'],
  ])('hides nothing where %s', async (_why, of, name) => {
    expect(await findHiddenWildcard(zones, { zone: of, name }, signal)).toBeUndefined();
  });

  it.each([
    ['by.wild.test', '*.wild.test'],
    ['a.b.wild.test', '*.wild.test'],
    ['x.all.wild.test', '*.all.wild.test'],
    ['any.alias.wild.test', '*.alias.wild.test'],
    // As long as a name may be with the challenge's label: there is no room for a label below it, or beside it.
    [`${`${'a'.repeat(56)}.`.repeat(4)}wild.test`, '*.wild.test'],
    [`a.${`${'a'.repeat(61)}.`.repeat(3)}${'a'.repeat(39)}.wild.test`, '*.wild.test'],
  ])('makes %s vanish from %s', async (vanishes, wildcard) => {
    const name = `_acme-challenge.${vanishes}`;
    expect(await findHiddenWildcard(zones, { zone, name }, signal)).toEqual({ vanishes, wildcard });
  });

  it.each([
    ['own.wild.test', undefined],
    ['all.wild.test', undefined],
    // It has a wildcard of its own with the same addresses: that it does not live by the one above cannot be seen.
    ['twin.wild.test', { vanishes: 'twin.wild.test', wildcard: '*.wild.test' }],
    ['by.wild.test', { vanishes: 'by.wild.test', wildcard: '*.wild.test' }],
  ])('is compared by addresses where the server is not strict about asterisks: %s', async (base, expected) => {
    const target = { zone, name: `_acme-challenge.${base}` };
    expect(await findHiddenWildcard(loose, target, signal)).toEqual(expected);
  });

  it('cannot be looked at where no server answers', async () => {
    dns.server('192.0.2.3').state = 'servfail';
    const target = { zone: 'plain.test', name: '_acme-challenge.www.plain.test' };
    await expect(findHiddenWildcard(zones, target, signal)).rejects.toMatchObject({ code: 'dns/no-nameserver' });
    dns.server('192.0.2.3').state = 'answers';
  });
});
