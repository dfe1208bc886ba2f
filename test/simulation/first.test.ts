import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { withSolver as solvedBy } from '../../src/core/lineage/test-lineages.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine, Looks } from '../../src/engine/engine.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { acmeProblem } from '../support/acme-ca.ts';
import { passing } from '../support/passing-time.ts';
import {
  beginIssue,
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  withCa,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;
const byFlags = { ...job(simulatedSpec(), { obeyBackoff: false }), origin: 'command-line' } as const;
const noKey = () => Promise.reject(fail('config/credential-missing', { what: 'dns', credential: 'an access key' }));
const noZone = () => Promise.reject(fail('dns/zone-not-found', { name: 'example.com' }));

/** What the store still has of the certificate. */
async function left({ store }: World): Promise<readonly string[]> {
  const found: string[] = [];
  for (const kind of ['lineage', 'key', 'version', 'credential'] as const)
    for await (const page of store.scan(kind, signal)) found.push(...page.map(({ key }) => `${kind}/${key.name}`));
  return found;
}

/** Stores a secret from the environment, as `issue` does. */
const keepIn =
  ({ store }: World) =>
  async () =>
    void (await store.put({ kind: 'credential', name: 'abc' }, new Uint8Array([1]), { ifRevision: null, signal }));

/** A process that is killed when it has the lease and sets up its solver. */
async function killedAfterLease(world: World, jobs: Job): Promise<void> {
  const killed = new Promise<void>((done) => {
    const solver = () => {
      world.dead.add(1);
      done();
      return new Promise<never>(() => {});
    };
    beginIssue(world.replica(1, { solver }), jobs, signal);
  });
  await passing(world.clock, killed);
  expect((await world.readLineage())?.work).toMatchObject({ step: 'lease', order: {} });
}

/** The same process with something wrong: its clock, its terms, its CA, what the CA would find. */
type Mistake = (engine: Engine) => Engine;
const withDirectory =
  (change: object): Mistake =>
  (engine) => {
    const issuer = engine.connect.issuer('sim', simulatedSpec().issuer.settings);
    const directory = async () => ({ ...(await issuer.directory(signal)), ...change });
    return { ...engine, connect: { ...engine.connect, issuer: () => ({ ...issuer, directory }) } };
  };
const withSolver =
  (change: Partial<Solver>): Mistake =>
  (engine) => ({
    ...engine,
    connect: { ...engine.connect, solver: async (spec) => ({ ...(await engine.connect.solver(spec)), ...change }) },
  });
const withLooks =
  (change: Partial<Looks>): Mistake =>
  (engine) => ({
    ...engine,
    connect: { ...engine.connect, looks: (settings) => ({ ...engine.connect.looks(settings), ...change }) },
  });
const noFolder = () =>
  Promise.reject(fail('solver/webroot-unwritable', { folder: '/var/www', reason: 'no such folder' }));

describe('a first issue by flags', () => {
  it.each<[string, string, Mistake]>([
    ['a wrong clock', 'acme/clock-skew', withDirectory({ clockSkewMs: 86_400_000 })],
    [
      'a CA that wants external account binding',
      'acme/external-account-required',
      withDirectory({ externalAccountRequired: true }),
    ],
    ['a folder that is not there', 'solver/webroot-unwritable', withSolver({ prepare: noFolder, withdraw: noFolder })],
    ['a zone that is not there', 'dns/zone-not-found', withSolver({ preflight: noZone })],
    ['a key that is not given', 'config/credential-missing', withSolver({ preflight: noKey })],
    [
      'CAA that forbids it',
      'preflight/no',
      withLooks({ caa: async () => ({ verdict: 'no', finding: 'CAA names another CA' }) }),
    ],
  ])('with %s leaves nothing that is tried again', async (_what, code, mistake) => {
    const world = await createSimulatedWorld();
    const withSecret = { ...byFlags, keepCredentials: keepIn(world) };
    const outcome = await issue(mistake(world.replica(1)), withSecret, signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code } });
    expect(outcome.next, 'no retry is promised').toBeUndefined();
    expect(await left(world)).toEqual(code === 'solver/webroot-unwritable' ? ['lineage/abc', 'credential/abc'] : []);
    expect(world.ca.requests.map(({ kind }) => kind)).not.toContain('newOrder');
    expect(await issue(world.replica(2), byFlags, signal)).toMatchObject({ result: 'issued' });
    expect((await left(world)).filter((key) => key.startsWith('key/'))).toHaveLength(1);
  });

  it('keeps only what its journal owes, until the sweep has removed it', async () => {
    const world = await createSimulatedWorld();
    const probes = new Set<string>();
    let isBroken = true;
    const solver: Solver = {
      ...world.solver,
      prepare: (lineage) => {
        probes.add(lineage);
        return noFolder();
      },
      withdraw: async (lineage) => {
        if (isBroken) throw new Error('the folder cannot be read');
        probes.delete(lineage);
      },
    };
    expect(await issue(world.replica(1, { solver }), byFlags, signal)).toMatchObject({ result: 'failed' });
    expect([[...probes], await left(world)]).toEqual([['abc'], ['lineage/abc']]);

    for (let turn = 0; turn < 2; turn += 1)
      expect((await sweep(world.replica(2, { solver }), signal)).failed).toMatchObject([{ what: 'abc: the probe' }]);
    isBroken = false;
    expect((await sweep(world.replica(2, { solver }), signal)).failed).toEqual([]);
    expect([[...probes], await left(world)]).toEqual([[], []]);
  });

  it('is remembered from its first order on, whatever fails next', async () => {
    const world = await createSimulatedWorld({
      settings: { validate: async () => acmeProblem('dns', 'no such value') },
    });
    await issue(world.replica(1), byFlags, signal);
    const solver: Solver = { ...world.solver, preflight: noZone };
    const again = await issue(world.replica(2, { solver }), byFlags, signal);
    expect(again).toMatchObject({ error: { code: 'dns/zone-not-found' } });
    expect((await world.readLineage())?.failure?.count).toBe(2);
  });

  it('that was stopped before its order is forgotten if the next try gets no further', async () => {
    const world = await createSimulatedWorld();
    const stop = new AbortController();
    const stopped: Solver = { ...world.solver, preflight: async () => stop.abort(new Error('SIGINT')) };
    await expect(issue(world.replica(1, { solver: stopped }), byFlags, stop.signal)).rejects.toThrow('SIGINT');
    const solver: Solver = { ...world.solver, preflight: noZone };
    await issue(world.replica(2, { solver }), { ...byFlags, obeyBackoff: true }, signal);
    expect(await left(world)).toEqual([]);
  });

  it('that was killed right after the lease is continued with the credentials that it stored', async () => {
    const world = await createSimulatedWorld();
    await killedAfterLease(world, { ...byFlags, keepCredentials: keepIn(world) });
    expect(await left(world)).toEqual(['lineage/abc', 'credential/abc']);
    const cron = await issue(world.replica(2), { ...byFlags, isStored: true, obeyBackoff: true }, signal);
    expect(cron).toMatchObject({ result: 'issued' });
  });

  it('that was killed right after the lease owes no removal with a solver that prepares nothing', async () => {
    const world = await createSimulatedWorld();
    const wanted = solvedBy(simulatedSpec(), { type: 'dns01', provider: 'sim' }, 'sim', { preparesNothing: true });
    const jobs = { ...byFlags, wanted };
    await killedAfterLease(world, jobs);
    const solver = () => noKey();
    const cron = await issue(world.replica(2, { solver }), { ...jobs, isStored: true, obeyBackoff: true }, signal);
    expect(cron).toMatchObject({ result: 'failed', error: { code: 'config/credential-missing' } });
    expect([cron.left, (await world.readLineage())?.tombstones]).toEqual([undefined, undefined]);
    const again = await issue(world.replica(3), jobs, signal);
    expect(again).toMatchObject({ result: 'issued' });
    expect(again.left).toBeUndefined();
    expect(world.ca.requests.filter(({ kind }) => kind === 'newOrder')).toHaveLength(1);
  });

  it('that cannot store its credentials leaves no key', async () => {
    const world = await createSimulatedWorld();
    const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
    const keepCredentials = () => Promise.reject(full);
    const outcome = await issue(world.replica(1), { ...byFlags, keepCredentials }, signal);
    expect(outcome).toMatchObject({ error: { code: 'store/unusable' } });
    expect(await left(world)).toEqual([]);
  });
});

