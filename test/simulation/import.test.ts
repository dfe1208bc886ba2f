import { describe, expect, it } from 'vitest';
import { withTraits } from '../../src/config/adapters/engine-traits.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import type { Found, FoundCertificate } from '../../src/core/lineage/found.ts';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { inPlaceTarget } from '../../src/core/spec/in-place.ts';
import { type AdoptOptions, adopt } from '../../src/engine/acts/adopt.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import { undoImport } from '../../src/engine/acts/undo-import.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { readBundle } from '../../src/engine/run/bundles.ts';
import { registry } from '../../src/generated/registry.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { declaredOf } from '../support/declared.ts';
import { killedAt } from '../support/killed-at.ts';
import { passing } from '../support/passing-time.ts';
import { httpTo } from '../support/simulated-http.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  type ReplicaOptions,
  simulatedJob,
  simulatedSpec,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const write: AdoptOptions = {
  dryRun: false,
  withTraits: (kind, adapter) => withTraits(kind, adapter, registry),
};
const really = { dryRun: false };

type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

/** A certificate that another store got, as an importer finds it. */
async function made(other: World, name: string, names?: readonly string[]): Promise<FoundCertificate> {
  const engine = other.replica(1);
  await issue(engine, simulatedJob(simulatedSpec(name, names), { force: true }), signal);
  const lineage = await other.readLineage(name);
  const bundle = await readBundle(engine, { lineage: name, id: lineage!.current!.id }, signal);
  const { issuer, solver, preflight } = declaredOf(simulatedSpec());
  return {
    name,
    from: `/old/${name}`,
    keyPem: bundle.keyPem,
    chainPem: bundle.fullchainPem,
    settings: {
      ...{ solver: 'sim', solverOf: {}, solvers: { sim: solver }, deployers: {}, wishes: {}, preflight },
      issuer: { name: 'sim', settings: { ...issuer, account: 'old-1' } },
    },
    remarks: [],
  };
}

/** The account of the other store. */
async function accountOf(other: World): Promise<Found['accounts'][number]> {
  for await (const [entry] of other.store.scan('account', signal)) {
    const { directory, keyPem, url } = JSON.parse(new TextDecoder().decode(entry!.bytes)) as Record<string, string>;
    return { directory: directory!, name: 'old-1', keyPem: new Secret(keyPem!), url: url!, contacts: [], from: '/old' };
  }
  throw new Error('there is no account');
}

const foundOf = (...certificates: Found['certificates']): Found => ({ accounts: [], certificates, remarks: [] });
const resultsOf = async (engine: Engine, found: Found, options: Parameters<typeof adopt>[2] = write) =>
  (await adopt(engine, found, options, signal)).certificates.map(({ certificate, result }) => [certificate, result]);
/** What `renew` does about a certificate. */
const renew = async (world: World, name = 'abc', own: ReplicaOptions = {}) => {
  const lineage = await world.readLineage(name);
  return (await issue(world.replica(2, own), simulatedJob(lineage!.spec), signal)).result;
};
/** The folder of the other client, which has its version. A hook has nothing to look at. */
const hasIt = (world: World): ReplicaOptions => ({
  deployers: { [target]: { ...world.deployer, look: async () => ({ state: 'current', detail: '' }) } },
});

/** Another client's store and ours, at one CA. */
async function worlds(more: NonNullable<Parameters<typeof createSimulatedWorld>[0]>['settings'] = {}) {
  const other = await createSimulatedWorld({ settings: { validate: async () => undefined, ...more } });
  const world = await createSimulatedWorld({ clock: other.clock, between: () => httpTo(other.ca) });
  return { other, world };
}

