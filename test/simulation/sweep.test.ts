import { describe, expect, it } from 'vitest';
import { noteRead, noteWrite } from '../../src/core/async/writes.ts';
import { fail } from '../../src/core/errors/errors.ts';
import { withSolver } from '../../src/core/lineage/test-lineages.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { OwnedSolver } from '../../src/core/spec/spec-parts.ts';
import { createFooting } from '../../src/engine/engine.ts';
import * as sweeping from '../../src/engine/pass/sweep.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const clock = fakeClock();
const createWorld = () => createSimulatedWorld({ clock });
const pause = (ms: number) => clock.sleep(ms, signal);

const sweep = (...args: Parameters<typeof sweeping.sweep>) => passing(clock, sweeping.sweep(...args));

const refused = () =>
  fail('dns/refused', { provider: 'sim', name: 'example.com', reason: 'the key was revoked', advice: 'Check it.' });
const spec = simulatedSpec();

/** A sweep that a signal stops during its clean-up; its process dies with its lease, or releases it. */
async function interruptedSweep(world: Awaited<ReturnType<typeof createSimulatedWorld>>, pid: number, dies: boolean) {
  await world.owe();
  const stop = new AbortController();
  const cleanup = async () => {
    if (dies) world.dead.add(pid);
    stop.abort(new Error('SIGTERM'));
    if (dies) await new Promise(() => {});
  };
  const interrupted = sweeping.sweep(world.replica(pid, { solver: { ...world.solver, cleanup } }), stop.signal);
  interrupted.catch(() => undefined);
  if (dies) while (!world.dead.has(pid)) await clock.advance(10);
  else await expect(passing(clock, interrupted)).rejects.toThrow('SIGTERM');
}

describe('a sweep that is interrupted', () => {
  it.each([
    ['is stopped', false],
    ['is killed', true],
  ])('and %s makes no later run order a certificate or lose a key', async (_how, dies) => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    const first = (await world.readLineage())?.current?.id;
    await interruptedSweep(world, 2, dies);
    expect((await world.readLineage())?.work?.lease !== undefined, 'its lease').toBe(dies);
    expect(await issue(world.replica(3), job(spec), signal)).toMatchObject({ result: 'unchanged' });
    expect(world.ca.accepted('finalize'), 'certificates bought').toBe(1);

    await sweep(world.replica(3), signal);
    const after = await world.readLineage();
    expect([after?.work, after?.tombstones, after?.current?.id]).toEqual([undefined, undefined, first]);

    world.pass(80 * dayMs);
    await interruptedSweep(world, 4, dies);
    expect(await issue(world.replica(5), job(spec), signal)).toMatchObject({ result: 'renewed' });
    const renewed = (await world.readLineage())?.current?.id;
    expect(renewed).toMatch(/^\d{8}-/);
    expect(world.delivered).toEqual([first, renewed]);
    expect(await world.store.get({ kind: 'key', name: `abc~${renewed}` }, signal)).toBeDefined();
  });

  it('because its solver cannot be made releases the lease and reports the error', async () => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    await world.owe();
    const gone = fail('config/secret-unreadable', { file: '/run/tsig', reason: 'no such file' });
    const { failed } = await sweep(world.replica(2, { solver: () => Promise.reject(gone) }), signal);
    expect(failed).toMatchObject([{ code: 'config/secret-unreadable', reason: expect.stringContaining('/run/tsig') }]);
    const after = await world.readLineage();
    expect([after?.work, after?.tombstones?.length]).toEqual([undefined, 1]);
  });

  it('on another machine that died has its lease released', async () => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    await interruptedSweep(world, 2, true);
    await world.editLineage((l) => {
      const lease = l.work?.lease;
      if (!l.work || !lease) throw new Error('no lease');
      return { ...l, work: { ...l.work, lease: { ...lease, holder: { ...lease.holder, bootId: 'elsewhere' } } } };
    });
    await sweep(world.replica(3, { limits: { leaseTtlMs: 300 } }), signal);
    const after = await world.readLineage();
    expect([after?.work, after?.tombstones]).toEqual([undefined, undefined]);
  });
});

/** Fences all processes. */
async function endSessions(store: Store): Promise<void> {
  for await (const page of store.scan('session', signal))
    for (const { key, revision } of page) await store.delete(key, { ifRevision: revision, signal });
}

