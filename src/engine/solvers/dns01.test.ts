import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { fail } from '../../core/errors/errors.ts';
import type { DnsProvider, DnsValue, ValuesProvider } from '../../ports/dns-provider.ts';
import type { SolverChallenge } from '../../ports/solver.ts';
import { dnsProviderContract } from '../../testing/dns-provider-contract.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { type FakeZone, fakeDns, memoryDnsProvider } from '../../testing/fake-dns.ts';
import { solverContract } from '../../testing/solver-contract.ts';
import { testLocks } from '../locks/test-locks.ts';
import { createZones } from '../zones/zone.ts';
import { createDns01, type Dns01Options } from './dns01.ts';

const signal = new AbortController().signal;
// Shared by all tests of this file at once.
setMaxListeners(0, signal);
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();
const never = async () => {};

const twoServers: Record<string, FakeZone> = {
  'example.com': {
    servers: { 'ns1.example.com': ['192.0.2.1', '2001:db8::1'], 'ns2.example.com': ['192.0.2.2'] },
    records: [
      ['www.example.com', 'A', '198.51.100.1'],
      ['_acme-challenge.delegated.example.com', 'CNAME', 'x.acme.example.net'],
    ],
  },
  'sub.example.com': { servers: { 'ns.sub.example.com': ['192.0.2.9'] } },
  'acme.example.net': { servers: { 'ns.example.net': ['192.0.2.3'] } },
};

const traits = { writes: 'value', minTtl: 0, maxConcurrent: 16 } as const;

function setUp(zones = twoServers, more: Partial<Dns01Options> = {}) {
  const clock = fakeClock();
  const dns = fakeDns(zones, clock);
  const lines: string[] = [];
  const log = (line: string) => void lines.push(line);
  const connect = (provider: DnsProvider = memoryDnsProvider(dns)) =>
    createDns01({
      ...{ provider, type: 'memory', traits, locks: testLocks(clock), dns, clock, sha256 },
      log: { debug: log, info: log, warn: log },
      zones: createZones({ dns, clock, resolvers: [dns.resolver] }),
      ...more,
    });
  return { clock, dns, lines, connect, solver: connect() };
}

let counter = 0;
const { bytes } = randomOf(seeded('dns01'));
function challenge(name = `n${++counter}.example.com`): SolverChallenge {
  const token = Buffer.from(bytes(16)).toString('base64url');
  const identifier = { type: 'dns', value: name } as const;
  return {
    ...{ type: 'dns-01', identifier, token, keyAuthorization: `${token}.thumbprint`, lineage: 'test' },
    ...{ allIdentifiers: [identifier], remaining: 0 },
  };
}
const valueFor = (c: SolverChallenge) => sha256(c.keyAuthorization).toString('base64url');

solverContract(it, async () => {
  const { dns, lines, connect } = setUp();
  const nameOf = (c: SolverChallenge) => `_acme-challenge.${c.identifier.value}`;
  const has = (name: string, value: string) =>
    dns.values('example.com').some((one) => one.name === name && one.value === value);
  return {
    connect: () => connect(),
    challenge,
    seen: async (c) => (has(nameOf(c), valueFor(c)) ? valueFor(c) : undefined),
    expected: valueFor,
    async plant(c) {
      dns.add({ zone: 'example.com', name: nameOf(c), value: 'foreign' });
      return async () => has(nameOf(c), 'foreign');
    },
    refused: () => {
      const refuse = async (): Promise<never> => {
        throw fail('dns/refused', { provider: 'memory', name: 'the name', reason: 'no', advice: 'Check it.' });
      };
      return connect({ kind: 'values', append: refuse, remove: refuse });
    },
    logged: () => lines,
    stop: async () => {},
  };
});

