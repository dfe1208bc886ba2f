import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors.ts';
import type { StoredSpec } from '../../src/core/spec.ts';
import { reconcile, reconcileAll } from '../../src/engine/reconcile.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

it('reports the results of its certificates even if the store cannot be tidied', async () => {
  const world = await createSimulatedWorld();
  const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
  const store = { ...world.store, tidy: () => Promise.reject(full) };
  const outcomes = await reconcileAll(
    world.replica(1, { store }),
    { jobs: [job(simulatedSpec())], jobOf: () => undefined },
    signal,
  );
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
  const outcomes = await reconcile(world.replica(1, { solver }), jobs, AbortSignal.timeout(4_000));
  expect(outcomes.map(({ result }) => result)).toEqual(jobs.map(() => 'issued'));
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
    const outcomes = await reconcileAll(world.replica(2, { store }), { jobs: [], jobOf: () => renewal }, signal);
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
    const more: StoredSpec = {
      ...simulatedSpec(),
      spec: { ...simulatedSpec().spec, deploy: ['target', 'other'] },
      deployers: { target: { type: 'sim' }, other: { type: 'sim' } },
    };
    const { outcomes, lineage } = await passAfter((world) => issue(world.replica(3), byFlags(more), signal));
    expect(outcomes).toMatchObject([{ result: 'unchanged' }]);
    expect(lineage?.spec).toEqual(more);
    expect(Object.keys(lineage?.deployments ?? {})).toEqual(['target', 'other']);
  });
});