describe('a sweep', () => {
  it('renews its lease while removals take longer', async () => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    await world.owe(3);
    const cleanup = async () => {
      await pause(1_200);
      throw refused();
    };
    const removing = sweep(
      world.replica(2, { limits: { leaseTtlMs: 400 }, solver: { ...world.solver, cleanup } }),
      signal,
    );
    await passing(clock, pause(50));
    await issue(world.replica(3, { limits: { leaseTtlMs: 400 } }), job(spec, { force: true }), signal);
    const { failed } = await removing;
    expect(failed).toHaveLength(3);
    expect(failed[0]).toMatchObject({
      what: 'abc: the dns-01 challenge of example.com',
      reason: expect.stringContaining('the key was revoked'),
      code: 'dns/refused',
    });
  });

  it.each([
    ['nothing after a refused connection', 'ECONNREFUSED', 0],
    ['what may have been written when the server was silent', undefined, 1],
  ])('owes %s', async (_what, code, owed) => {
    const world = await createWorld();
    const cause = code === undefined ? undefined : Object.assign(new Error(code), { code });
    const down = () => Promise.reject(fail('dns/unreachable', { provider: 'sim', reason: '' }, { cause }));
    const solver: Solver = { ...world.solver, present: down, cleanup: down };
    expect(await issue(world.replica(1, { solver }), job(spec), signal)).toMatchObject({ result: 'failed' });
    expect((await sweep(world.replica(2, { solver }), signal)).failed).toHaveLength(owed);
  });

  it('that has lost its lease removes nothing more', async () => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    await world.owe(2);
    const removed: string[] = [];
    // Frozen before the first removal, and taken over meanwhile.
    const solver = async (): Promise<Solver> => {
      await endSessions(world.store);
      await pause(400);
      return { ...world.solver, cleanup: async ({ token }) => void removed.push(token) };
    };
    const { failed } = await sweep(world.replica(2, { limits: { leaseTtlMs: 300 }, solver }), signal);
    expect(removed).toEqual([]);
    expect(failed).toMatchObject([{ what: 'abc', code: 'store/lease-lost' }]);
  });

  it('waits only one lease for a machine that is gone, however many certificates it held', async () => {
    const world = await createWorld();
    const names = Array.from({ length: 6 }, (_, i) => `l${i}`);
    for (const name of names) {
      await issue(world.replica(1), job(simulatedSpec(name, [`${name}.example.com`])), signal);
      const holder = { bootId: 'gone', pidNamespace: 'x', pid: 77, startTime: '1' };
      const order = { step: 'lease', version: 'v', directory: 'd', startedAt: '', challenges: [], order: {} } as const;
      const lease = { id: name, beat: 0, holder };
      await world.editLineage((l) => ({ ...l, work: { ...order, probe: 'ours', lease } }), name);
    }
    const began = clock.monotonicMs();
    await sweep(world.replica(2, { limits: { leaseTtlMs: 1_000 } }), signal);
    expect(clock.monotonicMs() - began).toBeLessThan(3_000);
    for (const name of names) expect((await world.readLineage(name))?.work?.lease).toBeUndefined();
  });

  it('removes what is due of one certificate at the same time', async () => {
    const world = await createWorld();
    await issue(world.replica(1), job(spec), signal);
    await world.owe(20);
    let [now, most] = [0, 0];
    const cleanup = async () => {
      now += 1;
      most = Math.max(most, now);
      await pause(20);
      now -= 1;
    };
    await sweep(world.replica(2, { solver: { ...world.solver, cleanup } }), signal);
    expect(most).toBe(20);
    expect((await world.readLineage())?.tombstones).toBeUndefined();
  });
});