dnsProviderContract(it, async () => {
  const { dns, clock } = setUp();
  const failing = (error: () => Error): DnsProvider => ({
    kind: 'values',
    append: () => Promise.reject(error()),
    remove: () => Promise.reject(error()),
  });
  return {
    ...{ traits, clock },
    zone: 'example.com',
    subZone: 'sub.example.com',
    connect: () => memoryDnsProvider(dns),
    connectRefused: () =>
      failing(() => fail('dns/refused', { provider: 'memory', name: 'x', reason: 'no', advice: 'Check it.' })),
    connectUnreachable: () => failing(() => fail('dns/unreachable', { provider: 'memory', reason: 'nobody' })),
    values: async (zone) => dns.values(zone),
    plant: async (value) => dns.add(value),
    secrets: ['a secret'],
    logged: () => [],
    stop: async () => {},
  };
});

describe('dns-account-01', () => {
  const label = '_ujmmovf2vn55tgye'; // of the draft's example account
  const accountUrl = 'https://example.com/acme/acct/ExampleAccount';
  const account = { url: accountUrl, thumbprint: 'thumbprint' };
  const zones: typeof twoServers = {
    'example.com': {
      servers: { 'ns1.example.com': ['192.0.2.1'] },
      records: [
        ['www.example.com', 'A', '198.51.100.1'],
        ['*.example.com', 'A', '198.51.100.9'],
        ['*.www.example.com', 'A', '198.51.100.9'],
        [`${label}._acme-challenge.delegated.example.com`, 'CNAME', 'x.acme.example.net'],
      ],
    },
    'acme.example.net': { servers: { 'ns.example.net': ['192.0.2.3'] } },
  };
  const ofAccount = (name: string): SolverChallenge => ({ ...challenge(name), type: 'dns-account-01', accountUrl });

  it('writes below the label of the account, and removes it from the intent alone', async () => {
    const { dns, solver } = setUp(zones, { challenge: 'dns-account-01' });
    expect(solver.answers).toEqual(['dns-account-01']);
    // Another wildcard covers `_acme-challenge.www`, which has no address of its own to lose.
    const c = ofAccount('www.example.com');
    await solver.preflight?.(c.identifier, signal, account);
    await solver.present(c, never, signal);
    expect(dns.values('example.com')).toMatchObject([
      { name: `${label}._acme-challenge.www.example.com`, value: valueFor(c) },
    ]);
    expect(await solver.ready(c, null, signal)).toEqual({ ready: true });
    await solver.cleanup(c, undefined, signal);
    expect(dns.values('example.com')).toEqual([]);
  });

  it('follows a CNAME at its own label', async () => {
    const { dns, solver } = setUp(zones, { challenge: 'dns-account-01' });
    const c = ofAccount('delegated.example.com');
    await solver.present(c, never, signal);
    expect(dns.values('acme.example.net')).toMatchObject([{ name: 'x.acme.example.net', value: valueFor(c) }]);
    const { hops } = await solver.describePath!(c.identifier, signal, account);
    expect(hops[0]?.finding).toBe(
      `${label}._acme-challenge.delegated.example.com is an alias (CNAME) of x.acme.example.net`,
    );
  });

  it('still protects a name that only a wildcard gives its address', async () => {
    const { solver } = setUp(zones, { challenge: 'dns-account-01' });
    await expect(solver.present(ofAccount('shop.example.com'), never, signal)).rejects.toMatchObject({
      code: 'preflight/hides-wildcard',
      message: expect.stringContaining('shop.example.com'),
    });
  });

  it('cannot be checked before there is an account', async () => {
    const { solver } = setUp(zones, { challenge: 'dns-account-01' });
    const { identifier } = ofAccount('shop.example.com');
    await solver.preflight?.(identifier, signal);
    const { hops } = await solver.describePath!(identifier, signal);
    expect(hops).toMatchObject([{ state: 'cannot-tell', finding: expect.stringContaining('there is no account yet') }]);
  });
});

