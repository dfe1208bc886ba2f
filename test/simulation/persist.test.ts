import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { noteWrite } from '../../src/core/async/writes.ts';
import { fail } from '../../src/core/errors/errors.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { knownAccounts } from '../../src/engine/accounts/accounts.ts';
import { dependents, rollover } from '../../src/engine/accounts/change.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import { testLocks } from '../../src/engine/locks/test-locks.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import { createDns01, type Dns01Options } from '../../src/engine/solvers/dns01.ts';
import { createZones } from '../../src/engine/zones/zone.ts';
import type { DnsValue, ValuesProvider } from '../../src/ports/dns-provider.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { fakeDns, memoryDnsProvider } from '../../src/testing/fake-dns.ts';
import type { Settings } from '../support/acme-ca.ts';
import { reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  beginIssue,
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withSolver,
} from '../support/simulated-world.ts';

// Names that are validated once, by a record that stays (dns-persist-01), at a CA with each of the drafts.

const { signal } = new AbortController();
const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest();
const digestOf = (keyAuthorization: string) => sha256(keyAuthorization).toString('base64url');
const draft = (number: 0 | 1 | 2): Settings['persist'] => ({
  draft: number,
  issuers: ['simulated.test'],
  hashPrefix: 'https://ca.test/account-hash/',
});

async function createWorld(settings: Partial<Settings> = {}) {
  const clock = fakeClock();
  const dns = fakeDns(
    {
      'example.com': {
        servers: { 'ns1.example.com': ['192.0.2.1'], 'ns2.example.com': ['192.0.2.2'] },
        records: [['_validation-persist.alias.example.com', 'CNAME', 'alias.keys.example.net']],
      },
      'keys.example.net': { servers: { 'ns.example.net': ['192.0.2.3'] } },
    },
    clock,
  );
  const values = () => [...dns.values('example.com'), ...dns.values('keys.example.net')];
  const valuesAt = (name: string) => values().flatMap((one) => (one.name === name ? [one.value] : []));
  const events: Event[] = [];
  const world = await createSimulatedWorld({
    clock,
    reporter: { report: (event) => void events.push(event) },
    settings: {
      persist: draft(1),
      lookUpTxt: async (name) =>
        valuesAt(name === '_validation-persist.alias.example.com' ? 'alias.keys.example.net' : name),
      validate: async ({ value }, _challenge, keyAuthorization) =>
        valuesAt(`_acme-challenge.${value}`).includes(digestOf(keyAuthorization))
          ? undefined
          : { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 },
      ...settings,
    },
  });
  /** What the provider was asked to do. */
  const calls: string[] = [];
  const memory = memoryDnsProvider(dns) as ValuesProvider;
  const provider: ValuesProvider = {
    ...memory,
    append(value, over) {
      calls.push(`add ${value.name} ${value.value}`);
      return memory.append(value, over);
    },
    remove(value, made, over) {
      calls.push(`remove ${value.name} ${value.value}`);
      return memory.remove(value, made, over);
    },
  };
  const warnings: string[] = [];
  const solver = (more: Partial<Dns01Options> = {}): Solver =>
    createDns01({
      ...{ provider, type: 'memory', traits: { writes: 'value', minTtl: 0, maxConcurrent: 16 } },
      ...{ locks: testLocks(clock), dns, clock, sha256, challenge: 'dns-persist-01' },
      log: { debug() {}, info() {}, warn: (line) => void warnings.push(line) },
      zones: createZones({ dns, clock, resolvers: [dns.resolver] }),
      ...more,
    });
  let pid = 0;
  /** One run by a process of its own. */
  const run = (wanted: StoredSpec, more: Partial<Dns01Options> = {}, rules: Parameters<typeof job>[1] = {}) =>
    issue(world.replica(++pid, { solver: solver(more) }), job(wanted, rules), signal);
  const sweepNow = () => passing(clock, sweep(world.replica(++pid, { solver: solver() }), signal));
  const accountUrl = () => `https://ca.test/account/${[...world.ca.state.accounts.keys()][0]}`;
  return {
    ...world,
    dns,
    values,
    valuesAt,
    calls,
    warnings,
    events,
    provider,
    memory,
    solver,
    run,
    sweepNow,
    accountUrl,
  };
}

const at = '_validation-persist.example.com';
const names = (...all: string[]) => simulatedSpec('abc', all);

