import { describe, expect, it } from 'vitest';
import type { IssuerSettings, StoredSpec } from '../../src/core/spec/spec.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { acmeProblem, limitDetail } from '../support/acme-ca.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withCa,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const specOf = (name: string, email: readonly string[] = []): StoredSpec => {
  const spec = simulatedSpec(name, [`${name}.example.com`]);
  return withCa(spec, { email });
};
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;
const countOf = (world: World, kind: string) => world.ca.requests.filter((request) => request.kind === kind).length;
const whatNoLongerFits =
  'CAA records and records of dns-persist-01 that name the old one no longer fit; `certfleet account show` shows the new one.';

describe('the account at a CA', () => {
  it('is opened again once for all orders if the CA has forgotten it', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(specOf('zero')), signal);
    const { accounts } = world.ca.state;
    const [[id] = []] = accounts;
    accounts.clear();
    const [before, clock] = [countOf(world, 'newAccount'), world.clock];
    const warnings: string[] = [];
    const reporter: Reporter = { report: ({ level, message }) => void (level === 'warn' && warnings.push(message)) };
    // Slow enough that every order has started before the first one has opened it again.
    const store: Store = {
      ...world.store,
      get: async (...args) => {
        const entry = await world.store.get(...args);
        await clock.sleep(1, signal);
        return entry;
      },
      put: async (...args) => {
        await clock.sleep(2, signal);
        return world.store.put(...args);
      },
    };
    const context = { ...world.replica(2, { store }), reporter };
    const specs = ['one', 'two', 'three', 'four'].map((name) => specOf(name));
    const outcomes = await Promise.all(specs.map((spec) => issue(context, job(spec), signal)));
    expect(outcomes.map(({ result, message }) => `${result}: ${message.slice(0, 11)}`)).toEqual(
      Array(4).fill('issued: valid until'),
    );
    expect(countOf(world, 'newAccount') - before).toBe(1);
    expect(warnings).toEqual([
      `sim no longer knows the account https://ca.test/account/${id}; opening another with its key. ${whatNoLongerFits}`,
    ]);
  });

  it('is requested once if the CA names a time, however many certificates there are', async () => {
    const world = await createSimulatedWorld();
    world.ca.failNext('newAccount', {
      status: 429,
      problem: acmeProblem('rateLimited', limitDetail.registrations(new Date(world.clock.now().getTime() + 3_600_000))),
      retryAfter: { seconds: 3_600 },
      times: 100,
    });
    const context = world.replica(1);
    const names = Array.from({ length: 5 }, (_, i) => `c${i}`);
    const first = await Promise.all(names.map((name) => issue(context, job(specOf(name)), signal)));
    const later = await issue(context, job(specOf('later')), signal);
    for (const outcome of [...first, later])
      expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/rate-limited' } });
    expect(countOf(world, 'newAccount')).toBe(1);
    world.pass(3_601_000);
    await issue(context, job(specOf('next')), signal);
    expect(countOf(world, 'newAccount')).toBe(2);
  });

  it('gets new contacts once', async () => {
    const world = await createSimulatedWorld();
    const contacts = () => [...world.ca.state.accounts.values()].map((account) => account.contacts);
    const renew = (email: readonly string[]) =>
      issue(world.replica(1), job(specOf('abc', email), { force: true }), signal);
    await renew(['old@example.com']);
    expect(contacts()).toEqual([['mailto:old@example.com']]);
    await renew(['new@example.com', 'ops@example.com']);
    expect(contacts()).toEqual([['mailto:new@example.com', 'mailto:ops@example.com']]);
    const told = countOf(world, 'newAccount') + countOf(world, 'account');
    await renew(['ops@example.com', 'new@example.com']);
    await renew([]);
    expect(countOf(world, 'newAccount') + countOf(world, 'account')).toBe(told);
  });

  it('keeps the old contacts if the CA refuses the new ones', async () => {
    const world = await createSimulatedWorld();
    const renew = (email: string) => issue(world.replica(1), job(specOf('abc', [email]), { force: true }), signal);
    await renew('old@example.com');
    expect(await renew('no address')).toMatchObject({ result: 'renewed' });
    expect(await renew('new@example.com')).toMatchObject({ result: 'renewed' });
    expect([...world.ca.state.accounts.values()].map((a) => a.contacts)).toEqual([['mailto:new@example.com']]);
  });

  it('is one of several at the same CA, each with its own name, key and certificates', async () => {
    const world = await createSimulatedWorld();
    const engine = world.replica(1);
    const of = (name: string, account: Partial<IssuerSettings>): StoredSpec => {
      const spec = specOf(name);
      return withCa(spec, { ...account });
    };
    const specs = [
      of('one', {}),
      of('two', { account: 'tenant-2' }),
      of('three', { eab: { kid: 'kid-3', hmacKey: 'c2VjcmV0' } }),
      of('four', { account: 'tenant-2', eab: { kid: 'kid-4', hmacKey: 'c2VjcmV0' } }),
    ];
    const outcomes = await Promise.all(specs.map((spec) => issue(engine, job(spec), signal)));
    expect(outcomes.map(({ result }) => result)).toEqual(Array(4).fill('issued'));
    const urls = await Promise.all(specs.map(({ name }) => world.readLineage(name)));
    const [one, two, three, four] = urls.map((lineage) => lineage?.current?.accountUrl);
    expect(new Set([one, two, three]).size).toBe(3);
    expect(four).toBe(two);
    const stored: string[] = [];
    for await (const page of world.store.scan('account', signal)) stored.push(...page.map(({ key }) => key.name));
    expect(stored.sort()).toEqual(['default', 'kid-3', 'tenant-2'].map((name) => `https://ca.test/directory~${name}`));
  });

  it('is not used for the order of another one, whose key is not used again either', async () => {
    const world = await createSimulatedWorld();
    const solver: Solver = { ...world.solver, present: () => Promise.reject(new Error('no zone')) };
    const interrupted = await issue(world.replica(1, { solver }), job(specOf('abc')), signal);
    expect(interrupted).toMatchObject({ result: 'failed' });
    const before = (await world.readLineage())?.work;
    expect(before?.order?.url).toBeDefined();
    const spec = specOf('abc');
    const other = withCa(spec, { account: 'other' });
    expect(await issue(world.replica(1), job(other), signal)).toMatchObject({ result: 'issued' });
    expect((await world.readLineage())?.current?.id).not.toBe(before?.version);
    expect(world.ca.state.accounts.size).toBe(2);
  });

  describe('at a CA with customers only (RFC 8555 §7.3.4)', () => {
    const keys = { 'kid-1': 'c2VjcmV0LW9mLWN1c3RvbWVyLW9uZQ', 'kid-2': 'c2VjcmV0LW9mLWN1c3RvbWVyLXR3bw' };
    const boundTo = (kid: string, hmacKey: string, algorithm?: 'HS384'): StoredSpec => {
      const spec = specOf('abc');
      const eab = { kid, hmacKey, ...(algorithm === undefined ? {} : { algorithm }) };
      return withCa(spec, { eab });
    };
    const atSuchCa = (settings = {}) => createSimulatedWorld({ settings: { externalAccounts: keys, ...settings } });
    const accounts = (world: World) => [...world.ca.state.accounts.values()].map((one) => one.externalAccount);

    it('is bound to the customer, once', async () => {
      const world = await atSuchCa();
      const spec = boundTo('kid-1', keys['kid-1'], 'HS384');
      expect(await issue(world.replica(1), job(spec), signal)).toMatchObject({ result: 'issued' });
      expect(await issue(world.replica(2), job(spec, { force: true }), signal)).toMatchObject({ result: 'renewed' });
      expect(accounts(world)).toEqual(['kid-1']);
      expect(countOf(world, 'newAccount')).toBe(1);
    });

    it.each([
      ['nothing', specOf('abc'), 'acme/external-account-required', '--eab-kid'],
      ['a wrong key', boundTo('kid-1', keys['kid-2']), 'acme/external-account-refused', 'wrong signature'],
      ['a wrong key id', boundTo('kid-9', keys['kid-1']), 'acme/external-account-refused', 'kid-9 is not known'],
      ['half a key', boundTo('kid-1', 'abcde'), 'config/eab-key', 'a part of it is missing'],
    ])('is not opened with %s, and an unattended run does not try again', async (_what, spec, code, words) => {
      const world = await atSuchCa();
      const outcome = await issue(world.replica(1), job(spec), signal);
      expect(outcome).toMatchObject({ result: 'failed', error: { code, retry: 'never' } });
      expect(`${outcome.message} ${'error' in outcome && outcome.error.hint}`).toContain(words);
      expect(accounts(world)).toEqual([]);
    });

    it('is asked for by a CA whose directory does not say so (SSL.com)', async () => {
      const world = await atSuchCa({ tellsExternalAccounts: false });
      const outcome = await issue(world.replica(1), job(specOf('abc')), signal);
      expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/external-account-required' } });
    });

    it('has used up its key id, so no other key gets an account with it', async () => {
      const world = await atSuchCa();
      await issue(world.replica(1), job(boundTo('kid-1', keys['kid-1'])), signal);
      const spec = boundTo('kid-1', keys['kid-1']);
      const other = withCa(spec, { account: 'other' });
      const outcome = await issue(world.replica(1), job(other, { force: true }), signal);
      expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/external-account-refused' } });
      expect('error' in outcome && outcome.error.hint).toContain('one account');
    });

    it.each([
      ['a CA that finds the account first', {}],
      ['a CA that looks at the key id first', { externalAccountsFirst: true }],
    ])('is found after a lost answer, although the key id is used up: %s', async (_how, settings) => {
      const world = await atSuchCa(settings);
      world.ca.failNext('newAccount', { after: true, cut: true });
      const outcome = await issue(world.replica(1), job(boundTo('kid-1', keys['kid-1'])), signal);
      expect(outcome).toMatchObject({ result: 'issued' });
      expect(accounts(world)).toEqual(['kid-1']);
    });

    it('is used without its EAB key once it is open', async () => {
      const world = await atSuchCa();
      await issue(world.replica(1), job(boundTo('kid-1', keys['kid-1'])), signal);
      const spec = specOf('abc');
      const named = withCa(spec, { account: 'kid-1' });
      expect(await issue(world.replica(2), job(named, { force: true }), signal)).toMatchObject({ result: 'renewed' });
    });
  });

  it.each(['ES256', 'ES384', 'RS256', 'EdDSA'] as const)('may have a key of type %s', async (accountKey) => {
    const world = await createSimulatedWorld();
    const spec = specOf('abc');
    const wanted = withCa(spec, { accountKey });
    expect(await issue(world.replica(1), job(wanted), signal)).toMatchObject({ result: 'issued' });
  });

  it('with a key of a type that the CA refuses: the error names those that it accepts', async () => {
    const world = await createSimulatedWorld({ settings: { algorithms: ['ES256', 'RS256'] } });
    const spec = specOf('abc');
    const wanted = withCa(spec, { accountKey: 'EdDSA' as const });
    const outcome = await issue(world.replica(1), job(wanted), signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/problem' } });
    expect(outcome.message).toContain('it accepts ES256, RS256');
  });

  describe('that is deactivated (RFC 8555 §7.3.6)', () => {
    /** One certificate there, its renewal due, and the account closed meanwhile. */
    async function deactivated() {
      const world = await createSimulatedWorld();
      await issue(world.replica(1), job(specOf('abc')), signal);
      const [account] = world.ca.state.accounts.values();
      account!.status = 'deactivated';
      world.pass(61 * dayMs);
      return world;
    }
    const keyOf = async (world: World) => {
      const entry = await world.store.get({ kind: 'account', name: 'https://ca.test/directory~default' }, signal);
      return JSON.parse(new TextDecoder().decode(entry?.bytes)) as { keyPem: string; url: string; replaced: unknown };
    };
    const allowing = (spec: StoredSpec): StoredSpec => withCa(spec, { newAccount: true });

    it('is reported, and no other account is opened without permission', async () => {
      const world = await deactivated();
      const before = await keyOf(world);
      const outcome = await issue(world.replica(2), job(specOf('abc')), signal);
      expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/account-deactivated', retry: 'never' } });
      expect(outcome.message).toContain(before.url);
      expect('error' in outcome && outcome.error.hint).toContain('certfleet issue abc --new-account');
      expect(world.ca.state.accounts.size).toBe(1);
      expect(await keyOf(world)).toEqual(before);
    });

    it.each([
      ['a person asks for it', specOf('abc'), { newAccount: true }],
      ['the issuer’s settings allow it', allowing(specOf('abc')), {}],
    ])('gets a successor with a new key if %s', async (_title, spec, rules) => {
      const world = await deactivated();
      const before = await keyOf(world);
      const warnings: string[] = [];
      const reporter: Reporter = { report: ({ level, message }) => void (level === 'warn' && warnings.push(message)) };
      const outcome = await issue({ ...world.replica(2), reporter }, { ...job(spec), ...rules }, signal);
      expect(outcome).toMatchObject({ result: 'renewed' });
      expect(warnings).toEqual([
        `the account ${before.url} at sim is deactivated; opening a new one. ${whatNoLongerFits}`,
      ]);
      const after = await keyOf(world);
      expect(after.url).not.toBe(before.url);
      expect(after.keyPem).not.toBe(before.keyPem);
      // The old key is useless at this CA, but keys are never deleted because a CA says so.
      expect(after.replaced).toEqual([{ keyPem: before.keyPem, url: before.url }]);
      expect(world.ca.state.accounts.size).toBe(2);
    });

    it('gets one successor for all orders of a run', async () => {
      const world = await deactivated();
      const specs = ['one', 'two', 'three', 'four'].map((name) => specOf(name));
      const context = world.replica(2);
      const all = specs.map((spec) => issue(context, { ...job(spec), newAccount: true }, signal));
      expect((await Promise.all(all)).map(({ result }) => result)).toEqual(Array(4).fill('issued'));
      expect(world.ca.state.accounts.size).toBe(2);
    });

    it('holds back other certificates only until it has a successor', async () => {
      const world = await createSimulatedWorld();
      const [one, two] = [job(specOf('one')), job(specOf('two'))];
      for (const each of [one, two]) await issue(world.replica(1), each, signal);
      for (const account of world.ca.state.accounts.values()) account.status = 'deactivated';
      world.pass(61 * dayMs);
      const renew = (which: Job) => issue(world.replica(2), which, signal);
      for (const each of [one, two])
        expect(await renew(each)).toMatchObject({ error: { code: 'acme/account-deactivated' } });
      world.pass(60_000);
      expect(await renew(two)).toMatchObject({ result: 'unchanged', failing: true });
      expect(await renew({ ...one, newAccount: true, obeyBackoff: false })).toMatchObject({ result: 'renewed' });
      expect(await renew(two)).toMatchObject({ result: 'renewed' });
    });

    it('is distinguished from a refusal for another reason', async () => {
      const world = await createSimulatedWorld();
      const problem = { type: 'urn:ietf:params:acme:error:unauthorized', detail: 'not for you', status: 403 };
      world.ca.failNext('newOrder', { problem });
      const outcome = await issue(world.replica(1), { ...job(specOf('abc')), newAccount: true }, signal);
      expect(outcome).toMatchObject({ result: 'failed', error: { code: 'acme/problem' } });
      expect(outcome.message).toContain('not for you');
      expect(world.ca.state.accounts.size).toBe(1);
    });
  });
});