describe('where the value goes', () => {
  it('comes with what it was made from, for a bridge; also to be removed from the intent alone', async () => {
    const { dns, connect } = setUp();
    const given: DnsValue[] = [];
    const memory = memoryDnsProvider(dns) as ValuesProvider;
    const solver = connect({
      ...memory,
      append(value, over) {
        given.push(value);
        return memory.append(value, over);
      },
      remove(value, made, over) {
        given.push(value);
        return memory.remove(value, made, over);
      },
    });
    const wildcard = challenge('*.example.com');
    await solver.present(wildcard, never, signal);
    await solver.cleanup(wildcard, undefined, signal);
    const { token, keyAuthorization } = wildcard;
    const expected = { domain: 'example.com', token, keyAuthorization };
    expect(given.map((value) => value.challenge)).toEqual([expected, expected]);
    expect(given[0]?.value).toBe(valueFor(wildcard));
  });

  it.each([
    ['example.com', 'example.com', '_acme-challenge.example.com'],
    ['*.example.com', 'example.com', '_acme-challenge.example.com'],
    ['a.b.example.com', 'example.com', '_acme-challenge.a.b.example.com'],
    ['www.sub.example.com', 'sub.example.com', '_acme-challenge.www.sub.example.com'],
    ['delegated.example.com', 'acme.example.net', 'x.acme.example.net'],
    ['*.delegated.example.com', 'acme.example.net', 'x.acme.example.net'],
  ])('%s: in %s at %s', async (identifier, zone, name) => {
    const { solver } = setUp();
    const c = challenge(identifier);
    expect(await solver.present(c, never, signal)).toEqual({ zone, name, value: valueFor(c) });
  });

  it('keeps what the provider answered, and gives it back', async () => {
    const removed: unknown[] = [];
    const provider: DnsProvider = {
      kind: 'values',
      append: async () => 'record-7',
      remove: async (_value, made) => void removed.push(made),
    };
    const { connect } = setUp();
    const c = challenge();
    const receipt = await connect(provider).present(c, never, signal);
    await connect(provider).cleanup(c, receipt, signal);
    await connect(provider).cleanup(c, undefined, signal);
    expect(removed).toEqual(['record-7', undefined]);
  });

  it('takes no receipt of another challenge for its own', async () => {
    const { solver, dns } = setUp();
    const [mine, other] = [challenge('www.example.com'), challenge('www.example.com')];
    const receipt = await solver.present(other, never, signal);
    await solver.present(mine, never, signal);
    await solver.cleanup(mine, receipt, signal);
    expect(dns.values('example.com').map((one) => one.value)).toEqual([valueFor(other)]);
  });

  it('does not walk with an override', async () => {
    const override = { zone: 'example.com', nameservers: ['192.0.2.1', '192.0.2.2:53'] };
    const { solver, dns } = setUp(twoServers, { override });
    const c = challenge('www.example.com');
    const receipt = await solver.present(c, never, signal);
    expect(await solver.ready(c, receipt, signal)).toEqual({ ready: true });
    expect(dns.questions.filter((question) => question.startsWith(dns.resolver.address))).toEqual([]);
  });
});

