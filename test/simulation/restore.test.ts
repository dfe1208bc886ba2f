import { expect, it } from 'vitest';
import { backUp, readBackup, restoreAll } from '../../src/compose/backup.ts';
import { decodeLineage, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { Store } from '../../src/ports/store.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// A store is backed up at any step of an order, lost, and restored, while its old process may be alive.

const { signal } = new AbortController();

/** A store that is backed up after its n-th write. */
function backedUpAfter(inner: Store, writes: number, at: Date) {
  let count = 0;
  const made: string[] = [];
  const counting =
    <Args extends unknown[], R>(call: (...args: Args) => Promise<R>) =>
    async (...args: Args): Promise<R> => {
      const result = await call(...args);
      count += 1;
      if (count === writes) made.push((await backUp(inner, at, signal)).text);
      return result;
    };
  const store: Store = { ...inner, put: counting(inner.put), delete: counting(inner.delete) };
  return { store, made, count: () => count };
}

async function restoredFrom(text: string): Promise<Store> {
  const store = createMemoryStore();
  await restoreAll(store, readBackup(Buffer.from(text), 'backup'), 'backup', signal);
  return store;
}

/** The lineage in a backup; none before its first write. */
function lineageIn(text: string): Lineage | undefined {
  const document = readBackup(Buffer.from(text), 'backup').find(({ key }) => key.kind === 'lineage');
  return document && decodeLineage(document.bytes, 'abc', 'backup');
}

it('of an issued certificate orders nothing, and renews when it is due', async () => {
  const world = await createSimulatedWorld();
  const spec = simulatedSpec();
  expect((await issue(world.replica(1), job(spec), signal)).result).toBe('issued');
  const { text, certificates, isOpen } = await backUp(world.store, world.clock.now(), signal);
  expect({ certificates, isOpen }).toEqual({ certificates: 1, isOpen: true });
  const store = await restoredFrom(text);
  world.pass(dayMs);
  expect((await issue(world.replica(2, { store }), job(spec), signal)).result).not.toBe('issued');
  expect(world.ca.accepted('newOrder')).toBe(1);
  world.pass(80 * dayMs);
  expect((await issue(world.replica(2, { store }), job(spec), signal)).result).toBe('renewed');
  expect(world.ca.accepted('newOrder')).toBe(2);
});

it('of any step resumes the order in flight: no lease blocks, and no second order is placed', async () => {
  const spec = simulatedSpec();
  const whole = await createSimulatedWorld();
  const all = backedUpAfter(whole.store, Number.NaN, whole.clock.now());
  await issue(whole.replica(1, { store: all.store }), job(spec), signal);
  expect(all.count()).toBeGreaterThan(6);
  for (let writes = 1; writes <= all.count(); writes += 1) {
    const world = await createSimulatedWorld();
    const { store, made } = backedUpAfter(world.store, writes, world.clock.now());
    // Its process ends well, after the backup; then the store is lost.
    expect((await issue(world.replica(1, { store }), job(spec), signal)).result).toBe('issued');
    const restored = await restoredFrom(made[0]!);
    const before = world.clock.monotonicMs();
    const outcome = await issue(world.replica(2, { store: restored }), job(spec), signal);
    expect(outcome.result, `after write ${writes}`).not.toBe('failed');
    // A lease of the backup would have to run out first.
    expect(world.clock.monotonicMs() - before).toBeLessThan(60_000);
    // The one order, unless the backup is from before its URL was known.
    const { work, current } = lineageIn(made[0]!) ?? {};
    const isKnown = current !== undefined || work?.order?.url !== undefined;
    expect(world.ca.accepted('newOrder'), `after write ${writes}`).toBe(isKnown ? 1 : 2);
    expect(world.txt.size).toBe(0);
  }
});