describe('conformance 17: dns-persist-01', () => {
  it.each([0, 1] as const)(
    'draft 0%i: one record with the account’s URL, written once and never removed',
    async (number) => {
      const world = await createWorld({ persist: draft(number) });
      const wanted = names('example.com');
      expect(await world.run(wanted)).toMatchObject({ result: 'issued' });
      const value = `simulated.test; accounturi=${world.accountUrl()}`;
      expect(world.values()).toEqual([{ name: at, value }]);
      expect((await world.readLineage())?.kept).toEqual([
        {
          ...{ identifier: 'example.com', zone: 'example.com', name: at, value },
          ...{ directory: 'https://ca.test/directory', account: world.accountUrl() },
        },
      ]);
      // Neither a sweep nor a renewal changes anything.
      expect(await world.sweepNow()).toMatchObject({ cleaned: [], failed: [] });
      world.pass(70 * dayMs);
      expect(await world.run(wanted)).toMatchObject({ result: 'renewed' });
      expect(world.calls).toEqual([`add ${at} ${value}`]);
      expect(world.ca.accepted('challenge')).toBe(2);
    },
  );

  it('draft 02: the account is hashed with the name and its key', async () => {
    const world = await createWorld({ persist: draft(2) });
    expect(await world.run(names('example.com', 'www.example.com'))).toMatchObject({ result: 'issued' });
    const [one, two] = world.values().map(({ value }) => value);
    for (const value of [one, two])
      expect(value).toMatch(/^simulated\.test; accounturi=https:\/\/ca\.test\/account-hash\/sha-256\/[\w-]{43}$/);
    expect(one).not.toBe(two);
  });

  it.each([1, 2] as const)('draft 0%i: a name and its wildcard share one record', async (number) => {
    const world = await createWorld({ persist: draft(number) });
    expect(await world.run(names('example.com', '*.example.com'))).toMatchObject({ result: 'issued' });
    expect(world.values()).toEqual([{ name: at, value: expect.stringMatching(/; policy=wildcard$/) }]);
    expect((await world.readLineage())?.kept).toHaveLength(1);
  });

  it('writes below an alias, in the zone to which it leads', async () => {
    const world = await createWorld();
    expect(await world.run(names('alias.example.com'))).toMatchObject({ result: 'issued' });
    expect(world.values().map(({ name }) => name)).toEqual(['alias.keys.example.net']);
  });

  it('asks the CA only once every server has the record', async () => {
    const world = await createWorld();
    const late = world.dns.server('192.0.2.2');
    late.held = true;
    const running = world.run(names('example.com'));
    while (world.values().length === 0) await world.clock.advance(10);
    for (let turn = 0; turn < 100; turn++) await world.clock.advance(10);
    expect(world.ca.accepted('challenge')).toBe(0);
    late.held = false;
    expect(await running).toMatchObject({ result: 'issued' });
  });

  it('uses a record that is there, however it is written, and leaves it and those of others alone', async () => {
    const world = await createWorld();
    // Opens the account.
    await world.run(simulatedSpec('other', ['www.example.com']));
    world.calls.length = 0;
    const there = [
      'v=spf1 -all',
      'other-ca.test; accounturi=https://other-ca.test/1',
      ` simulated.test;AccountURI = ${world.accountUrl()};note=by-hand`,
    ];
    for (const value of there) world.dns.add({ zone: 'example.com', name: at, value });
    expect(await world.run(names('example.com'))).toMatchObject({ result: 'issued' });
    expect(world.calls).toEqual([]);
    expect((await world.readLineage())?.kept).toMatchObject([{ value: there[2], found: true }]);
    // One of certfleet's own takes its place once a wildcard needs it, and does not remove what it found.
    expect(await world.run(names('example.com', '*.example.com'))).toMatchObject({ result: 'renewed' });
    await world.sweepNow();
    expect(world.valuesAt(at)).toEqual([...there, expect.stringMatching(/policy=wildcard$/)]);
  });

  it('removes its own earlier record once a later one has been used', async () => {
    const world = await createWorld();
    await world.run(names('example.com'));
    const [earlier] = world.valuesAt(at);
    expect(await world.run(names('example.com', '*.example.com'))).toMatchObject({ result: 'renewed' });
    expect(world.valuesAt(at)).toHaveLength(2);
    expect(await world.sweepNow()).toMatchObject({ failed: [] });
    expect(world.valuesAt(at)).toEqual([`${earlier}; policy=wildcard`]);
    expect((await world.readLineage())?.kept).toHaveLength(1);
  });
});

