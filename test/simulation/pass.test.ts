import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument, type Tombstone } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { sweep } from '../../src/engine/pass/sweep.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const directory = 'https://ca.test/directory';
const stone: Tombstone = {
  ...{ type: 'dns-01', identifier: 'example.com', token: 't', thumbprint: 'x', looked: -1 },
  closedAt: '2026-11-24T12:00:00.000Z',
};

it('reports the results of its certificates even if the store cannot be tidied', async () => {
  const world = await createSimulatedWorld();
  const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
  const store = { ...world.store, tidy: () => Promise.reject(full) };
  const pass = { jobs: [job(simulatedSpec())], jobOf: () => undefined };
  const outcomes = await passing(world.clock, reconcileAll(world.replica(1, { store }), pass, signal));
  expect(outcomes).toMatchObject([{ result: 'issued' }]);
});

it('starts more certificates as soon as their CA is known to accept them, before one has ended', async () => {
  const world = await createSimulatedWorld();
  const jobs = Array.from({ length: 40 }, (_, i) => job(simulatedSpec(`c${i}`, [`c${i}.example.com`])));
  let isOpen = false;
  const solver: Solver = {
    ...world.solver,
    ready: async () => {
      isOpen ||= world.txt.size > 32;
      return isOpen ? { ready: true } : { ready: false, reason: 'too few have begun' };
    },
  };
  const inTime = world.clock.deadline(600_000).signal;
  const outcomes = await passing(world.clock, reconcile(world.replica(1, { solver }), jobs, inTime));
  expect(outcomes.map(({ result }) => result)).toEqual(jobs.map(() => 'issued'));
});

it('counts what it has to order or deliver before it works on the first', async () => {
  const world = await createSimulatedWorld();
  const events: Event[] = [];
  const engine: Engine = { ...world.replica(1), reporter: { report: (event) => void events.push(event) } };
  await issue(world.replica(2), job(simulatedSpec('done')), signal);
  const problem = { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'no', status: 400 };
  world.ca.failNext('newOrder', { problem });
  // It waits for its next try, as only a closer look can tell.
  expect(await issue(world.replica(2), job(simulatedSpec('late')), signal)).toMatchObject({ result: 'failed' });
  const jobs = ['done', 'late', 'a', 'b'].map((name) => job(simulatedSpec(name)));
  for (const expected of [2, undefined]) {
    await passing(world.clock, reconcileAll(engine, { jobs, jobOf: () => undefined }, signal));
    const names = events.map(({ event }) => event);
    const planned = events.filter(({ event }) => event === 'run.planned');
    expect(planned.map(({ data }) => data)).toEqual(expected === undefined ? [] : [{ certificates: expected }]);
    if (expected) expect(names.indexOf('run.planned')).toBeLessThan(names.indexOf('certificate.started'));
    events.length = 0;
  }
});

