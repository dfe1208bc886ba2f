import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type FakeZone, fakeDns } from '../../testing/fake-dns.ts';
import type { CaaQuestion } from '../engine.ts';
import { createZones, type Zones } from '../zones/zone.ts';
import { checkCaa } from './caa.ts';

const { signal } = new AbortController();
type Records = NonNullable<FakeZone['records']>;

/** `now` is what the zone's own server says, and `before` what the resolver remembers. */
function zonesOf(now: Records, before: Records = now) {
  const clock = fakeClock();
  const dnsOf = (records: Records) =>
    fakeDns(
      {
        test: { servers: { 'ns.test': ['192.0.2.9'] } },
        'example.test': { servers: { 'ns.example.test': ['192.0.2.1'] }, records },
      },
      clock,
    );
  const [authority, remembered] = [dnsOf(now), dnsOf(before)];
  const dns: typeof authority = {
    ...authority,
    query: (server, ...rest) =>
      (server.address === authority.resolver.address ? remembered : authority).query(server, ...rest),
  };
  return { zones: createZones({ dns, clock, resolvers: [dns.resolver] }), asked: authority.questions };
}

const account = 'https://ca.example/acct/1';
const ours: Omit<CaaQuestion, 'name'> = {
  caaIdentities: ['ca.example'],
  accountUrl: account,
  challengeTypes: ['http-01'],
  wildcard: false,
};
const check = (name: string, zones: Zones, more: Partial<CaaQuestion> = {}) =>
  checkCaa({ ...ours, name, ...more }, { zones }, signal);