describe('ready', () => {
  const start = async (more: Partial<Dns01Options> = {}) => {
    const all = setUp(twoServers, more);
    const c = challenge('www.example.com');
    const begin = async () => {
      const receipt = await all.solver.present(c, never, signal);
      return () => all.solver.ready(c, receipt, signal);
    };
    return { ...all, begin };
  };

  it('asks every address of every server, and only these once they are known', async () => {
    const { dns, begin } = await start();
    const look = await begin();
    await look();
    const before = dns.questions.length;
    expect(await look()).toEqual({ ready: true });
    const asked = dns.questions.slice(before).map((question) => question.split(' ')[0]);
    expect(asked.sort()).toEqual(['192.0.2.1', '192.0.2.2', '2001:db8::1']);
  });

  it('waits for the slowest, by name', async () => {
    const { dns, begin } = await start();
    dns.server('192.0.2.2').held = true;
    const look = await begin();
    expect(await look()).toEqual({ ready: false, reason: 'ns2.example.com (192.0.2.2) does not have it yet' });
    dns.server('192.0.2.2').held = false;
    expect(await look()).toEqual({ ready: true });
  });

  it('says once a minute which server lacks the value', async () => {
    const { dns, lines, clock, begin } = await start({ timeoutMs: 600_000 });
    dns.server('192.0.2.2').held = true;
    const look = await begin();
    const told = () => lines.filter((line) => line.includes('ns2.example.com (192.0.2.2) does not have it yet'));
    for (const expected of [0, 0, 1, 1, 2]) {
      await look();
      expect(told()).toHaveLength(expected);
      await clock.advance(30_000);
    }
  });

  it('names a few of many servers that are missing, and counts the others', async () => {
    const servers = Object.fromEntries(
      Array.from({ length: 13 }, (_, at) => [`ns${at}.example.com`, [`192.0.2.${at + 1}`]]),
    );
    const { solver, dns } = setUp({ 'example.com': { servers } });
    const c = challenge();
    const receipt = await solver.present(c, never, signal);
    for (let at = 1; at <= 13; at++) dns.server(`192.0.2.${at}`).state = 'servfail';
    const { reason = '' } = (await solver.ready(c, receipt, signal)) as { readonly reason?: string };
    expect(reason).toMatch(/^ns0\.example\.com \(192\.0\.2\.1\) answers SERVFAIL; .*; and 5 more$/);
    expect(reason.split('; ')).toHaveLength(9);
  });

  it('hears a silent server within the look in which it comes back', async () => {
    const { dns, clock, begin } = await start();
    const look = await begin();
    dns.server('192.0.2.2').state = 'silent';
    const looking = look();
    await clock.advance(310);
    dns.server('192.0.2.2').state = 'answers';
    await clock.advance(100);
    expect(await looking).toEqual({ ready: true });
  });

  it('does not take silence for an answer, and gives a silent server more time each look', async () => {
    const { dns, clock, begin } = await start();
    const look = await begin();
    dns.server('192.0.2.2').state = 'silent';
    for (const patience of [500, 1000, 2000, 2000]) {
      const began = clock.monotonicMs();
      let ended = Number.NaN;
      const looking = look().then((readiness) => {
        ended = clock.monotonicMs();
        return readiness;
      });
      await clock.advance(patience + 1);
      expect(await looking).toEqual({ ready: false, reason: 'ns2.example.com (192.0.2.2) does not answer' });
      expect(ended - began).toBe(patience);
    }
  });

  it('does not hold a missing IPv6 route against a server', async () => {
    const { dns, begin } = await start();
    dns.server('2001:db8::1').state = 'no-route';
    expect(await (await begin())()).toEqual({ ready: true });
  });

  it('is not ready without any route', async () => {
    const { dns, begin } = await start();
    for (const address of ['2001:db8::1', '192.0.2.1', '192.0.2.2']) dns.server(address).state = 'no-route';
    // The walk could not have been done either; it was done before.
    await expect(begin()).rejects.toMatchObject({ code: 'dns/no-nameserver' });
  });

  it('excuses a silent IPv6 address after a while, where the same server answers over IPv4', async () => {
    const { dns, clock, begin } = await start();
    const look = await begin();
    dns.server('2001:db8::1').state = 'silent';
    const readiness: boolean[] = [];
    while (clock.monotonicMs() < 3_000) {
      const looking = look();
      await clock.advance(2_001);
      readiness.push((await looking).ready);
    }
    expect(readiness).toEqual([false, true]);
  });

  it('never excuses a silent IPv4 server that has no other address', async () => {
    const { dns, clock, begin } = await start();
    const look = await begin();
    dns.server('192.0.2.2').state = 'silent';
    for (let looks = 0; looks < 10; looks++) {
      const looking = look();
      await clock.advance(2_001);
      expect((await looking).ready).toBe(false);
    }
  });

  it('says what a broken server answers', async () => {
    const { dns, begin } = await start();
    const look = await begin();
    dns.server('192.0.2.2').state = 'servfail';
    expect(await look()).toEqual({ ready: false, reason: 'ns2.example.com (192.0.2.2) answers SERVFAIL' });
  });

  it('gives up after its time, with the names of those who lack it', async () => {
    const { dns, clock, begin } = await start({ timeoutMs: 60_000 });
    dns.server('192.0.2.2').held = true;
    const look = await begin();
    expect((await look()).ready).toBe(false);
    await clock.advance(60_000);
    await expect(look()).rejects.toMatchObject({
      code: 'dns/not-visible',
      message: expect.stringContaining('ns2.example.com (192.0.2.2) does not have it yet'),
    });
  });

  it('asks for as long as propagation says, and the value must still be there then', async () => {
    const { dns, clock, begin } = await start({ propagationMs: 30_000 });
    const look = await begin();
    const waits = {
      ready: false,
      reason: expect.stringMatching(/every server has it.* another \d+ s \(propagation\)/),
    };
    expect(await look()).toEqual(waits);
    await clock.advance(29_000);
    expect(await look()).toEqual(waits);
    await clock.advance(1_000);
    dns.server('192.0.2.2').state = 'servfail';
    expect((await look()).ready).toBe(false);
    dns.server('192.0.2.2').state = 'answers';
    expect(await look()).toEqual({ ready: true });
  });

  it('leaves no timer behind', async () => {
    const { clock, begin } = await start();
    await (await begin())();
    expect(clock.waiting).toBe(0);
  });
});