describe('tombstones', () => {
  it('exist once per token, however often its removal fails', async () => {
    const world = await createWorld();
    const wanted = simulatedSpec(
      'abc',
      Array.from({ length: 20 }, (_, i) => `host-${i}.example.com`),
    );
    // It is unknown whether the value was added.
    const isAway = () => Promise.reject(fail('dns/unreachable', { provider: 'sim', reason: 'timed out' }));
    const solver = { ...world.solver, present: isAway, cleanup: isAway };
    for (let pid = 1; pid <= 3; pid += 1) {
      await issue(world.replica(pid, { solver }), job(wanted, { obeyBackoff: false }), signal);
      await sweep(world.replica(pid, { solver }), signal);
    }
    expect((await world.readLineage())?.tombstones).toHaveLength(20);
  });

  it('are removed by the solver that presented them, whatever the certificate uses today', async () => {
    const world = await createWorld();
    let isDown = true;
    const old: Solver = {
      ...world.solver,
      cleanup: (...args) => (isDown ? Promise.reject(refused()) : world.solver.cleanup(...args)),
    };
    // Like a webroot after DNS: it finds nothing to remove and succeeds.
    const today: Solver = { ...world.solver, type: 'other', cleanup: async () => undefined };
    const solver = async ({ solver: { settings } }: OwnedSolver) => (settings.type === 'sim' ? old : today);
    await issue(world.replica(1, { solver }), job(spec), signal);
    const [left] = [...world.txt];
    const moved = withSolver(spec, { type: 'other' }, 'other');
    world.pass(70 * dayMs);
    await issue(world.replica(2, { solver }), job(moved), signal);
    expect((await sweep(world.replica(3, { solver }), signal)).failed).toHaveLength(1);
    isDown = false;
    expect((await sweep(world.replica(4, { solver }), signal)).failed).toEqual([]);
    expect(world.txt.has(left ?? '')).toBe(false);
    expect((await world.readLineage())?.tombstones).toBeUndefined();
  });
});

it('what a removal may have missed is looked at after the lag, an hour and a day later, and never waited for', async () => {
  const world = await createSimulatedWorld();
  const cleaned: number[] = [];
  let isListed = false;
  // The value is added, and its answer is lost. The list has it a minute later.
  const solver: Solver = {
    ...world.solver,
    async present(challenge, note, within) {
      await world.solver.present(challenge, note, within);
      throw fail('dns/failed', { provider: 'sim', name: 'example.com', reason: 'its answer was lost' });
    },
    async cleanup(challenge, receipt, within) {
      cleaned.push(world.clock.now().getTime());
      if (isListed) await world.solver.cleanup(challenge, receipt, within);
    },
    mayMissForMs: (_challenge, receipt) => (receipt === undefined ? 30 * 60_000 : undefined),
  };
  const begin = world.clock.now().getTime();
  expect(await issue(world.replica(1, { solver }), job(simulatedSpec('abc', ['example.com'])), signal)).toMatchObject({
    error: { code: 'dns/failed' },
  });
  const sweepNow = () => sweep(world.replica(2, { solver }), signal);
  for (const [minutes, stones] of [
    [1, [0]],
    [31, [0]],
    [59, [0]],
    [61, [1]],
    [24 * 60 + 1, undefined],
    [48 * 60, undefined],
  ] as const) {
    world.clock.set(new Date(begin + minutes * 60_000));
    isListed = true;
    expect(await sweepNow()).toMatchObject({ failed: [] });
    expect((await world.readLineage())?.tombstones?.map(({ looked }) => looked)).toEqual(stones);
  }
  expect(cleaned.map((at) => Math.round((at - begin) / 60_000))).toEqual([0, 31, 61, 24 * 60 + 1]);
  expect([...world.txt]).toEqual([]);
});