describe('forty certificates that a frozen process holds', () => {
  async function withFrozen() {
    const world = await createSimulatedWorld();
    const { clock } = world;
    await issue(world.replica(1), job(simulatedSpec('other')), signal);
    const other = await world.readLineage('other');
    if (!other) throw new Error('not issued');
    const frozen = Array.from({ length: 40 }, (_, i) => `frozen${i}`);
    const lease = { holder: world.replica(77).processes.self(), beat: 3 };
    const held = {
      ...{ step: 'challenges', version: 'v2', directory, startedAt: '', thumbprint: 'x' },
      ...{ challenges: [{ type: 'dns-01', identifier: 'example.com', token: 'late' }] },
    };
    for (const name of frozen) {
      const document = encodeDocument({
        ...other,
        name,
        spec: simulatedSpec(name),
        work: { ...held, lease: { ...lease, id: name } },
      });
      await world.store.put({ kind: 'lineage', name }, document, { ifRevision: null, signal });
    }
    const events: string[] = [];
    const engine: Engine = {
      ...world.replica(2),
      reporter: { report: ({ event, certificate }) => void events.push(`${event} ${certificate ?? ''}`) },
    };
    return { clock, world, frozen, engine, events };
  }

  it('hold up no other certificate, though they are more than the lanes', async () => {
    const { clock, world, frozen, engine, events } = await withFrozen();
    world.pass(70 * dayMs);
    const stop = new AbortController();
    const jobs = [...frozen, 'other'].map((name) => job(simulatedSpec(name)));
    const all = reconcileAll(engine, { jobs, jobOf: () => undefined }, stop.signal);
    all.catch(() => undefined);
    await clock.advance(300);
    expect(events.filter((event) => event.startsWith('certificate.started'))).toEqual(['certificate.started other']);
    while (!events.includes('certificate.issued other')) await clock.advance(10);
    stop.abort(new Error('enough'));
    await expect(passing(clock, all)).rejects.toThrow('enough');
  });

  it('hold up no sweep of another certificate', async () => {
    const { clock, world, engine } = await withFrozen();
    await world.editLineage((lineage) => ({ ...lineage, tombstones: [stone] }), 'other');
    const stop = new AbortController();
    const all = sweep(engine, stop.signal);
    all.catch(() => undefined);
    await clock.advance(300);
    expect((await world.readLineage('other'))?.tombstones).toBeUndefined();
    stop.abort(new Error('enough'));
    await expect(passing(clock, all)).rejects.toThrow('enough');
  });

  it('are taken over after one lease, all at once', async () => {
    const { clock, world, frozen, engine } = await withFrozen();
    const beganMs = clock.monotonicMs();
    await passing(clock, sweep(engine, signal));
    expect(clock.monotonicMs() - beganMs).toBeLessThan(1.2 * engine.limits.leaseTtlMs);
    for (const name of frozen) {
      const { work, tombstones } = (await world.readLineage(name)) ?? {};
      expect([work?.lease, work?.challenges, tombstones?.length]).toEqual([undefined, [], 1]);
    }
  });
});

describe('a certificate made by flags that is due', () => {
  const byFlags = (wanted: StoredSpec) => ({ ...job(wanted, { obeyBackoff: false }), origin: 'command-line' }) as const;

  /** A pass that scanned the store before something else happened. */
  async function passAfter(change: (world: Awaited<ReturnType<typeof createSimulatedWorld>>) => Promise<unknown>) {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), byFlags(simulatedSpec()), signal);
    world.pass(80 * dayMs);
    const store: Store = {
      ...world.store,
      async *scan(kind, s) {
        yield* world.store.scan(kind, s);
        if (kind === 'lineage') await change(world);
      },
    };
    const renewal = { ...job(simulatedSpec()), origin: 'command-line', isStored: true } as const;
    const pass = reconcileAll(world.replica(2, { store }), { jobs: [], jobOf: () => renewal }, signal);
    const outcomes = await passing(world.clock, pass);
    return { outcomes, lineage: await world.readLineage() };
  }

  it('is not ordered again if it was deleted after the scan', async () => {
    const { outcomes, lineage } = await passAfter(async ({ store }) => {
      const key = { kind: 'lineage', name: 'abc' } as const;
      const entry = await store.get(key, signal);
      await store.delete(key, { ifRevision: entry?.revision ?? '', signal });
    });
    expect([outcomes.map(({ result }) => result), lineage]).toEqual([['unchanged'], undefined]);
  });

  it('keeps settings that changed after the scan', async () => {
    const more: StoredSpec = { ...simulatedSpec(), targets: targetsOf('target', 'other') };
    const { outcomes, lineage } = await passAfter((world) => issue(world.replica(3), byFlags(more), signal));
    expect(outcomes).toMatchObject([{ result: 'unchanged' }]);
    expect(lineage?.spec).toEqual(more);
    expect(Object.keys(lineage?.deployments ?? {})).toEqual(['target', 'other']);
  });
});