describe('a record with an end', () => {
  const yearMs = 365 * dayMs;

  it('is replaced before it ends, and then removed', async () => {
    const world = await createWorld();
    await world.run(names('example.com'), { persistMs: yearMs });
    const [first] = world.valuesAt(at);
    const end = (await world.readLineage())?.kept?.[0]?.until ?? '';
    expect(first).toContain(`; persistUntil=${Date.parse(end) / 1000}`);
    expect(Date.parse(end) - world.clock.now().getTime()).toBeGreaterThanOrEqual(yearMs - dayMs);
    world.pass(300 * dayMs);
    await world.run(names('example.com'), { persistMs: yearMs }, { force: true });
    expect(world.valuesAt(at)).toEqual([first]);
    world.pass(40 * dayMs);
    await world.run(names('example.com'), { persistMs: yearMs }, { force: true });
    expect(world.valuesAt(at)).toHaveLength(2);
    await world.sweepNow();
    const left = world.valuesAt(at);
    expect(left).toHaveLength(1);
    expect(left).not.toEqual([first]);
  });

  it('is used to its end if no new one can be written', async () => {
    const world = await createWorld();
    await world.run(names('example.com'), { persistMs: yearMs });
    const [first] = world.valuesAt(at);
    world.pass(345 * dayMs);
    const refused: ValuesProvider = {
      ...world.memory,
      append: () =>
        Promise.reject(fail('dns/refused', { provider: 'memory', name: at, reason: 'no', advice: 'Check it.' })),
    };
    const more = { persistMs: yearMs, provider: refused };
    expect(await world.run(names('example.com'), more, { force: true })).toMatchObject({ result: 'renewed' });
    expect(world.warnings).toEqual([expect.stringContaining(`could not replace the TXT record at ${at}`)]);
    expect((await world.readLineage())?.kept?.map(({ value }) => value)).toEqual([first]);
    // After its end, a new one is needed.
    world.pass(30 * dayMs);
    expect(await world.run(names('example.com'), more, { force: true })).toMatchObject({
      result: 'failed',
      error: { code: 'dns/refused' },
    });
    const now = { force: true, obeyBackoff: false };
    expect(await world.run(names('example.com'), { persistMs: yearMs }, now)).toMatchObject({ result: 'renewed' });
  });
});

describe('a process that is killed', () => {
  it.each([
    ['before the record is written', 'before'],
    ['after it is written, before the CA is asked', 'after'],
  ] as const)('%s leaves exactly the record that the next one uses', async (_when, when) => {
    const world = await createWorld();
    let reached!: () => void;
    const dying = new Promise<void>((resolve) => {
      reached = resolve;
    });
    const deadly: ValuesProvider = {
      ...world.memory,
      async append(value: DnsValue, over) {
        if (when === 'after') await world.memory.append(value, over);
        reached();
        return new Promise<undefined>(() => {});
      },
    };
    // Its record would have another end a day later.
    const more = { persistMs: 100 * dayMs };
    const first = world.replica(100, { solver: world.solver({ ...more, provider: deadly }) });
    beginIssue(first, job(names('example.com')), signal);
    await passing(world.clock, dying);
    const [intended] = (await world.readLineage())?.kept ?? [];
    expect(intended).toMatchObject({ intended: true, name: at });
    world.dead.add(100);
    world.pass(2 * dayMs);
    expect(await world.sweepNow()).toMatchObject({ failed: [] });
    expect(await world.run(names('example.com'), more)).toMatchObject({ result: 'issued' });
    expect(world.valuesAt(at)).toEqual([intended?.value]);
    const { intended: _done, ...written } = intended!;
    expect((await world.readLineage())?.kept).toEqual([written]);
    await world.sweepNow();
    expect(world.valuesAt(at)).toEqual([intended?.value]);
  });

  it('does not keep what a refusal proves not to be there', async () => {
    const world = await createWorld();
    const refused: ValuesProvider = {
      ...world.memory,
      append: () =>
        Promise.reject(fail('dns/refused', { provider: 'memory', name: at, reason: 'no', advice: 'Check it.' })),
    };
    expect(await world.run(names('example.com'), { provider: refused })).toMatchObject({
      error: { code: 'dns/refused' },
    });
    expect((await world.readLineage())?.kept).toBeUndefined();
  });
});