describe('what a sweep says of a list that lags', () => {
  /** A killed run has added two values and knows no ids; the service lists them 30 s after that. */
  async function killed() {
    const world = await createSimulatedWorld({ clock });
    let died = () => {};
    const death = new Promise<void>((resolve) => (died = resolve));
    const listedAt = world.clock.now().getTime() + 30_000;
    const solver: Solver = {
      ...world.solver,
      cleanup: async (challenge, _receipt, within) => {
        const isListed = world.clock.now().getTime() >= listedAt;
        if (isListed && world.txt.delete(challenge.keyAuthorization)) noteWrite(within);
        else noteRead(within);
      },
      mayMissForMs: () => 30_000,
      ready: () => {
        world.dead.add(1);
        died();
        return new Promise(() => {});
      },
    };
    const spec = simulatedSpec('abc', ['example.com', '*.example.com']);
    await Promise.race([issue(world.replica(1, { solver }), job(spec), signal), death]);
    const messages: string[] = [];
    const reporter = { report: ({ event, message }: Event) => void messages.push(`${event} ${message}`) };
    const sweepNow = () => sweep({ ...world.replica(2, { solver }), reporter }, signal);
    return { world, sweepNow, messages };
  }
  const challenges = ['abc: the dns-01 challenge of example.com', 'abc: the dns-01 challenge of *.example.com'];

  it('is not removed before it is listed, removed and counted then, and checked twice without a word', async () => {
    const { world, sweepNow, messages } = await killed();
    const begin = world.clock.now().getTime();
    const first = await sweepNow();
    expect(first).toMatchObject({ cleaned: [], unsure: challenges, failed: [], waiting: 2 });
    expect(Date.parse(first.nextLook ?? '') - begin).toBe(30_000);
    expect(world.txt.size).toBe(2);
    expect(messages.filter((one) => one.startsWith('sweep.'))).toEqual(
      challenges.map((one) => `sweep.unsure not in the provider’s list yet: ${one}; it is looked for again`),
    );
    expect(await sweepNow()).toMatchObject({ cleaned: [], unsure: [], waiting: 2 });
    for (const [seconds, cleaned, waiting] of [
      [31, challenges, 2],
      [3_601, [], 2],
      [86_401, [], 0],
    ] as const) {
      world.clock.set(new Date(begin + seconds * 1_000));
      expect(await sweepNow(), `after ${seconds} s`).toMatchObject({ cleaned, unsure: [], failed: [], waiting });
      expect([...world.txt]).toEqual([]);
    }
  });

  it('reads all certificates once, and those that it swept again', async () => {
    const { world } = await killed();
    for (const name of ['b', 'c']) await issue(world.replica(3), job(simulatedSpec(name)), signal);
    let scans = 0;
    const read: string[] = [];
    const store = {
      ...world.store,
      scan: (...args: Parameters<typeof world.store.scan>) => {
        scans += args[0] === 'lineage' ? 1 : 0;
        return world.store.scan(...args);
      },
      get: (...args: Parameters<typeof world.store.get>) => {
        if (args[0].kind === 'lineage') read.push(args[0].name);
        return world.store.get(...args);
      },
    };
    await sweep(world.replica(4, { store }), signal);
    expect([scans, new Set(read)]).toEqual([1, new Set(['abc'])]);
  });

  it('says what a late check removes', async () => {
    const { world, sweepNow } = await killed();
    const begin = world.clock.now().getTime();
    const values = [...world.txt];
    await sweepNow();
    world.clock.set(new Date(begin + 31_000));
    await sweepNow();
    for (const value of values) world.txt.add(value);
    world.clock.set(new Date(begin + 3_601_000));
    expect(await sweepNow()).toMatchObject({ cleaned: challenges, failed: [] });
  });
});

it('a run that was frozen checks its lease before it cleans up, and removes nothing of its successor', async () => {
  const world = await createWorld();
  let frozenMs = 0;
  const lookedAt: (string | undefined)[] = [];
  const solver: Solver = {
    ...world.solver,
    ready: async () => {
      if (frozenMs > 0) return { ready: true };
      frozenMs = 120_000;
      const holder = { bootId: 'b', pidNamespace: 'n', pid: 9, startTime: '1' };
      await world.editLineage((l) => {
        if (!l.work) throw new Error('no work');
        return { ...l, work: { ...l.work, lease: { id: 'successor', holder } } };
      });
      await endSessions(world.store);
      world.dead.add(9);
      throw refused();
    },
    cleanup: async (...args) => {
      lookedAt.push((await world.readLineage())?.work?.lease?.id);
      return world.solver.cleanup(...args);
    },
  };
  const monotonicMs = () => world.clock.monotonicMs() + frozenMs;
  const ports = { ...world.replica(1, { solver }), clock: { ...world.clock, monotonicMs } };
  const context = { ...ports, ...createFooting(ports) };
  expect(await issue(context, job(spec), signal)).toMatchObject({ result: 'issued' });
  expect(lookedAt.length).toBeGreaterThan(0);
  expect(lookedAt).not.toContain('successor');
  expect(world.txt.size).toBe(0);
});

it('says that it waits for a process, and on which machine that is', async () => {
  const world = await createWorld();
  await issue(world.replica(1), job(spec), signal);
  const holder = { bootId: 'another', pidNamespace: 'pid:[1]', pid: 32, startTime: '1', host: 'node-b' };
  await world.editLineage((lineage) => ({
    ...lineage,
    work: {
      ...{ step: 'challenges', version: 'v', directory: 'https://ca.test/directory', challenges: [] },
      ...{ startedAt: clock.now().toISOString(), probe: 'left' },
      lease: { id: 'theirs', holder, beat: 1 },
    },
  }));
  const messages: string[] = [];
  const engine = { ...world.replica(2), reporter: { report: ({ message }: Event) => void messages.push(message) } };
  expect((await sweep(engine, signal)).failed).toEqual([]);
  expect(messages).toContainEqual(
    expect.stringMatching(/^process 32 on node-b may be working on it; waiting until \S+Z to see whether it is alive$/),
  );
});