it('leaves nothing behind at the signal of a process that runs for months', async () => {
  const world = await createSimulatedWorld();
  const combined = vi.spyOn(AbortSignal, 'any');
  const { signal: months } = new AbortController();
  const engines = [world.replica(1), world.replica(2)];
  const jobs = ['a', 'b', 'c'].map((name) => job(simulatedSpec(name, [`${name}.example.com`])));
  // The second process waits for the leases of the first one.
  const passes = engines.map((engine) => reconcileAll(engine, { jobs, jobOf: () => undefined }, months));
  await passing(world.clock, Promise.all(passes));
  world.pass(2 * dayMs);
  await passing(world.clock, sweep(engines[0]!, months));
  expect(combined).not.toHaveBeenCalled();
  combined.mockRestore();
  expect(getEventListeners(months, 'abort')).toEqual([]);
});

describe('two forced renewals that were started at once', () => {
  const names = ['a', 'b'];
  const jobs = names.map((name) => job(simulatedSpec(name), { force: true, obeyBackoff: false }));
  const renewing = { jobs, jobOf: () => undefined };
  const results = (outcomes: readonly { readonly result: string }[]) => outcomes.map(({ result }) => result);

  async function ready() {
    const world = await createSimulatedWorld();
    for (const name of names) await issue(world.replica(1), job(simulatedSpec(name)), signal);
    return { world, ordered: () => world.ca.state.certificates.size - names.length };
  }

  it.each(['renew', 'issue'])('order once if the second begins its work after the first has ended: %s', async (how) => {
    const { world, ordered } = await ready();
    let first: readonly { readonly result: string }[] = [];
    /** The first command does all its work after the second has read the store. */
    const afterStart = async () => {
      if (first.length > 0) return;
      first = await reconcileAll(world.replica(2), renewing, signal);
    };
    let gets = 0;
    const store: Store = {
      ...world.store,
      async *scan(kind, ...rest) {
        yield* world.store.scan(kind, ...rest);
        if (kind === 'lineage') await afterStart();
      },
      async get(key, ...rest) {
        const found = await world.store.get(key, ...rest);
        gets += key.kind === 'lineage' ? 1 : 0;
        if (how === 'issue' && gets === names.length) await afterStart();
        return found;
      },
    };
    const second = world.replica(3, { store });
    const run = how === 'renew' ? reconcileAll(second, renewing, signal) : reconcile(second, jobs, signal);
    const outcomes = await passing(world.clock, run);
    expect([results(first), ordered()]).toEqual([['renewed', 'renewed'], 2]);
    const message = 'another process has renewed it since this command started';
    expect(outcomes).toMatchObject(names.map((certificate) => ({ certificate, result: 'unchanged', message })));
  });

  it('order once if the second waits for the lease of the first', async () => {
    const { world, ordered } = await ready();
    const both = [2, 3].map((pid) => reconcileAll(world.replica(pid), renewing, signal));
    await passing(world.clock, Promise.all(both));
    expect(ordered()).toBe(2);
  });

  it('order twice if the second was started after the first had ended', async () => {
    const { world, ordered } = await ready();
    for (const pid of [2, 3])
      expect(results(await passing(world.clock, reconcileAll(world.replica(pid), renewing, signal)))).toEqual([
        'renewed',
        'renewed',
      ]);
    expect(ordered()).toBe(4);
  });

  it('order again if the first only rolled back', async () => {
    const { world, ordered } = await ready();
    await passing(world.clock, reconcileAll(world.replica(2), renewing, signal));
    const store: Store = {
      ...world.store,
      async *scan(kind, ...rest) {
        yield* world.store.scan(kind, ...rest);
        if (kind === 'lineage') await rollBack(world.replica(4), { name: 'a', wanted: simulatedSpec('a') }, signal);
      },
    };
    const outcomes = await passing(world.clock, reconcileAll(world.replica(3, { store }), renewing, signal));
    expect([results(outcomes), ordered()]).toEqual([['renewed', 'renewed'], 4]);
  });
});