describe('a provider that refuses the second step of a change', () => {
  it.each([
    ['dns-persist-01', {}],
    ['dns-01', { persist: undefined, unknownChallenges: false }],
  ] as const)('leaves the value of %s in the journal', async (_type, settings) => {
    const world = await createWorld(settings);
    const half: ValuesProvider = {
      ...world.memory,
      async append(value, over) {
        await world.memory.append(value, over);
        noteWrite(over);
        throw fail('dns/refused', { provider: 'memory', name: value.name, reason: 'no refresh', advice: 'Check it.' });
      },
      remove: () => Promise.reject(fail('dns/unreachable', { provider: 'memory', reason: 'no answer' })),
    };
    expect(await world.run(names('example.com'), { provider: half })).toMatchObject({
      error: { code: 'dns/failed', message: expect.stringContaining('no refresh'), hint: 'Check it.' },
    });
    expect(world.values()).toHaveLength(1);
    const { kept = [], tombstones = [] } = (await world.readLineage()) ?? {};
    expect([...kept, ...tombstones]).toHaveLength(1);
    // The next run uses what stays, and a sweep removes the rest.
    await world.sweepNow();
    expect(await world.run(names('example.com'), {}, { obeyBackoff: false })).toMatchObject({ result: 'issued' });
    await world.sweepNow();
    expect(world.values()).toEqual(
      (await world.readLineage())?.kept?.map(({ name, value }) => ({ name, value })) ?? [],
    );
  });
});

describe('conformance 17: the end of a record that a person wrote', () => {
  it('is told in every pass, and the record is used until then', async () => {
    const world = await createWorld();
    const wanted = withSolver(
      names('example.com'),
      {
        type: 'dns01',
        provider: 'manual',
        challenge: 'dns-persist-01',
      },
      { person: 'once' },
    );
    const more = { persistMs: 100 * dayMs };
    await world.run(wanted, more);
    const needsPerson = () => Promise.reject(fail('dns/needs-person', { name: at, until: '' }));
    const nobody = { ...more, provider: { ...world.memory, check: needsPerson, append: needsPerson } };
    const pass = async (beforeMs: number) => {
      const end = Date.parse((await world.readLineage())?.kept?.[0]?.until ?? '');
      world.clock.set(new Date(end - beforeMs));
      const engine = world.replica(900, { solver: world.solver(nobody) });
      // Nobody is there.
      const jobs = [{ ...job(wanted), unattended: true }];
      world.events.length = 0;
      const [outcome] = await passing(world.clock, reconcileAll(engine, { jobs, jobOf: () => undefined }, signal));
      return [outcome?.result, world.events.filter(({ message }) => message.includes('at a terminal')).length];
    };
    expect(await pass(31 * dayMs)).toEqual(['renewed', 0]);
    expect(await pass(29 * dayMs)).toEqual(['unchanged', 1]);
    expect(world.events.map(({ message }) => message).join('\n')).toMatch(
      /the TXT record at _validation-persist\.example\.com ends at \S+; before that, run `certfleet issue abc --force` at a terminal/,
    );
    // Nothing is noted, and so nothing is to be removed, of a record that could not be written.
    expect(await world.run(wanted, nobody, { force: true })).toMatchObject({ result: 'renewed' });
    expect(await world.readLineage()).not.toHaveProperty('tombstones');
    expect((await world.readLineage())?.kept).toHaveLength(1);
    expect(world.warnings).toEqual([expect.stringContaining('could not replace the TXT record')]);
  });
});

describe('a certificate that is deleted', () => {
  it('leaves its records, and says which, and whose else they are', async () => {
    const world = await createWorld();
    await world.run(names('example.com', 'www.example.com'));
    await world.run(simulatedSpec('other', ['www.example.com']));
    const before = world.values();
    const engine = world.replica(900, { solver: world.solver() });
    const gone = await passing(world.clock, forget(engine, 'abc', { force: true }, signal));
    expect(gone?.records).toEqual([
      { ...before.find(({ name }) => name === at), usedBy: [] },
      { ...before.find(({ name }) => name !== at), usedBy: ['other'] },
    ]);
    expect(world.values()).toEqual(before);
  });
});

