import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookUpAddresses } from '../../src/engine/looks/addresses.ts';
import { checkCaa } from '../../src/engine/looks/caa.ts';
import { findHiddenWildcard } from '../../src/engine/looks/wildcard.ts';
import { createZones, overrideZones, type Zones } from '../../src/engine/zones/zone.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { createDns } from '../../src/lib/dns/dns.ts';
import { type Bind, bindPrograms, startBind } from '../support/bind.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const signal = new AbortController().signal;
const dns = createDns(systemClock);

describeWith(bindPrograms, 'zones on BIND', () => {
  let bind: Bind;
  let zones: Zones;

  beforeAll(async () => {
    bind = await startBind({
      ipv6: true,
      zones: [
        { name: 'test', records: [] },
        {
          name: 'example.test',
          records: [
            '@ A 192.0.2.1',
            'www A 192.0.2.1',
            'six AAAA 2001:db8::1',
            'mail MX 10 www',
            'alias CNAME www',
            'dead CNAME nowhere',
            'far CNAME www.other.test.',
            '_acme-challenge.delegated CNAME token.acme.other.test.',
            'delegated A 192.0.2.1',
            '_acme-challenge.circle CNAME a.circle',
            'a.circle CNAME b.circle',
            'b.circle CNAME a.circle',
            'sub NS ns1.sub',
            'ns1.sub A 127.0.0.1',
            'ns1.sub AAAA ::1',
            '_acme-challenge.cut NS ns1',
          ],
        },
        { name: 'sub.example.test', records: ['deep.www A 192.0.2.2'] },
        { name: '_acme-challenge.cut.example.test' },
        { name: 'other.test', records: ['www A 192.0.2.9', 'acme TXT here'] },
        {
          name: 'wild.test',
          records: [
            '@ A 192.0.2.1',
            '* A 192.0.2.7',
            'own A 192.0.2.1',
            'same A 192.0.2.7',
            'text TXT here',
            // Everything at one address, explicit at each level.
            'all A 192.0.2.7',
            '*.all A 192.0.2.7',
            'empty.mid A 192.0.2.7',
          ],
        },
        {
          name: 'wildcname.test',
          records: [
            '* CNAME lb.other.test.',
            'own A 192.0.2.1',
            '_acme-challenge.explicit CNAME lb.other.test.',
            'explicit A 192.0.2.1',
          ],
        },
        { name: 'wildlocal.test', records: ['* CNAME lb', 'lb A 192.0.2.8'] },
        {
          name: 'caa.test',
          records: [
            '@ CAA 0 issue "ca.example"',
            'www A 192.0.2.1',
            'forbidden CAA 0 issue ";"',
            'wildonly CAA 0 issuewild "ca.example"',
            'wildno CAA 0 issue "ca.example"',
            'wildno CAA 0 issuewild ";"',
            'other CAA 0 issue "other.example"',
            'both CAA 0 issue "other.example"',
            'both CAA 0 issue "ca.example"',
            'letters CAA 0 issue "CA.example"',
            'dot CAA 0 issue "ca.example."',
            'mailto CAA 0 iodef "mailto:a@b.example"',
            'critical CAA 128 tbs "unknown"',
            'lowest CAA 1 tbs "unknown"',
            'other.bits CAA 126 tbs "unknown"',
            'known CAA 128 issue "ca.example"',
            'account CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1"',
            'method CAA 0 issue "ca.example; validationmethods=dns-01,tls-alpn-01"',
            'twice CAA 0 issue "ca.example; accounturi=https://ca.example/acct/1; accounturi=https://ca.example/acct/1"',
            'alias CNAME forbidden',
            'below.alias2 A 192.0.2.1',
          ],
        },
        { name: 'nocaa.test', records: ['www A 192.0.2.1'] },
      ],
    });
    const resolvers = [{ address: bind.address, port: bind.port }];
    zones = createZones({ dns, clock: systemClock, resolvers, port: bind.port });
  });
  afterAll(() => bind.stop());

  describe('findZone', () => {
    it.each([
      ['example.test', 'example.test'],
      ['www.example.test', 'example.test'],
      ['not.there.example.test', 'example.test'],
      ['alias.example.test', 'example.test'],
      ['sub.example.test', 'sub.example.test'],
      ['deep.www.sub.example.test', 'sub.example.test'],
      ['_acme-challenge.www.example.test', 'example.test'],
    ])('%s is in %s', async (name, zone) => {
      expect((await zones.findZone(name, signal)).zone).toBe(zone);
    });

    it('fails for a name without a top-level domain', async () => {
      await expect(zones.findZone('www.nowhere.invalid', signal)).rejects.toMatchObject({ code: 'dns/zone-not-found' });
    });
  });

  it('finds every address of every server, in both families', async () => {
    expect(await zones.nameservers('example.test', signal)).toEqual([
      { name: 'ns1.example.test', address: '127.0.0.1', port: bind.port },
      { name: 'ns1.example.test', address: '::1', port: bind.port },
    ]);
  });

  describe('resolveChain', () => {
    it.each([
      ['_acme-challenge.www.example.test', 'example.test', '_acme-challenge.www.example.test'],
      ['_acme-challenge.example.test', 'example.test', '_acme-challenge.example.test'],
      ['_acme-challenge.deep.www.sub.example.test', 'sub.example.test', '_acme-challenge.deep.www.sub.example.test'],
      ['_acme-challenge.sub.example.test', 'sub.example.test', '_acme-challenge.sub.example.test'],
      ['_acme-challenge.delegated.example.test', 'other.test', 'token.acme.other.test'],
      // The challenge name is itself a zone.
      ['_acme-challenge.cut.example.test', '_acme-challenge.cut.example.test', '_acme-challenge.cut.example.test'],
      // A wildcard CNAME is not a delegation; an explicit one is, even to the same target.
      ['_acme-challenge.wildcname.test', 'wildcname.test', '_acme-challenge.wildcname.test'],
      ['_acme-challenge.own.wildcname.test', 'wildcname.test', '_acme-challenge.own.wildcname.test'],
      ['_acme-challenge.explicit.wildcname.test', 'other.test', 'lb.other.test'],
    ])('%s is written in %s at %s', async (name, zone, target) => {
      expect(await zones.resolveChain(name, signal)).toEqual({ zone, name: target });
    });

    it('refuses a loop', async () => {
      await expect(zones.resolveChain('_acme-challenge.circle.example.test', signal)).rejects.toMatchObject({
        code: 'dns/cname-loop',
      });
    });

    it('asks only the named servers if there is an override', async () => {
      const unused: Zones = createZones({ dns, clock: systemClock, resolvers: [] });
      const fixed = overrideZones(unused, [{ zone: 'Example.Test.', nameservers: [bind.server] }], {
        dns,
        clock: systemClock,
      });
      expect(await fixed.resolveChain('_acme-challenge.sub.example.test', signal)).toEqual({
        zone: 'example.test',
        name: '_acme-challenge.sub.example.test',
      });
      await expect(fixed.resolveChain('_acme-challenge.delegated.example.test', signal)).rejects.toMatchObject({
        code: 'dns/lookup-failed',
      });
    });
  });

  describe('wildcards that a TXT would hide', () => {
    const hidden = async (base: string) => {
      const target = await zones.resolveChain(`_acme-challenge.${base}`, signal);
      return findHiddenWildcard(zones, target, signal);
    };

    it.each([
      ['www.example.test', 'there is no wildcard'],
      ['not.there.example.test', 'there is no wildcard'],
      ['wild.test', 'the apex exists'],
      ['own.wild.test', 'it has a record of its own'],
      ['same.wild.test', 'it has a record of its own, with the wildcard’s address'],
      ['text.wild.test', 'it exists with other data'],
      ['all.wild.test', 'it has a record and a wildcard of its own, all with one address'],
      ['mid.wild.test', 'it exists as the parent of another name'],
      ['wildcname.test', 'the apex exists'],
      ['own.wildcname.test', 'it has a record of its own'],
      ['explicit.wildcname.test', 'the challenge is delegated'],
      ['delegated.example.test', 'the challenge is delegated'],
    ])('%s: none, %s', async (base) => {
      expect(await hidden(base)).toBeUndefined();
    });

    it.each([
      ['by.wild.test', 'by.wild.test', '*.wild.test'],
      ['a.b.wild.test', 'a.b.wild.test', '*.wild.test'],
      ['x.all.wild.test', 'x.all.wild.test', '*.all.wild.test'],
      ['any.wildcname.test', 'any.wildcname.test', '*.wildcname.test'],
      ['any.wildlocal.test', 'any.wildlocal.test', '*.wildlocal.test'],
    ])('%s: %s would vanish from %s', async (base, vanishes, wildcard) => {
      expect(await hidden(base)).toEqual({ vanishes, wildcard });
    });

    it('matches what BIND does', async () => {
      const address = async (name: string) =>
        (await zones.ask('wild.test', { name, type: 'A' }, signal)).answer.answers.map((record) => record.value);
      expect(await address('proof.wild.test')).toEqual(['192.0.2.7']);
      await bind.update('wild.test', 'add _acme-challenge.proof.wild.test. 1 TXT "x"');
      expect(await address('proof.wild.test')).toEqual([]);
      await bind.update('wild.test', 'delete _acme-challenge.proof.wild.test. TXT "x"');
      expect(await address('proof.wild.test')).toEqual(['192.0.2.7']);
    });
  });

  describe('addresses', () => {
    const look = (name: string) => lookUpAddresses(name, { zones }, signal);

    it.each([
      ['www.example.test', 'found', ['192.0.2.1'], []],
      ['six.example.test', 'found', [], ['2001:db8::1']],
      ['alias.example.test', 'found', ['192.0.2.1'], []],
      ['far.example.test', 'found', ['192.0.2.9'], []],
      ['by.wild.test', 'found', ['192.0.2.7'], []],
      ['mail.example.test', 'no-address-from-authority', [], []],
      ['nowhere.example.test', 'nxdomain-from-authority', [], []],
      ['dead.example.test', 'nxdomain-from-authority', [], []],
    ] as const)('%s: %s', async (name, verdict, ipv4, ipv6) => {
      expect(await look(name)).toMatchObject({ verdict, ipv4, ipv6 });
    });
  });

  describe('CAA', () => {
    const ours = {
      caaIdentities: ['ca.example'] as readonly string[],
      accountUrl: 'https://ca.example/acct/1' as string | undefined,
      challengeTypes: ['http-01'] as readonly string[],
      wildcard: false,
    };
    const check = (name: string, more: Partial<typeof ours> = {}) =>
      checkCaa({ ...ours, ...more, name }, { zones }, signal);

    it.each([
      ['www.nocaa.test', 'pass'],
      ['caa.test', 'pass'],
      ['www.caa.test', 'pass'],
      ['forbidden.caa.test', 'no'],
      ['x.y.forbidden.caa.test', 'no'],
      ['wildonly.caa.test', 'pass'],
      ['other.caa.test', 'no'],
      ['both.caa.test', 'pass'],
      // Boulder compares the CA's name exactly.
      ['letters.caa.test', 'no'],
      ['dot.caa.test', 'no'],
      ['mailto.caa.test', 'pass'],
      ['critical.caa.test', 'no'],
      ['lowest.caa.test', 'no'],
      ['other.bits.caa.test', 'pass'],
      ['known.caa.test', 'pass'],
      ['account.caa.test', 'pass'],
      ['method.caa.test', 'no'],
      ['twice.caa.test', 'no'],
      ['alias.caa.test', 'no'],
    ])('%s: %s', async (name, verdict) => {
      expect(await check(name)).toMatchObject({ verdict });
    });

    it.each([
      ['wildcards are under issuewild', 'wildno.caa.test', { wildcard: true }, 'no'],
      ['names are not', 'wildno.caa.test', {}, 'pass'],
      ['another account', 'account.caa.test', { accountUrl: 'https://ca.example/acct/2' }, 'no'],
      ['an account that is not known yet', 'account.caa.test', { accountUrl: undefined }, 'cannot-tell'],
      ['the named method', 'method.caa.test', { challengeTypes: ['dns-01'] }, 'pass'],
      ['a CA without a name, where CAA limits', 'www.caa.test', { caaIdentities: [] }, 'cannot-tell'],
      ['a CA without a name, where it does not', 'www.nocaa.test', { caaIdentities: [] }, 'pass'],
      ['any of the CA’s names', 'www.caa.test', { caaIdentities: ['old.example', 'ca.example'] }, 'pass'],
    ] as const)('%s: %s %o: %s', async (_why, name, more, verdict) => {
      expect(await check(name, more)).toMatchObject({ verdict });
    });

    it('says what it found', async () => {
      expect((await check('other.caa.test')).finding).toBe(
        'the CAA records of other.caa.test allow issue "other.example", not ca.example',
      );
    });
  });
});