describe('adopt', () => {
  it('stores a certificate that renew finds in order, and renews with the imported account when it is due', async () => {
    const { other, world } = await worlds();
    const found = { ...foundOf(await made(other, 'abc')), accounts: [await accountOf(other)] };
    const orders = other.ca.state.orders.size;
    const { accounts, certificates } = await adopt(world.replica(1), found, write, signal);
    expect(accounts).toMatchObject([{ name: 'old-1', result: 'imported' }]);
    expect(certificates).toMatchObject([{ certificate: 'abc', result: 'imported', from: '/old/abc' }]);
    expect(await renew(world)).toBe('unchanged');
    expect(other.ca.state.orders.size).toBe(orders);
    const before = await world.readLineage();
    world.pass(61 * dayMs);
    expect(await renew(world)).toBe('renewed');
    expect(other.ca.state.orders.size).toBe(orders + 1);
    const after = await world.readLineage();
    expect(after?.current?.accountUrl).toBe(found.accounts[0]!.url);
    expect(after?.previous?.id).toBe(before?.current?.id);
  });

  it('keeps the keys of both versions when a version is imported again that was rolled back', async () => {
    const { other, world } = await worlds();
    const delivering = (one: FoundCertificate): FoundCertificate => {
      const { deployers } = declaredOf(simulatedSpec());
      return { ...one, settings: { ...one.settings, deployers } };
    };
    const first = delivering(await made(other, 'abc'));
    other.pass(dayMs);
    const second = delivering(await made(other, 'abc'));
    await adopt(world.replica(1), foundOf(first), write, signal);
    await adopt(world.replica(1), foundOf(second), write, signal);
    const { spec, current } = (await world.readLineage())!;
    await passing(world.clock, rollBack(world.replica(2), { name: 'abc', wanted: spec }, signal));
    await adopt(world.replica(1), foundOf(second), write, signal);
    await issue(world.replica(2), { ...simulatedJob(spec), redeploy: true }, signal);
    const after = await world.readLineage();
    expect(after?.current?.id).toBe(current?.id);
    for (const { id } of [after!.current!, after!.previous!])
      expect((await readBundle(world.replica(3), { lineage: 'abc', id }, signal)).id).toBe(id);
  });

  it('changes nothing the second time, and writes nothing in a dry run', async () => {
    const { other, world } = await worlds();
    const found = { ...foundOf(await made(other, 'abc')), accounts: [await accountOf(other)] };
    const engine = world.replica(1);
    expect(await resultsOf(engine, found, { dryRun: true })).toEqual([['abc', 'imported']]);
    expect(await world.readLineage()).toBeUndefined();
    await adopt(engine, found, write, signal);
    const before = await world.readLineage();
    const again = await adopt(engine, found, write, signal);
    expect(again.accounts).toMatchObject([{ result: 'unchanged' }]);
    expect(again.certificates).toMatchObject([{ result: 'unchanged' }]);
    expect(await world.readLineage()).toEqual(before);
  });

  it('ends between certificates when it is stopped, and the next one does the rest', async () => {
    const { other, world } = await worlds();
    const found = foundOf(
      await made(other, 'a1', ['a.example.test']),
      await made(other, 'b1', ['b.example.test']),
      await made(other, 'c1', ['c.example.test']),
    );
    const stop = new AbortController();
    const reason = new Error('stopped');
    let [running, isOver] = [0, false];
    // Stopped while the second lineage is written; nothing else is begun after that.
    const slow: Store = {
      ...world.store,
      async put(key, bytes, options) {
        options.signal.throwIfAborted();
        running += 1;
        if (key.kind === 'lineage' && key.name === 'b1') stop.abort(reason);
        await new Promise<void>((done) => void setImmediate(done));
        const revision = await world.store.put(key, bytes, { ...options, signal });
        expect(isOver).toBe(false);
        running -= 1;
        return revision;
      },
    };
    const { certificates, remaining } = await adopt(world.replica(1, { store: slow }), found, write, stop.signal);
    isOver = true;
    expect(running).toBe(0);
    expect(certificates.length + (remaining ?? 0)).toBe(3);
    expect(certificates).toContainEqual(expect.objectContaining({ certificate: 'b1', result: 'imported' }));
    const again = await adopt(world.replica(1), found, write, signal);
    expect(again.remaining).toBeUndefined();
    for (const name of ['a1', 'b1', 'c1']) expect(await world.readLineage(name)).toMatchObject({ name });
    expect(again.certificates.map(({ result }) => result).filter((result) => result === 'imported')).toHaveLength(
      remaining ?? 0,
    );

    const nothing = await adopt(world.replica(1), found, write, AbortSignal.abort(reason));
    expect(nothing).toEqual({ accounts: [], certificates: [], remaining: 3 });
  });

  it('finishes what a killed import began', async () => {
    const { other, world } = await worlds();
    const found = foundOf(await made(other, 'abc'));
    const dies: Store = {
      ...world.store,
      put: (key, ...rest) =>
        key.kind === 'lineage' ? Promise.reject(new Error('killed')) : world.store.put(key, ...rest),
    };
    expect(await resultsOf(world.replica(1, { store: dies }), found)).toEqual([['abc', 'failed']]);
    expect(await resultsOf(world.replica(1), found)).toEqual([['abc', 'imported']]);
    expect(await renew(world)).toBe('unchanged');
  });

  it('stores no lineage without its key and version, and the next one does the rest, wherever it is killed', async () => {
    const { other } = await worlds();
    const names = ['a1', 'b1', 'c1'];
    const found = foundOf(...(await Promise.all(names.map((name) => made(other, name, [`${name}.example.test`])))));
    for (let at = 1; ; at += 2) {
      const world = await createSimulatedWorld({ clock: other.clock, between: () => httpTo(other.ca) });
      const { store, killed } = killedAt(world, () => 1, at);
      const end = await Promise.race([adopt(world.replica(1, { store }), found, write, signal), killed]);
      const begun = await Promise.all(names.map((name) => world.readLineage(name)));
      for (const lineage of begun.filter((one) => one !== undefined)) {
        const version = { lineage: lineage.name, id: lineage.current!.id };
        expect((await readBundle(world.replica(2), version, signal)).id).toBe(version.id);
      }
      const left = begun.filter((lineage) => !lineage).length;
      const again = await resultsOf(world.replica(2), found);
      expect(again.filter(([, result]) => result === 'imported')).toHaveLength(left);
      for (const name of names) expect(await renew(world, name)).toBe('unchanged');
      // The key, the version and the lineage of each, before and after the write.
      if (end !== 'killed') return expect(at).toBeGreaterThan(3 * 3 * 2);
    }
  });

  it('takes a newer version of the same certificate, and keeps a newer one of its own', async () => {
    const { other, world } = await worlds();
    const old = foundOf(await made(other, 'abc'));
    await adopt(world.replica(1), old, write, signal);
    other.pass(30 * dayMs);
    const fresh = foundOf(await made(other, 'abc'));
    expect(await resultsOf(world.replica(1), fresh)).toEqual([['abc', 'updated']]);
    const lineage = await world.readLineage();
    expect(lineage?.previous).toBeDefined();
    expect(await resultsOf(world.replica(1), old)).toEqual([['abc', 'unchanged']]);
    expect(await world.readLineage()).toEqual(lineage);
  });

  it('keeps a certificate that lasts rather than a newer one that is due, as where lifetimes become shorter', async () => {
    const profile = { description: 'of this CA', validityMs: 90 * dayMs };
    const { other, world } = await worlds({ profiles: { default: profile } });
    const long = await made(other, 'abc');
    other.pass(dayMs);
    profile.validityMs = 6 * dayMs;
    const short = await made(other, 'abc');
    expect(await resultsOf(world.replica(1), foundOf(long))).toEqual([['abc', 'imported']]);
    const lineage = await world.readLineage();
    for (const afterMs of [4 * dayMs, 4 * dayMs, 80 * dayMs]) {
      other.pass(afterMs);
      const { certificates } = await adopt(world.replica(1), foundOf(short), write, signal);
      expect(certificates).toMatchObject([
        { result: 'unchanged', reason: 'the store has one that is not due as soon' },
      ]);
    }
    expect(await world.readLineage()).toEqual(lineage);

    const empty = await createSimulatedWorld({ clock: other.clock });
    expect(await resultsOf(empty.replica(1), foundOf({ ...short, name: 'abc-0001' }, long))).toEqual([
      ['abc', 'merged'],
      ['abc', 'imported'],
    ]);
    // Nothing keeps it from taking the place of one that is revoked.
    await world.editLineage(({ current, ...before }) => ({
      ...before,
      current: { ...current!, revoked: { at: '2026-11-24T12:00:00Z', reason: 'superseded' } },
    }));
    expect(await resultsOf(world.replica(1), foundOf(short))).toEqual([['abc', 'updated']]);
  });

  it('keeps what another process stores while it imports an older one', async () => {
    const { other, world } = await worlds();
    const first = await made(other, 'abc');
    await adopt(world.replica(1), foundOf(first), write, signal);
    other.pass(dayMs);
    const second = await made(other, 'abc');
    other.pass(dayMs);
    const third = await made(other, 'abc');
    let isFirst = true;
    const late: Store = {
      ...world.store,
      async put(key, ...rest) {
        if (key.kind === 'lineage' && isFirst) {
          isFirst = false;
          await adopt(world.replica(2), foundOf(third), write, signal);
        }
        return world.store.put(key, ...rest);
      },
    };
    expect(await resultsOf(world.replica(1, { store: late }), foundOf(second))).toEqual([['abc', 'unchanged']]);
    const { current } = (await world.readLineage())!;
    expect(current?.facts.notBefore).toBe(world.replica(3).pki.readChain(third.chainPem).facts.notBefore);
  });

  it('merges certificates with the same names, of which the newest stays, unless servers read both', async () => {
    const { other, world } = await worlds();
    const old = await made(other, 'abc');
    other.pass(dayMs);
    const fresh = await made(other, 'abc-0001');
    const found = foundOf(old, fresh, { ...fresh, name: 'copy' });
    expect(await resultsOf(world.replica(1), found)).toEqual([
      ['abc-0001', 'merged'],
      ['abc-0001', 'imported'],
      ['abc-0001', 'merged'],
    ]);
    expect(await resultsOf(world.replica(1), found, { dryRun: false, keepDoubles: true })).toEqual([
      ['abc', 'imported'],
      ['abc-0001', 'unchanged'],
      ['copy', 'imported'],
    ]);
  });

  it('gives a name that is allowed and free', async () => {
    const { other, world } = await worlds();
    const odd = { ...(await made(other, 'a', ['a.test'])), name: 'Odd Name' };
    const taken = { ...(await made(other, 'b', ['b.test'])), name: 'odd-name' };
    const found = foundOf(odd, taken);
    const both = [
      ['odd-name', 'imported'],
      ['odd-name-2', 'imported'],
    ];
    expect((await resultsOf(world.replica(1), found)).toSorted()).toEqual(both);
    expect((await resultsOf(world.replica(1), found)).map(([, result]) => result)).toEqual(['unchanged', 'unchanged']);
  });

  it('says what it cannot take over, and takes over the others', async () => {
    const { other, world } = await worlds();
    const [good, bad] = [await made(other, 'a', ['a.test']), await made(other, 'b', ['b.test'])];
    const found = foundOf(
      { name: 'lost', from: '/old/lost', reason: 'it is gone' },
      { name: 'off', from: '/old/off', reason: 'it is not renewed', isLeft: true },
      { ...bad, keyPem: good.keyPem },
      { ...bad, name: 'text', chainPem: 'no certificate' },
      good,
    );
    const { certificates } = await adopt(world.replica(1), found, write, signal);
    expect(certificates.map(({ result, reason }) => [result, reason])).toEqual([
      ['failed', 'it is gone'],
      ['left', 'it is not renewed'],
      ['failed', 'its certificate and its key do not belong together: it is for another key'],
      ['failed', 'it contains no certificate'],
      ['imported', undefined],
    ]);
  });

  it('leaves a certificate alone that certfleet works on', async () => {
    const { other, world } = await worlds();
    const old = await made(other, 'abc');
    await adopt(world.replica(1), foundOf(old), write, signal);
    await world.editLineage((lineage) => ({
      ...lineage,
      work: { step: 'order', version: 'v', directory: 'd', startedAt: '', challenges: [] },
    }));
    other.pass(dayMs);
    expect(await resultsOf(world.replica(1), foundOf(await made(other, 'abc')))).toEqual([['abc', 'failed']]);
  });
});

