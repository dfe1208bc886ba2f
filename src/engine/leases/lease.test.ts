import { describe, expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { encodeDocument, type Lineage } from '../../core/lineage/lineage.ts';
import { testSpec } from '../../core/lineage/test-lineages.ts';
import { failed } from '../../core/lineage/work/end.ts';
import { begun, type Claim } from '../../core/lineage/work/lease.ts';
import { recordsKept } from '../../core/lineage/work/order.ts';
import type { Event } from '../../core/plan/event.ts';
import type { Store } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createFooting, type Engine } from '../engine.ts';
import { firstSight, isBusy, takeLease } from './lease.ts';

const { signal } = new AbortController();
const error = fail('preflight/no', { finding: 'no', advice: '' });
const random = randomOf(seeded('leases'));

/**
 * One process as the lease sees it: its identity, and what it can tell of the others. Its clock is its own, so that a
 * stopped process is one whose clock does not move.
 */
function process(store: Store, pid: number, dead: ReadonlySet<number> = new Set(), clock = fakeClock()) {
  const said: string[] = [];
  const ports = {
    ...{ store, clock, random, processes: fakeProcesses({ pid, dead }) },
    reporter: { report: ({ message }: Event) => void said.push(message) },
    limits: { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000, deployTimeoutMs: 120_000 },
  };
  const engine = { ...ports, ...createFooting(ports) } as unknown as Engine;
  return { clock, engine, said };
}

const begin = (_lineage: Lineage | undefined, claim: Claim) =>
  begun({ wanted: testSpec, origin: 'configuration', aim: 'certificate', newId: 'v1' }, claim);
const visit = (engine: Engine) => firstSight(engine, testSpec.name);

/** Comes back until the lease is taken or another one has finished, as the lanes do. */
async function take(engine: Engine) {
  const sight = visit(engine);
  for (;;) {
    const taken = await takeLease(engine, sight, begin, signal);
    if (!isBusy(taken)) return taken;
    await engine.clock.sleep(taken.pauseMs, signal);
  }
}

/** Lets the time of this process pass until it has the lease. */
async function hold({ engine, clock }: ReturnType<typeof process>) {
  const taken = await clock.passWhile(take(engine));
  if (!taken || !('holding' in taken)) throw new Error('not taken');
  return taken.holding;
}

const close = ({ clock }: ReturnType<typeof process>) => failed({ error, asked: false, left: [], now: clock.now() });
const isLost = (thrown: unknown) => isFailure(thrown, 'store/lease-lost');

describe('the lease', () => {
  it('is taken by one compare-and-set, and given back with the work', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    const first = await hold(one);
    expect(first.work.lease).toMatchObject({ holder: identityOf(1), session: one.engine.sessions.own.current().ref });
    await first.apply(close(one), signal);
    const second = await hold(process(store, 2));
    expect(second.work.lease?.holder.pid).toBe(2);
  });

  it('is stolen at once from a holder that is provably dead, whose next write then fails', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    const two = process(store, 2, new Set([1]));
    const second = await hold(two);
    expect(two.clock.monotonicMs()).toBe(0);
    expect(second.work.takenOver).toBeUndefined();
    await expect(first.apply(recordsKept([]), signal)).rejects.toSatisfy(isLost);
    expect(first.lost.aborted).toBe(true);
  });

  it('is stolen from a holder that may live once its session was silent for a whole time to live', async () => {
    const store = createMemoryStore();
    const stopped = process(store, 1);
    const first = await hold(stopped);
    const two = process(store, 2);
    const second = await hold(two);
    expect(two.clock.monotonicMs()).toBeGreaterThan(60_000);
    expect(second.work.takenOver).toBe(true);
    await stopped.clock.advance(60_000);
    await expect(first.check(signal)).rejects.toSatisfy(isLost);
  });

  it('says for whom it waits, and until when', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    await hold(one);
    const two = process(store, 2);
    // It sees the first sign of life only now.
    await two.clock.advance(7_000);
    const end = new Date(two.clock.now().getTime() + 60_000).toISOString();
    await hold(two);
    expect(two.said).toEqual([
      `process 1 is working on it; waiting for its result, or until ${end} if it gives no sign of life`,
    ]);
  });

  it('of an older version is stolen once its document has not changed for a whole time to live', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    const key = { kind: 'lineage', name: testSpec.name } as const;
    const { session: _none, ...lease } = first.work.lease!;
    const old = (beat: number) => ({ ...first.lineage, work: { ...first.work, lease: { ...lease, beat } } });
    const beat = async (count: number) => {
      const { revision } = (await store.get(key, signal))!;
      await store.put(key, encodeDocument(old(count)), { ifRevision: revision, signal });
    };
    await beat(1);
    const two = process(store, 2);
    two.clock.sleep(30_000, signal).then(
      () => beat(2),
      () => undefined,
    );
    await hold(two);
    expect(two.clock.monotonicMs()).toBeGreaterThan(90_000);
  });

  it('never waits for another process, whose result is the answer when the caller comes back', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    const first = await hold(one);
    const { engine } = process(store, 2);
    const sight = visit(engine);
    expect(await takeLease(engine, sight, begin, signal)).toEqual({ busy: true, pauseMs: 250 });
    await first.apply(close(one), signal);
    expect(await takeLease(engine, sight, begin, signal)).toMatchObject({ finished: { last: { result: 'failed' } } });
  });

  it('looks less often the longer it waits, and takes a lease as soon as it is over', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    await hold(one);
    const { engine, clock } = process(store, 2);
    const sight = visit(engine);
    const pauses: number[] = [];
    for (;;) {
      const taken = await takeLease(engine, sight, begin, signal);
      if (!isBusy(taken)) break;
      pauses.push(taken.pauseMs);
      await clock.passWhile(clock.sleep(taken.pauseMs, signal));
      // One gives its last sign of life.
      if (pauses.length === 30) await one.clock.advance(20_000);
    }
    expect(pauses.slice(0, 6)).toEqual([250, 250, 250, 250, 250, 312.5]);
    expect(Math.max(...pauses)).toBe(2_000);
    expect(pauses.length).toBeLessThan(75);
    expect(clock.monotonicMs()).toBeGreaterThan(60_000);
    expect(clock.monotonicMs()).toBeLessThan(120_000);
  });

  it('takes nothing where there is nothing to do', async () => {
    const { engine } = process(createMemoryStore(), 1);
    expect(await takeLease(engine, visit(engine), () => undefined, signal)).toBeUndefined();
  });
});