describe('turns', () => {
  const slow = () => {
    let most = 0;
    let now = 0;
    const order: string[] = [];
    const call = async (name: string) => {
      now += 1;
      most = Math.max(most, now);
      await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      order.push(name);
      now -= 1;
      return undefined;
    };
    const provider: DnsProvider = { kind: 'values', append: ({ name }) => call(name), remove: async () => {} };
    return { provider, order, most: () => most };
  };

  it.each([
    ['value', 2, 5, 2],
    ['zone', 16, 5, 1],
    ['name', 16, 5, 5],
  ] as const)('writes %s, at most %i: of %i calls %i at once', async (writes, maxConcurrent, count, expected) => {
    const { provider, most, order } = slow();
    const { connect } = setUp(twoServers, { traits: { writes, minTtl: 0, maxConcurrent }, provider });
    const solver = connect();
    await Promise.all(Array.from({ length: count }, () => solver.present(challenge(), never, signal)));
    expect(order).toHaveLength(count);
    expect(most()).toBe(expected);
  });

  it('goes on after a failure', async () => {
    let calls = 0;
    const provider: DnsProvider = {
      kind: 'values',
      append: async () => {
        calls += 1;
        if (calls === 1) throw fail('dns/unreachable', { provider: 'memory', reason: 'gone' });
        return undefined;
      },
      remove: async () => {},
    };
    const { connect } = setUp(twoServers, { traits: { writes: 'zone', minTtl: 0, maxConcurrent: 1 }, provider });
    const solver = connect();
    const results = await Promise.allSettled([
      solver.present(challenge(), never, signal),
      solver.present(challenge(), never, signal),
    ]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'fulfilled']);
  });
});