describe('another key of the account', () => {
  /** The account, and a process that changes it. */
  const opened = async (world: Awaited<ReturnType<typeof createWorld>>, provider?: ValuesProvider) => {
    const engine = world.replica(900, { solver: world.solver(provider ? { provider } : {}) });
    const [account] = await knownAccounts(engine, {}, signal);
    return { engine, account: account! };
  };

  it('needs other records with draft 02, which every server has before the CA gets the key', async () => {
    const world = await createWorld({ persist: draft(2) });
    const wanted = names('example.com', '*.example.com');
    await world.run(wanted);
    const [first] = world.valuesAt(at);
    const { engine, account } = await opened(world);
    expect((await dependents(engine, account, 'rollover')).map(({ what }) => what)).toEqual([
      `abc: the TXT record at ${at} depends on the key, and is written anew before the change`,
    ]);
    const late = world.dns.server('192.0.2.2');
    late.held = true;
    const rolling = rollover(engine, account, undefined, signal);
    while (world.values().length < 2) await world.clock.advance(10);
    for (let turn = 0; turn < 100; turn++) await world.clock.advance(10);
    expect(world.ca.accepted('keyChange')).toBe(0);
    late.held = false;
    await passing(world.clock, rolling);
    const [, second] = world.valuesAt(at);
    expect((await world.readLineage())?.kept?.map(({ value }) => value)).toEqual([first, second]);
    world.calls.length = 0;
    // This CA no longer knows the earlier key.
    expect(await world.run(wanted, {}, { force: true })).toMatchObject({ result: 'renewed' });
    await world.sweepNow();
    expect(world.calls).toEqual([`remove ${at} ${first}`]);
    expect(world.valuesAt(at)).toEqual([second]);
  });

  it('is not given to the CA if the records cannot be written; the next try goes on with them', async () => {
    const world = await createWorld({ persist: draft(2) });
    const wanted = names('example.com', 'www.example.com');
    await world.run(wanted);
    const refused = fail('dns/refused', { provider: 'memory', name: at, reason: 'no', advice: 'Check it.' });
    const mayWrite = (name: string) => name === at;
    const { engine, account } = await opened(world, {
      ...world.memory,
      append: (value, over) => (mayWrite(value.name) ? world.memory.append(value, over) : Promise.reject(refused)),
    });
    await expect(passing(world.clock, rollover(engine, account, undefined, signal))).rejects.toBe(refused);
    expect(world.ca.accepted('keyChange')).toBe(0);
    expect(world.values()).toHaveLength(3);
    expect((await world.readLineage())?.work).toBeUndefined();
    const again = await opened(world);
    await passing(world.clock, rollover(again.engine, again.account, undefined, signal));
    expect(world.values()).toHaveLength(4);
    expect(await world.run(wanted, {}, { force: true })).toMatchObject({ result: 'renewed' });
    await world.sweepNow();
    expect(world.values()).toHaveLength(2);
  });

  it('changes no record with the account’s URL, but the end of the account ends it', async () => {
    const world = await createWorld();
    await world.run(names('example.com'));
    const { engine, account } = await opened(world);
    expect(await dependents(engine, account, 'rollover')).toEqual([]);
    expect(await dependents(engine, account, 'deactivate')).toEqual([
      { certificate: 'abc', what: `abc: the TXT record at ${at} no longer lets it be renewed` },
    ]);
  });
});

describe('dns-01 is answered instead', () => {
  const alien = { draft: 1, issuers: ['simulated.test'] } as const;
  it.each([
    ['the CA does not offer it', { persist: undefined, unknownChallenges: false }],
    ['the CA names nobody', { persist: { ...alien, issuers: [] } }],
    [
      'the CA has more than ten names',
      { persist: { ...alien, issuers: Array.from({ length: 11 }, (_, i) => `ca${i}.test`) } },
    ],
    [
      'the CA names one that is not among its CAA identities (draft 02)',
      { persist: { ...draft(2)!, issuers: ['x.test'] } },
    ],
  ] satisfies [string, Partial<Settings>][])('where %s', async (_why, settings) => {
    const world = await createWorld(settings);
    expect(await world.run(names('example.com'))).toMatchObject({ result: 'issued' });
    expect(world.values()).toEqual([]);
    expect(world.calls.map((call) => call.split(' ')[1])).toEqual([
      '_acme-challenge.example.com',
      '_acme-challenge.example.com',
    ]);
    expect(world.events.map(({ message }) => message)).toContain(
      'sim does not offer dns-persist-01 for example.com; answering dns-01',
    );
  });
});
