import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument, isOnlyOwing, type Lineage } from '../../src/core/lineage/lineage.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import { killedAt } from '../support/killed-at.ts';
import { sampled } from '../support/seeded.ts';
import { createSimulatedWorld, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const byForce = { force: true };
const hour = 3_600_000;

type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

/** `abc` with a version before its current one, its test lineage, another certificate, and credentials of both. */
async function createWorld(): Promise<World> {
  const world = await createSimulatedWorld();
  for (const name of ['abc', 'abc', 'abc~staging', 'abcd'])
    await issue(world.replica(1), job(simulatedSpec(name), { force: true }), signal);
  for (const name of ['abc', 'abcd'])
    await world.store.put({ kind: 'credential', name }, encodeDocument({ env: {} }), { ifRevision: null, signal });
  return world;
}

/** All documents except the account's and the store's, by owner. */
async function documentsOf(store: Store, name: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const kind of ['lineage', 'key', 'version', 'credential'] as const satisfies readonly Kind[])
    for await (const page of store.scan(kind, signal))
      for (const { key } of page) if (key.name.replace(/~\d{8}-.*/, '') === name) found.push(kind);
  return found;
}

/** A journalled challenge, a probe and two tombstones, one of them not due before tomorrow. */
async function owe(world: World): Promise<void> {
  const stone = {
    type: 'dns-01',
    identifier: 'example.com',
    thumbprint: 'x',
    closedAt: world.clock.now().toISOString(),
  } as const;
  for (const token of ['a', 'b', 'c']) world.txt.add(`${token}.x`);
  await world.editLineage((lineage) => ({
    ...lineage,
    tombstones: [
      { ...stone, token: 'a', looked: -1 },
      { ...stone, token: 'b', looked: 1 },
    ],
    work: {
      step: 'challenges',
      version: '20260101-000000-abcdef',
      directory: lineage.spec.issuer.settings.directory,
      startedAt: stone.closedAt,
      order: { url: 'https://ca.test/order/1' },
      probe: 'ours',
      thumbprint: 'x',
      challenges: [{ type: 'dns-01', identifier: 'example.com', token: 'c' }],
    },
  }));
  await world.store.put({ kind: 'key', name: 'abc~20260101-000000-abcdef' }, encodeDocument({ keyPem: '' }), {
    ifRevision: null,
    signal,
  });
}

const withLease = (world: World, pid: number): Promise<void> =>
  world.editLineage((lineage) => ({
    ...lineage,
    work: {
      step: 'close',
      version: '',
      directory: '',
      startedAt: '',
      challenges: [],
      lease: { id: 'x', holder: world.replica(pid).processes.self(), beat: 0 },
    },
  }));