describe('what a provider needs', () => {
  /** A provider of whole sets that writes to the fake zone, and counts. */
  const inSets = (dns: ReturnType<typeof fakeDns>) => {
    const writes: string[] = [];
    const provider: DnsProvider = {
      kind: 'sets',
      async write(zone, changes) {
        for (const { name, add, remove } of changes) {
          writes.push(`${add.length} added, ${remove.length} removed`);
          for (const value of remove) dns.remove({ zone, name, value });
          for (const value of add) dns.add({ zone, name, value });
        }
      },
    };
    return { provider, writes };
  };

  it('writes a value again that another program has overwritten, once, after half of the time', async () => {
    const { dns, clock, connect } = setUp();
    const { provider, writes } = inSets(dns);
    const solver = connect(provider);
    const c = challenge('www.example.com');
    const receipt = await solver.present(c, never, signal);
    dns.remove({ zone: 'example.com', name: '_acme-challenge.www.example.com', value: valueFor(c) });
    const readiness: boolean[] = [];
    for (let looks = 0; looks < 4; looks += 1) {
      readiness.push((await solver.ready(c, receipt, signal)).ready);
      await clock.advance(30_000);
    }
    expect(readiness).toEqual([false, false, false, true]);
    expect(writes).toEqual(['1 added, 0 removed', '1 added, 0 removed']);
  });

  it('removes at once from a list that lags, and says when that may have missed the value', async () => {
    const removals: number[] = [];
    const { clock, connect } = setUp(twoServers, { traits: { ...traits, listLagMs: 30_000 } });
    const made: DnsProvider = {
      kind: 'values',
      append: async () => 'id-1',
      remove: async () => void removals.push(clock.monotonicMs()),
    };
    const solver = connect(made);
    const c = challenge();
    const receipt = await solver.present(c, never, signal);
    const began = clock.monotonicMs();
    await solver.cleanup(c, receipt, signal);
    await solver.cleanup(c, undefined, signal);
    expect(removals).toEqual([began, began]);
    const other = { ...(receipt as object), value: 'of another challenge' };
    const place = `TXT _acme-challenge.${c.identifier.value} ${valueFor(c)}`;
    expect([receipt, undefined, other].map((one) => solver.placeOf?.(c, one))).toEqual([place, place, place]);
    expect([receipt, undefined, other].map((one) => solver.mayMissForMs?.(c, one))).toEqual([
      undefined,
      30_000,
      30_000,
    ]);
    const { connect: connectPrompt } = setUp(twoServers, { traits });
    expect(connectPrompt(made).mayMissForMs?.(c, undefined)).toBe(undefined);
  });

  it('is asked once for all names of a zone whether it can write there, and again if it could not', async () => {
    const { clock, connect } = setUp();
    const asked: string[] = [];
    let works = false;
    const solver = connect({
      ...{ kind: 'values', append: async () => undefined, remove: async () => {} },
      async check(zone) {
        asked.push(zone);
        if (!works) throw fail('dns/refused', { provider: 'memory', name: zone, reason: 'no', advice: '' });
      },
    });
    const preflight = () =>
      Promise.allSettled(
        ['a.example.com', 'b.example.com', 'www.sub.example.com'].map((value) =>
          solver.preflight?.({ type: 'dns', value }, signal),
        ),
      );
    expect((await preflight()).map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    works = true;
    expect((await preflight()).map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled']);
    await preflight();
    expect(asked.toSorted()).toEqual(['example.com', 'example.com', 'sub.example.com', 'sub.example.com']);
    await clock.advance(61_000);
    await preflight();
    expect(asked).toHaveLength(6);
  });

  it('takes from the traits how long values and removals may take, and the TTL', async () => {
    const ttls: number[] = [];
    const { connect } = setUp(twoServers, {
      traits: { ...traits, minTtl: 600, visibleMs: 20 * 60_000, cleanupBudgetMs: 90_000 },
    });
    const solver = connect({
      kind: 'values',
      append: async ({ ttl }) => void ttls.push(ttl) as undefined,
      remove: async () => {},
    });
    await solver.present(challenge(), never, signal);
    expect(ttls).toEqual([600]);
    expect(solver).toMatchObject({ readyBudgetMs: 21 * 60_000, cleanupBudgetMs: 90_000 });
  });
});

describe('zones', () => {
  it('shares one search among those who ask at once', async () => {
    const clock = fakeClock();
    const dns = fakeDns(twoServers, clock);
    const zones = createZones({ dns, clock, resolvers: [dns.resolver] });
    await Promise.all(Array.from({ length: 20 }, () => zones.nameservers('example.com', signal)));
    expect(dns.questions.filter((question) => question.includes(' NS '))).toHaveLength(1);
    await clock.advance(61_000);
    await zones.nameservers('example.com', signal);
    expect(dns.questions.filter((question) => question.includes(' NS '))).toHaveLength(2);
  });

  it('begins anew where the one who searched was stopped', async () => {
    const clock = fakeClock();
    const dns = fakeDns(twoServers, clock);
    const slowDns = {
      ...dns,
      query: async (...args: Parameters<typeof dns.query>) => {
        await clock.sleep(10, args[2]);
        return dns.query(...args);
      },
    };
    const zones = createZones({ dns: slowDns, clock, resolvers: [dns.resolver] });
    const stopping = new AbortController();
    const first = zones.findZone('www.example.com', stopping.signal);
    const second = zones.findZone('www.example.com', signal);
    stopping.abort(new Error('stopped'));
    await expect(first).rejects.toThrow('stopped');
    await clock.advance(100);
    expect(await second).toMatchObject({ zone: 'example.com' });
  });

  it('tries the next server where one is silent, and asks that one last from then on', async () => {
    const clock = fakeClock();
    const dns = fakeDns(twoServers, clock);
    const zones = createZones({ dns, clock, resolvers: [dns.resolver] });
    dns.server('192.0.2.1').state = 'silent';
    const asking = zones.ask('example.com', { name: 'www.example.com', type: 'A' }, signal);
    await clock.advance(1_600);
    expect((await asking).answer.answers[0]?.value).toBe('198.51.100.1');
    const before = dns.questions.length;
    await zones.ask('example.com', { name: 'www.example.com', type: 'A' }, signal);
    expect(dns.questions.slice(before)).toEqual(['2001:db8::1 A www.example.com']);
  });
});

describe('several hops, zones of others, dead servers and views', () => {
  const threeServers: Record<string, FakeZone> = {
    'example.com': {
      servers: {
        'ns1.example.com': ['192.0.2.1'],
        'ns2.example.com': ['192.0.2.2'],
        'ns3.example.com': ['192.0.2.3', '2001:db8::3'],
      },
      records: [
        ['www.example.com', 'A', '198.51.100.1'],
        ['_acme-challenge.far.example.com', 'CNAME', 'a.hop.example.com'],
        ['a.hop.example.com', 'CNAME', 'b.example.org'],
        ['far.example.com', 'A', '198.51.100.1'],
      ],
    },
    'example.org': {
      servers: { 'ns.example.org': ['192.0.2.8'] },
      records: [['b.example.org', 'CNAME', 'c.x.example.net']],
    },
    'example.net': { servers: { 'ns.example.net': ['192.0.2.9'] } },
  };
  const refusing: DnsProvider = {
    kind: 'values',
    append: async ({ name }) => {
      throw fail('dns/refused', { provider: 'Memory', name, reason: 'no such zone', advice: 'Check `token`.' });
    },
    remove: async () => {},
  };

  it('follows them all, and leaves the zone to the provider that has it', async () => {
    const { dns, clock, connect } = setUp(threeServers);
    const solver = createDns01({
      ...{ provider: refusing, type: 'one', traits: { ...traits, visibleMs: 60_000 }, locks: testLocks(clock) },
      ...{ dns, clock, sha256, log: { debug() {}, info() {}, warn() {} } },
      zones: createZones({ dns, clock, resolvers: [dns.resolver] }),
      elsewhere: [
        {
          ...{ zone: 'example.net', solver: 'other', provider: memoryDnsProvider(dns), type: 'memory' },
          traits: { ...traits, minTtl: 600, visibleMs: 1_200_000, cleanupBudgetMs: 90_000 },
        },
      ],
    });
    expect(solver).toMatchObject({ readyBudgetMs: 1_260_000, cleanupBudgetMs: 90_000 });
    const c = challenge('far.example.com');
    await solver.preflight?.(c.identifier, signal);
    const receipt = await solver.present(c, never, signal);
    expect(receipt).toEqual({ zone: 'example.net', name: 'c.x.example.net', value: valueFor(c) });
    expect(dns.values('example.net')).toHaveLength(1);
    expect(await solver.ready(c, receipt, signal)).toEqual({ ready: true });
    const { hops } = await solver.describePath!(c.identifier, signal);
    expect(hops.map(({ finding }) => finding)).toContain(
      'c.x.example.net is in the zone example.net, which the solver other changes',
    );
    await solver.cleanup(c, undefined, signal);
    expect(dns.values('example.net')).toEqual([]);
    // Its own zone is still its own.
    await expect(solver.present(challenge('www.example.com'), never, signal)).rejects.toMatchObject({
      code: 'dns/refused',
    });
    // Without that entry, the error names it.
    await expect(connect(refusing).present(c, never, signal)).rejects.toMatchObject({
      code: 'dns/delegated',
      message: expect.stringContaining(
        '_acme-challenge.far.example.com is an alias (CNAME) of c.x.example.net, and memory cannot change the zone example.net',
      ),
      hint: expect.stringMatching(/Check `token`\..*`zones: { example\.net: SOLVER }`/),
    });
  });

  it('waits for one of three that lags, over all of its addresses, and says which', async () => {
    const { solver, dns } = setUp(threeServers);
    const c = challenge('www.example.com');
    dns.server('2001:db8::3').held = true;
    const receipt = await solver.present(c, never, signal);
    expect(await solver.ready(c, receipt, signal)).toEqual({
      ready: false,
      reason: 'ns3.example.com ([2001:db8::3]) does not have it yet',
    });
    dns.server('2001:db8::3').held = false;
    expect(await solver.ready(c, receipt, signal)).toEqual({ ready: true });
  });

  it.each([
    ['is silent', 'silent'],
    ['answers SERVFAIL', 'servfail'],
  ] as const)('names a server that %s, and the option if it is dead', async (_how, state) => {
    const { solver, dns, clock } = setUp(threeServers, { timeoutMs: 10_000 });
    for (const address of ['192.0.2.3', '2001:db8::3']) dns.server(address).state = state;
    const c = challenge('www.example.com');
    const receipt = await solver.present(c, never, signal);
    const end = async (): Promise<unknown> => {
      for (;;) {
        const looking = solver.ready(c, receipt, signal);
        let over = false;
        const settled = looking.then(
          () => undefined,
          (error: unknown) => error,
        );
        void settled.then(() => {
          over = true;
        });
        while (!over) await clock.advance(100);
        const error = await settled;
        if (error) return error;
        await clock.advance(1_000);
      }
    };
    const option = '`ignoreNameservers: [ns3.example.com]`';
    expect(await end()).toMatchObject({
      code: 'dns/not-visible',
      message: expect.stringContaining('ns3.example.com (192.0.2.3)'),
      hint: state === 'silent' ? expect.stringContaining(option) : expect.stringContaining('Check the zone transfers'),
    });
    const ignoring = setUp(threeServers, { ignoreNameservers: ['NS3.example.com.'] });
    ignoring.dns.server('192.0.2.3').state = state;
    const again = await ignoring.solver.present(c, never, signal);
    expect(await ignoring.solver.ready(c, again, signal)).toEqual({ ready: true });
    expect(ignoring.dns.questions.filter((one) => one.startsWith('192.0.2.3 TXT'))).toEqual([]);
    const all = { ignoreNameservers: ['ns1.example.com', '192.0.2.2', 'ns3.example.com'] };
    expect(await setUp(threeServers, all).solver.ready(c, again, signal)).toMatchObject({
      ready: false,
      reason: expect.stringContaining('ignoreNameservers lists all of them'),
    });
  });

  it('asks vantage points only once all servers have the value, by the name that the CA asks for', async () => {
    const views = { ...threeServers, 'views.test': { servers: { 'abroad.views.test': ['198.51.100.53'] } } };
    const vantagePoints = [{ address: '198.51.100.53', port: 53 }];
    const { solver, dns } = setUp(views, { vantagePoints });
    const c = challenge('far.example.com');
    const abroad = dns.server('198.51.100.53');
    abroad.held = true;
    const receipt = await solver.present(c, never, signal);
    const asked = () => dns.questions.filter((one) => one.startsWith('198.51.100.53 TXT'));
    dns.server('192.0.2.9').state = 'servfail';
    expect(await solver.ready(c, receipt, signal)).toMatchObject({ ready: false });
    expect(asked()).toEqual([]);
    dns.server('192.0.2.9').state = 'answers';
    expect(await solver.ready(c, receipt, signal)).toEqual({
      ready: false,
      reason: 'the vantage point 198.51.100.53 does not see it yet',
      retryAfterMs: 2_000,
    });
    expect(asked()).toEqual(['198.51.100.53 TXT _acme-challenge.far.example.com']);
  });
});