const root = '/etc/letsencrypt';
const target = inPlaceTarget(root);

const inPlace = (one: FoundCertificate): FoundCertificate => ({
  ...one,
  settings: {
    ...one.settings,
    deployers: { [target]: { type: 'files', path: root, layout: 'certbot' } },
    wishes: { hooks: { deploy: 'reload' } },
  },
});
const hooked = (one: FoundCertificate): FoundCertificate => ({
  ...one,
  settings: { ...one.settings, wishes: { hooks: { deploy: 'reload' } } },
});
const writeInPlace = { ...write, keepDoubles: true, has: [target] };

describe('an import in place of what is stored', () => {
  it('adds the folder, of which the next renewal makes use', async () => {
    const { other, world } = await worlds();
    const abc = await made(other, 'abc');
    await adopt(world.replica(1), foundOf(hooked(abc)), write, signal);
    const found = foundOf(inPlace(abc));
    const declared = { ...writeInPlace, declared: new Set(['abc']) };
    expect(await resultsOf(world.replica(1), found, declared)).toEqual([['abc', 'unchanged']]);
    expect(await resultsOf(world.replica(1), found, writeInPlace)).toEqual([['abc', 'joined']]);
    expect(await resultsOf(world.replica(1), found, writeInPlace)).toEqual([['abc', 'unchanged']]);
    expect(await world.readLineage()).toMatchObject({
      spec: {
        targets: [
          { name: target },
          { name: 'deploy-hook', settings: { run: 'reload', env: { RENEWED_LINEAGE: `${root}/live/abc` } } },
        ],
      },
      deployments: { [target]: { state: 'current' } },
    });
    expect(await renew(world, 'abc', hasIt(world))).toBe('unchanged');
    world.pass(61 * dayMs);
    expect(await renew(world)).toBe('renewed');
    expect((await world.readLineage())?.deployments[target]?.version).toBe((await world.readLineage())?.current?.id);
  });

  it('adds the folder together with a newer version', async () => {
    const { other, world } = await worlds();
    await adopt(world.replica(1), foundOf(hooked(await made(other, 'abc'))), write, signal);
    other.pass(30 * dayMs);
    const fresh = foundOf(inPlace(await made(other, 'abc')));
    expect(await resultsOf(world.replica(1), fresh, writeInPlace)).toEqual([['abc', 'updated']]);
    expect((await world.readLineage())?.spec.targets.map(({ name }) => name)).toEqual([target, 'deploy-hook']);
  });

  it('ends a rollback by a newer version, and not by the same one', async () => {
    const { other, world } = await worlds();
    const old = foundOf(await made(other, 'abc'));
    await adopt(world.replica(1), old, write, signal);
    const rolledBack = { at: '2026-11-24T10:00:00Z', until: '2027-11-24T10:00:00Z' };
    await world.editLineage((lineage) => ({ ...lineage, rolledBack }));
    await adopt(
      world.replica(1),
      foundOf(...old.certificates.map((one) => inPlace(one as FoundCertificate))),
      writeInPlace,
      signal,
    );
    expect((await world.readLineage())?.rolledBack).toEqual(rolledBack);
    other.pass(30 * dayMs);
    await adopt(world.replica(1), foundOf(await made(other, 'abc')), write, signal);
    expect(await world.readLineage()).not.toHaveProperty('rolledBack');
  });
});