describe('forgetting a lineage', () => {
  it('removes all its documents and what it left behind, and nothing of others', async () => {
    const world = await createWorld();
    await owe(world);
    const notAfter = (await world.readLineage())?.current?.facts.notAfter;
    const untouched = await Promise.all(['abc~staging', 'abcd'].map((name) => documentsOf(world.store, name)));
    expect(await documentsOf(world.store, 'abc')).toEqual([
      ...['lineage', 'key', 'key', 'key', 'version', 'version', 'credential'],
    ]);
    let probes = 1;
    const solver: Solver = {
      ...world.solver,
      prepare: async () => ({}),
      withdraw: async () => void probes--,
    };
    expect(await forget(world.replica(2, { solver }), 'abc', byForce, signal)).toEqual({
      certificate: 'abc',
      keptBy: ['target'],
      notAfter,
      left: [],
    });
    expect(await documentsOf(world.store, 'abc')).toEqual([]);
    expect([[...world.txt], probes]).toEqual([[], 0]);
    expect(await Promise.all(['abc~staging', 'abcd'].map((name) => documentsOf(world.store, name)))).toEqual(untouched);
    expect(await forget(world.replica(2), 'abc', byForce, signal)).toBeUndefined();
    // A new one begins with a new key.
    expect(await issue(world.replica(2), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
  });

  it('removes what commands got in the store’s own folder, after the clean-up and before the keys', async () => {
    const world = await createWorld();
    await world.editLineage((lineage) => ({ ...lineage, deployments: {} }));
    const deleting = async (force: boolean, how: { readonly cleanup?: true; readonly copies?: true }) => {
      const gone: string[] = [];
      const { connect, ...engine } = world.replica(2, {
        solver: { ...world.solver, cleanup: async () => (how.cleanup ? Promise.reject(new Error('no')) : undefined) },
      });
      const forgetDeployed = async (name: string) => {
        if (how.copies) throw new Error('no');
        gone.push(name);
      };
      const result = forget({ ...engine, connect: { ...connect, forgetDeployed } }, 'abc', { force }, signal);
      return {
        gone,
        ...(await result.then(
          (done) => ({ left: done?.left }),
          (error: Error) => ({ error: error.message }),
        )),
      };
    };
    const copy = 'the copy of its key for commands could not be removed: no';
    expect(await deleting(false, { copies: true })).toEqual({ gone: [], error: `abc: ${copy}` });
    await owe(world);
    const { gone, error } = { error: '', ...(await deleting(false, { cleanup: true })) };
    expect([gone, error]).toEqual([[], expect.stringContaining('challenge of example.com could not be removed')]);
    expect(await documentsOf(world.store, 'abc')).toContain('key');
    expect(await deleting(true, { copies: true })).toEqual({ gone: [], left: [copy] });
    await issue(world.replica(3), job(simulatedSpec()), signal);
    expect(await deleting(true, {})).toEqual({ gone: ['abc'], left: [] });
    expect(await documentsOf(world.store, 'abc')).toEqual([]);
  });

  it('does not wait for a target that the settings no longer have, and says what stays there', async () => {
    const world = await createWorld();
    const wantedOf = ({ spec }: Lineage) => ({ ...spec, targets: [] });
    expect(await forget(world.replica(2), 'abc', { force: false, wantedOf }, signal)).toMatchObject({
      keptBy: ['target'],
    });
    expect(await documentsOf(world.store, 'abc')).toEqual([]);
  });

  const target = (state: 'current' | 'intended' | 'pending') => ({ target: { version: 'v', state, since: '' } });
  it.each<[string, (lineage: Lineage) => Lineage, boolean]>([
    ['has it', (l) => l, true],
    ['may have it', (l) => ({ ...l, deployments: target('intended') }), true],
    ['still has the version before', (l) => ({ ...l, deployments: target('pending') }), true],
    ['never took one', ({ previous: _none, ...l }) => ({ ...l, deployments: target('pending') }), false],
    ['is no target any more', (l) => ({ ...l, deployments: {} }), false],
  ])('is refused if a target %s', async (_what, change, isRefused) => {
    const world = await createWorld();
    await world.editLineage(change);
    const before = await documentsOf(world.store, 'abc');
    const forgetting = forget(world.replica(2), 'abc', { force: false }, signal);
    if (!isRefused) {
      expect(await forgetting).toMatchObject({ keptBy: [] });
      return expect(await documentsOf(world.store, 'abc')).toEqual([]);
    }
    await expect(forgetting).rejects.toMatchObject({
      code: 'lineage/in-use',
      message: expect.stringContaining('target'),
    });
    expect(await documentsOf(world.store, 'abc')).toEqual(before);
    expect((await world.readLineage())?.work).toBeUndefined();
  });

  it('is refused while another process works on it, even with force, and allowed if that process is dead', async () => {
    const world = await createWorld();
    await withLease(world, 7);
    const before = await world.readLineage();
    const held = { code: 'store/held', message: expect.stringContaining('pid 7') };
    await expect(forget(world.replica(2), 'abc', byForce, signal)).rejects.toMatchObject(held);
    expect(await world.readLineage()).toEqual(before);
    world.dead.add(7);
    expect(await forget(world.replica(2), 'abc', byForce, signal)).toMatchObject({ certificate: 'abc' });
  });

  it('is refused if the clean-up fails, and with force says what is left', async () => {
    const world = await createWorld();
    await owe(world);
    await world.editLineage((lineage) => ({ ...lineage, deployments: {} }));
    const cleanup = async () => {
      throw fail('dns/refused', {
        provider: 'sim',
        name: 'example.com',
        reason: 'the key was revoked',
        advice: 'Check it.',
      });
    };
    const withdraw = async () => {
      throw new Error('no such folder');
    };
    const placeOf = () => 'TXT _acme-challenge.example.com v';
    const broken = { ...world.solver, cleanup, withdraw, placeOf };
    const before = await world.readLineage();
    await expect(forget(world.replica(2, { solver: broken }), 'abc', { force: false }, signal)).rejects.toMatchObject({
      code: 'solver/not-removed',
      message: 'abc: the probe could not be removed: no such folder',
      hint: expect.stringMatching(/^Nothing was deleted/),
    });
    expect(await world.readLineage(), 'the journal stands').toEqual(before);
    expect((await documentsOf(world.store, 'abc')).length).toBe(7);

    const forgotten = await forget(world.replica(2, { solver: broken }), 'abc', byForce, signal);
    expect(forgotten?.left).toEqual([
      'the probe could not be removed: no such folder',
      ...Array.from({ length: 3 }, () =>
        expect.stringMatching(
          /^the dns-01 challenge of example\.com \(TXT _acme-challenge\.example\.com v\) could not be removed: .*the key was revoked/,
        ),
      ),
    ]);
    expect(await documentsOf(world.store, 'abc')).toEqual([]);
  });

  describe('while the provider lists records late', () => {
    /** A world that owes a value, and a solver that finds it only an hour from now. */
    async function owing(how: 'journalled' | 'to be checked'): Promise<{ world: World; solver: Solver }> {
      const world = await createWorld();
      await owe(world);
      world.txt.delete('b.x');
      await world.editLineage(({ tombstones: [stone] = [], work: _work, ...lineage }) => ({
        ...lineage,
        ...(how === 'journalled' ? { work: _work! } : { tombstones: [{ ...stone!, token: 'c', looked: 0 }] }),
      }));
      world.txt.delete('a.x');
      const shownAt = world.clock.now().getTime() + hour;
      const solver: Solver = {
        ...world.solver,
        withdraw: async () => {},
        mayMissForMs: () => hour,
        cleanup: async (...args) => {
          if (world.clock.now().getTime() >= shownAt) await world.solver.cleanup(...args);
        },
      };
      return { world, solver };
    }

    it.each(['journalled', 'to be checked'] as const)(
      'keeps what owes a value that is %s, until a sweep has removed it',
      async (how) => {
        const { world, solver } = await owing(how);
        expect(await forget(world.replica(2, { solver }), 'abc', byForce, signal)).toMatchObject({
          left: [],
          unsure: ['the dns-01 challenge of example.com'],
        });
        // Neither keys nor versions. No list shows it.
        expect(await documentsOf(world.store, 'abc')).toEqual(['lineage', 'credential']);
        expect(isOnlyOwing((await world.readLineage())!)).toBe(true);
        expect([...world.txt]).toEqual(['c.x']);

        await sweep(world.replica(3, { solver }), signal);
        expect([...world.txt], 'before an hour has passed').toEqual(['c.x']);
        for (let looks = 1; looks <= 2; looks += 1) {
          await world.clock.passWhile(world.clock.sleep(24 * hour, signal));
          expect(await sweep(world.replica(3 + looks, { solver }), signal)).toMatchObject({ failed: [] });
          expect([...world.txt]).toEqual([]);
        }
        expect(await documentsOf(world.store, 'abc')).toEqual([]);
      },
    );

    it('is finished by another delete with force', async () => {
      const { world, solver } = await owing('journalled');
      await forget(world.replica(2, { solver }), 'abc', byForce, signal);
      await forget(world.replica(3, { solver }), 'abc', byForce, signal);
      expect(await documentsOf(world.store, 'abc')).toEqual([]);
    });
  });

  it('stops on a signal and releases its lease', async () => {
    const world = await createWorld();
    await owe(world);
    const stop = new AbortController();
    const cleanup = async () => stop.abort(new Error('SIGTERM'));
    const stopping = forget(world.replica(2, { solver: { ...world.solver, cleanup } }), 'abc', byForce, stop.signal);
    await expect(stopping).rejects.toThrow('SIGTERM');
    const { work } = (await world.readLineage()) ?? {};
    expect([work?.lease, work?.challenges.length]).toEqual([undefined, 1]);
    expect((await documentsOf(world.store, 'abc')).length).toBe(7);
  });

  it.each(['before', 'after'])(
    'is finished by the next one, where it is killed %s any of its effects',
    async (when) => {
      // The session, the lease, three values, three keys, two versions, the credentials, the lineage.
      const all = Array.from({ length: 12 }, (_, point) => point);
      // The last one kills nothing.
      for (const point of [...sampled(all, 4, `deaths of a delete, ${when}`), all.length]) {
        const world = await createWorld();
        await owe(world);
        const killAt = 2 * point + (when === 'before' ? 1 : 2);
        const { gate, store, killed, passed } = killedAt(world, () => 2, killAt);
        const solver: Solver = { ...world.solver, cleanup: (...args) => gate(() => world.solver.cleanup(...args)) };
        const forgetting = forget(world.replica(2, { store, solver }), 'abc', byForce, signal);
        const where = `after ${point} effects`;
        const isOver = (await Promise.race([forgetting, killed])) !== 'killed';
        expect(isOver, where).toBe(point === all.length);
        if (isOver) expect(passed()).toBe(2 * all.length);
        await forget(world.replica(3), 'abc', byForce, signal);
        expect([await documentsOf(world.store, 'abc'), [...world.txt]], where).toEqual([[], []]);
        expect((await documentsOf(world.store, 'abcd')).length, where).toBe(4);
      }
    },
  );
});