describe('changed settings of a certificate by flags', () => {
  const agreed = simulatedSpec();
  const other: StoredSpec = withCa(agreed, { directory: 'https://other.test/directory' });
  const elsewhere = solvedBy(agreed, { type: 'sim', folders: '/mistyped' }, 'sim');
  const folder = fail('solver/webroot-unwritable', { folder: '/mistyped', reason: 'no such folder' });
  const noFolderThere = withSolver({ preflight: () => Promise.reject(folder) });
  const noServer = withSolver({
    preflight: () => Promise.reject(fail('dns/unreachable', { provider: 'sim', reason: 'connection refused' })),
  });
  const unreachable = fail('acme/directory-unreachable', {
    url: 'https://other.test/directory',
    reason: 'no such host',
  });
  const noCa: Mistake = (engine) => {
    const issuer = engine.connect.issuer('sim', agreed.issuer.settings);
    const directory = () => Promise.reject(unreachable);
    return { ...engine, connect: { ...engine.connect, issuer: () => ({ ...issuer, directory }) } };
  };
  const notAgreed = withCa(other, { agreeToTerms: false });
  const atOther =
    (change: object): Mistake =>
    (engine) => {
      const issuer = {
        ...engine.connect.issuer('sim', agreed.issuer.settings),
        directoryUrl: other.issuer.settings.directory,
      };
      const directory = async () => ({ ...(await issuer.directory(signal)), ...change });
      return { ...engine, connect: { ...engine.connect, issuer: () => ({ ...issuer, directory }) } };
    };

  it.each<[string, string, StoredSpec, Mistake]>([
    ['a CA that does not answer', 'acme/directory-unreachable', other, noCa],
    [
      'a CA whose terms are not agreed to',
      'config/terms-not-agreed',
      notAgreed,
      atOther({ termsOfService: 'https://other.test/terms' }),
    ],
    [
      'a profile that the CA lacks',
      'config/unknown-profile',
      { ...agreed, profile: 'short' },
      withDirectory({ profiles: { classic: '' } }),
    ],
    ['a folder that is not there', 'solver/webroot-unwritable', elsewhere, noFolderThere],
    ['a DNS server that does not answer', 'dns/unreachable', elsewhere, noServer],
    ['a zone that is not there', 'dns/zone-not-found', elsewhere, withSolver({ preflight: noZone })],
    ['a key that is not given', 'config/credential-missing', elsewhere, withSolver({ preflight: noKey })],
  ])('are not stored with %s', async (_what, code, wanted, mistake) => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), byFlags, signal);
    const before = await world.readLineage();
    const outcome = await issue(mistake(world.replica(2)), { ...byFlags, wanted }, signal);
    expect(outcome).toMatchObject({ result: 'failed', error: { code } });
    expect(outcome.next).toBeUndefined();
    expect(await world.readLineage(), 'nothing is written').toEqual(before);
    world.pass(61 * dayMs);
    expect(await issue(world.replica(3), { ...byFlags, isStored: true }, signal)).toMatchObject({ result: 'renewed' });
  });

  it('are stored if a person ignores the preflight, and if the checks pass', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), byFlags, signal);
    for (const [wanted, rules, mistake] of [
      [elsewhere, { insists: true }, noServer],
      [agreed, {}, (engine: Engine) => engine],
    ] as const) {
      expect(await issue(mistake(world.replica(2)), { ...byFlags, ...rules, wanted }, signal)).toMatchObject({
        result: 'unchanged',
        message: expect.stringContaining('new settings are stored'),
      });
      expect((await world.readLineage())?.spec).toEqual(wanted);
    }
  });
});