describe('the CAA records of a name', () => {
  it.each<[why: string, values: readonly string[], verdict: string, more?: Partial<CaaQuestion>]>([
    ['there is none', [], 'pass'],
    ['names the CA', ['0 issue ca.example'], 'pass'],
    ['names another one', ['0 issue other.example'], 'no'],
    ['names several, ours among them', ['0 issue other.example', '0 issue ca.example'], 'pass'],
    ['names an older name of the CA', ['0 issue ca.example'], 'pass', { caaIdentities: ['old.example', 'ca.example'] }],
    ['forbids all', ['0 issue ;'], 'no'],
    ['is empty', ['0 issue '], 'no'],
    ['compares to the letter', ['0 issue CA.example'], 'no'],
    ['compares a dot at the end too', ['0 issue ca.example.'], 'no'],
    ['knows tags by any letters', ['0 ISSUE other.example'], 'no'],
    ['only says where to complain', ['0 iodef mailto:a@example.test'], 'pass'],
    ['only limits mail', ['0 issuemail ;'], 'pass'],
    ['has an unknown tag', ['0 tbs unknown'], 'pass'],
    ['has a critical tag that is unknown', ['128 tbs unknown', '0 issue ca.example'], 'no'],
    ['is critical by the lowest bit, as Boulder reads it', ['1 tbs unknown'], 'no'],
    ['has other bits', ['126 tbs unknown'], 'pass'],
    ['is critical and known', ['128 issue ca.example'], 'pass'],
    ['limits wildcards only, for a name', ['0 issuewild other.example'], 'pass'],
    ['limits wildcards only, for a wildcard', ['0 issuewild other.example'], 'no', { wildcard: true }],
    ['has both, for a wildcard', ['0 issue ca.example', '0 issuewild ;'], 'no', { wildcard: true }],
    ['has both, for a name', ['0 issue ca.example', '0 issuewild ;'], 'pass'],
    ['has none for wildcards, for a wildcard', ['0 issue ca.example'], 'pass', { wildcard: true }],
    ['names our account', [`0 issue ca.example; accounturi=${account}`], 'pass'],
    ['names another account', ['0 issue ca.example; accounturi=https://ca.example/acct/2'], 'no'],
    [
      'names an account, ours is not known yet',
      [`0 issue ca.example; accounturi=${account}`],
      'cannot-tell',
      { accountUrl: undefined },
    ],
    ['names our method', ['0 issue ca.example; validationmethods=dns-01,http-01'], 'pass'],
    [
      'names one of our methods',
      ['0 issue ca.example; validationmethods=dns-01'],
      'pass',
      { challengeTypes: ['dns-persist-01', 'dns-01'] },
    ],
    ['names another method', ['0 issue ca.example; validationmethods=dns-01'], 'no'],
    ['names our method and another account', ['0 issue ca.example; validationmethods=http-01; accounturi=x:y'], 'no'],
    ['says one parameter twice', [`0 issue ca.example; accounturi=${account}; accounturi=${account}`], 'no'],
    ['has a parameter that cannot be read', ['0 issue ca.example; accounturi'], 'no'],
    ['has an unknown parameter', ['0 issue ca.example; policy=ev'], 'pass'],
    ['ends in a semicolon', ['0 issue ca.example;'], 'pass'],
    ['limits, and the CA does not say its name', ['0 issue ca.example'], 'cannot-tell', { caaIdentities: [] }],
    ['limits nothing, and the CA does not say its name', [], 'pass', { caaIdentities: [] }],
  ])('%s: %j is %s', async (_why, values, verdict, more) => {
    const { zones } = zonesOf(values.map((value) => ['www.example.test', 'CAA', value] as const));
    expect(await check('www.example.test', zones, more)).toMatchObject({ verdict });
  });

  const tree: Records = [
    ['example.test', 'CAA', '0 issue other.example'],
    ['open.example.test', 'CAA', '0 issue ca.example'],
    ['alias.example.test', 'CNAME', 'open.example.test'],
    ['far.example.test', 'CNAME', 'www.example.test'],
    ['circle.example.test', 'CNAME', 'round.example.test'],
    ['round.example.test', 'CNAME', 'circle.example.test'],
  ];
  it.each([
    ['example.test', 'no'],
    ['a.b.example.test', 'no'],
    ['open.example.test', 'pass'],
    ['a.b.open.example.test', 'pass'],
    ['alias.example.test', 'pass'],
    // Nothing behind the alias: the alias's own parents count (RFC 8659 §3).
    ['far.example.test', 'no'],
    ['elsewhere.test', 'pass'],
  ])('closest to %s decide: %s', async (name, verdict) => {
    expect(await check(name, zonesOf(tree).zones)).toMatchObject({ verdict });
  });

  it('shows a few records, and of each the beginning', async () => {
    const long: Records = Array.from({ length: 100 }, (_, at) => [
      'www.example.test',
      'CAA',
      `0 issue other${at}.example; x=${'y'.repeat(5_000)}`,
    ]);
    const { verdict, finding } = await check('www.example.test', zonesOf(long).zones);
    expect(verdict).toBe('no');
    expect(finding).toMatch(
      /^the CAA records of www\.example\.test allow issue "other0\.example; x=y+…", .* and 95 more, not ca\.example$/,
    );
    expect(finding.length).toBeLessThan(1_200);
  });

  it('say whose they are and what they allow', async () => {
    expect((await check('a.example.test', zonesOf(tree).zones)).finding).toBe(
      'the CAA records of example.test allow issue "other.example", not ca.example',
    );
  });

  it.each([
    ['no', 'a.example.test', true],
    ['a pass', 'open.example.test', false],
  ])('that a resolver knows: %s is asked for again of the zone’s own servers', async (_verdict, name, isAsked) => {
    const { zones, asked } = zonesOf(tree);
    await check(name, zones);
    expect(asked.length > 0).toBe(isAsked);
  });

  const [other, allowed]: readonly Records[] = [
    [['www.example.test', 'CAA', '0 issue other.example']],
    [['www.example.test', 'CAA', '0 issue ca.example']],
  ];
  it.each([
    ['a record that was corrected', other, allowed, 'pass'],
    ['a record that was taken away', other, [], 'pass'],
    ['what is still so', other, other, 'no'],
    [
      'no record of the name, which has one by now',
      [['example.test', 'CAA', '0 issue other.example']],
      allowed,
      'pass',
    ],
    ['another no than there is now', [['example.test', 'CAA', '0 issue ;']], other, 'no'],
    ['a pass that is none any more, which the CA will say', allowed, other, 'pass'],
  ] as const)('that a resolver remembers: %s', async (_what, before, now, verdict) => {
    expect(await check('www.example.test', zonesOf(now ?? [], before).zones)).toMatchObject({ verdict });
  });

  it.each([
    ['the name’s own', 'www.example.test', 'cannot-tell'],
    ['a name’s above the one that decides', 'example.test', 'pass'],
  ])('that cannot be looked up: %s', async (_whose, unknown, verdict) => {
    const { zones } = zonesOf(allowed ?? []);
    const resolve: Zones['resolve'] = (question, during) =>
      question.name === unknown ? Promise.reject(new Error('SERVFAIL')) : zones.resolve(question, during);
    expect(await check('www.example.test', { ...zones, resolve })).toMatchObject({ verdict });
  });

  it.each([
    ['the zone’s own servers do not answer', 'www.example.test', other],
    ['its aliases lead in a circle', 'circle.example.test', tree],
  ])('whose no cannot be asked for again: %s', async (why, name, records) => {
    const { zones } = zonesOf(records ?? []);
    const ask: Zones['ask'] = () => Promise.reject(new Error('no route to host'));
    const found = await check(name, why.includes('servers') ? { ...zones, ask } : zones);
    expect(found).toMatchObject({
      verdict: 'cannot-tell',
      finding: expect.stringContaining(`the name servers of ${name}`),
    });
  });
});