describe('undoImport', () => {
  /** `abc`, which certfleet has renewed since, and `xyz`, both taken over in place. */
  async function takenOver() {
    const { other, world } = await worlds();
    const [abc, xyz] = [await made(other, 'abc'), await made(other, 'xyz', ['xyz.test'])];
    await adopt(world.replica(1), foundOf(inPlace(abc), inPlace(xyz)), { ...write, has: [target] }, signal);
    const restored: string[] = [];
    const deployer: Deployer = {
      ...world.deployer,
      look: async () => ({ state: 'current', detail: '' }),
      restore: async ({ dryRun, except }) => {
        if (!dryRun) restored.push(...['abc', 'xyz'].filter((name) => !except?.has(name)));
        return [{ what: 'live/abc', notAfter: '2020-01-01T00:00:00.000Z' }, { what: 'live/xyz' }];
      },
    };
    return { other, world, deployer, restored, found: foundOf(inPlace(abc)) };
  }

  it('delivers nothing of what is taken over in place, nor runs its hook', async () => {
    const { world } = await takenOver();
    const lineage = await world.readLineage();
    expect(lineage?.deployments).toMatchObject({ [target]: { state: 'current' }, 'deploy-hook': { state: 'current' } });
    expect(await renew(world, 'abc', hasIt(world))).toBe('unchanged');
    expect(world.delivered).toEqual([]);
  });

  it('forgets what was never renewed, keeps what was, and restores the folder, wherever it is killed', async () => {
    for (let at = 1; ; at += 2) {
      const { world, deployer, restored } = await takenOver();
      await issue(
        world.replica(1, { deployer }),
        simulatedJob((await world.readLineage())!.spec, { force: true }),
        signal,
      );
      const { store, killed } = killedAt(world, () => 3, at);
      const undoing = undoImport(world.replica(3, { deployer, store }), root, really, signal);
      const isKilled = (await Promise.race([undoing, killed])) === 'killed';
      const ended = isKilled ? await undoImport(world.replica(4, { deployer }), root, really, signal) : undefined;
      if (ended)
        expect(ended.restored).toEqual([
          { what: 'live/abc', expired: '2020-01-01T00:00:00.000Z' },
          { what: 'live/xyz' },
        ]);
      expect(await world.readLineage('xyz')).toBeUndefined();
      expect(await world.readLineage()).toMatchObject({
        origin: 'configuration',
        spec: { targets: [{ name: 'deploy-hook' }] },
      });
      expect(restored).toContain('abc');
      if (!isKilled) break;
    }
  });

  it.each(['absent', 'stale'] as const)('keeps a certificate that is %s in the folder', async (state) => {
    const { world, deployer } = await takenOver();
    const looks: Deployer = { ...deployer, look: async () => ({ state, detail: '' }) };
    const { certificates } = await undoImport(world.replica(1, { deployer: looks }), root, really, signal);
    const reason = 'the folder no longer has it';
    expect(certificates).toMatchObject(['abc', 'xyz'].map((certificate) => ({ certificate, result: 'kept', reason })));
    const { current } = (await world.readLineage('xyz'))!;
    await expect(readBundle(world.replica(2), { lineage: 'xyz', id: current!.id }, signal)).resolves.toBeDefined();
  });

  it('is itself undone by the next import, which delivers what is newer than the folder', async () => {
    const { world, deployer, found } = await takenOver();
    await issue(
      world.replica(1, { deployer }),
      simulatedJob((await world.readLineage())!.spec, { force: true }),
      signal,
    );
    const renewed = (await world.readLineage())?.current?.id;
    await undoImport(world.replica(1, { deployer }), root, really, signal);
    expect(await resultsOf(world.replica(1), found, writeInPlace)).toEqual([['abc', 'joined']]);
    expect(await world.readLineage()).toMatchObject({
      origin: 'command-line',
      current: { id: renewed },
      deployments: { [target]: { version: renewed, state: 'intended' } },
    });
  });

  /** A lease, or what is left of a run. */
  const working = (bootId: string, pid: number): NonNullable<Lineage['work']> => ({
    ...{ step: 'order', version: 'v', directory: 'd', startedAt: '', challenges: [] },
    lease: { id: 'x', holder: { bootId, pidNamespace: 'n', pid, startTime: '1' } },
  });
  it.each([
    ['alive', working('b', 7)],
    ['on another machine', working('other', 7)],
  ])('changes nothing if another process that is %s works on a certificate', async (_where, work) => {
    const { world, deployer, restored } = await takenOver();
    await world.editLineage((lineage) => ({ ...lineage, work }), 'xyz');
    const before = [await world.readLineage(), await world.readLineage('xyz')];
    expect(await undoImport(world.replica(1, { deployer }), root, really, signal)).toEqual({
      certificates: [
        {
          ...{ certificate: 'xyz', result: 'failed', hint: expect.stringContaining('Wait for that process to finish') },
          reason: 'another process (pid 7) is working on xyz; nothing was changed',
        },
      ],
    });
    expect([await world.readLineage(), await world.readLineage('xyz')]).toEqual(before);
    expect(restored).toEqual([]);
  });

  const noAnswer = () => Promise.reject(new Error('no such provider'));
  it.each<[string, (world: World) => ReplicaOptions['solver'], number]>([
    ['its solver cannot be made', () => () => noAnswer(), 1],
    ['its challenge cannot be presented', ({ solver }) => ({ ...solver, present: noAnswer }), 0],
    ['its TXT value cannot be removed', ({ solver }) => ({ ...solver, ready: noAnswer, cleanup: noAnswer }), 1],
  ])('does not mind a renewal that failed because %s', async (_why, solverOf, left) => {
    const { world, deployer, restored, found } = await takenOver();
    const force = (name: string, own: ReplicaOptions) =>
      world
        .readLineage(name)
        .then((lineage) =>
          issue(world.replica(1, { deployer, ...own }), simulatedJob(lineage!.spec, { force: true }), signal),
        );
    await force('abc', {});
    const rolledBack = { at: '2026-11-24T10:00:00Z', until: '2027-11-24T10:00:00Z' };
    await world.editLineage((lineage) => ({ ...lineage, rolledBack }));
    const solver = solverOf(world)!;
    for (const name of ['abc', 'xyz']) expect(await force(name, { solver })).toMatchObject({ result: 'failed' });
    const undone = await passing(world.clock, undoImport(world.replica(2, { deployer, solver }), root, really, signal));
    expect(undone.certificates.map(({ result, left: what = [] }) => [result, what.length])).toEqual([
      ['kept', left],
      ['deleted', left],
    ]);
    expect(restored).toEqual(['abc', 'xyz']);
    const kept = await world.readLineage();
    expect(kept).not.toHaveProperty('work');
    expect(kept).not.toHaveProperty('failure');
    expect(kept).not.toHaveProperty('rolledBack');
    expect(kept?.givenBack).toMatchObject({ path: root });
    expect(kept?.tombstones ?? []).toHaveLength(left);
    // The next import finds nothing unfinished.
    expect(await resultsOf(world.replica(1), found, writeInPlace)).toEqual([['abc', 'joined']]);
    expect(await world.readLineage()).not.toHaveProperty('givenBack');
  });

  it('says what it would do, and changes nothing', async () => {
    const { world, deployer, restored } = await takenOver();
    const before = [await world.readLineage(), await world.readLineage('xyz')];
    const undone = await undoImport(world.replica(1, { deployer }), root, { dryRun: true }, signal);
    expect(undone).toEqual({
      certificates: ['abc', 'xyz'].map((certificate) => ({ certificate, result: 'deleted' })),
      restored: [{ what: 'live/abc', expired: '2020-01-01T00:00:00.000Z' }, { what: 'live/xyz' }],
    });
    expect([await world.readLineage(), await world.readLineage('xyz')]).toEqual(before);
    expect(restored).toEqual([]);
  });

  it('changes nothing if the folder cannot be restored', async () => {
    const { world, deployer } = await takenOver();
    const before = await world.readLineage();
    const refuses: Deployer = { ...deployer, restore: () => Promise.reject(new Error('it is not safe')) };
    await expect(undoImport(world.replica(1, { deployer: refuses }), root, really, signal)).rejects.toThrow('not safe');
    expect(await world.readLineage()).toEqual(before);
  });

  it('keeps the files of a certificate that fails meanwhile, and restores all others', async () => {
    const { world, deployer, restored } = await takenOver();
    const busy: Store = {
      ...world.store,
      put: (key, ...rest) =>
        key.name === 'abc' ? Promise.reject(new Error('the disk is full')) : world.store.put(key, ...rest),
    };
    const { certificates } = await undoImport(world.replica(1, { deployer, store: busy }), root, really, signal);
    expect(certificates).toMatchObject([
      { certificate: 'abc', result: 'failed' },
      { certificate: 'xyz', result: 'deleted' },
    ]);
    expect(restored).toEqual(['xyz']);
    await undoImport(world.replica(2, { deployer }), root, really, signal);
    expect(restored).toContain('abc');
  });
});
