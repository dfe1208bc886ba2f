import { describe, expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { testSpec } from '../../core/lineage/test-lineages.ts';
import { failed } from '../../core/lineage/work/end.ts';
import { beaten, begun, type Claim } from '../../core/lineage/work/lease.ts';
import type { Store } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import type { Engine } from '../engine.ts';
import { firstSight, isBusy, takeLease } from './lease.ts';

const { signal } = new AbortController();
const error = fail('preflight/no', { finding: 'no', advice: '' });
const clock = fakeClock(new Date('2026-01-01T00:00:00Z'), { auto: true });

/** One process as the lease sees it: its identity, and what it can tell of the others. */
function process(store: Store, pid: number, dead: ReadonlySet<number> = new Set()): Engine {
  return {
    store,
    clock,
    random: { bytes: (n: number) => new Uint8Array(n).fill(pid), number: () => 0.5 },
    processes: fakeProcesses({ pid, dead }),
    reporter: { report() {} },
    limits: { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000, deployTimeoutMs: 120_000 },
  } as unknown as Engine;
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

async function hold(engine: Engine) {
  const taken = await take(engine);
  if (!taken || !('holding' in taken)) throw new Error('not taken');
  return taken.holding;
}

describe('the lease', () => {
  it('is taken by one compare-and-set and given back with the work', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    expect(first.work.lease).toMatchObject({ holder: identityOf(1), beat: 0 });
    await first.apply(failed({ error, asked: false, left: [], now: clock.now() }), signal);
    const second = await hold(process(store, 2));
    expect(second.work.lease?.holder.pid).toBe(2);
  });

  it('is stolen at once from a holder that is provably dead, whose next write then fails', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    const began = clock.monotonicMs();
    const second = await hold(process(store, 2, new Set([1])));
    expect(clock.monotonicMs()).toBe(began);
    expect(second.work.takenOver).toBeUndefined();
    const write = first.apply(beaten(), signal);
    await expect(write).rejects.toSatisfy((error) => isFailure(error, 'store/lease-lost'));
    expect(first.lost.aborted).toBe(true);
  });

  it('is stolen from a holder that may live only when its document has not moved for a whole time to live', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    const began = clock.monotonicMs();
    const second = await hold(process(store, 2));
    expect(clock.monotonicMs() - began).toBeGreaterThan(60_000);
    expect(second.work.takenOver).toBe(true);
    await expect(first.check(signal)).rejects.toSatisfy((error) => isFailure(error, 'store/lease-lost'));
  });

  it('proves itself by a write when the last one is older than half its time, and then only', async () => {
    const store = createMemoryStore();
    const holding = await hold(process(store, 1));
    await holding.check(signal);
    expect(holding.work.lease?.beat).toBe(0);
    await clock.sleep(31_000, signal);
    await holding.check(signal);
    expect(holding.work.lease?.beat).toBe(1);
  });

  it('is not proved by a write during which the process was stopped', async () => {
    const store = createMemoryStore();
    let isStopped = false;
    let others: Awaited<ReturnType<typeof hold>> | undefined;
    const put: Store['put'] = async (...args) => {
      const revision = await store.put(...args);
      if (isStopped) others = await hold(process(store, 2));
      isStopped = false;
      return revision;
    };
    const first = await hold(process({ ...store, put }, 1));
    await clock.sleep(31_000, signal);
    isStopped = true;
    await expect(first.check(signal)).rejects.toSatisfy((error) => isFailure(error, 'store/lease-lost'));
    expect(others?.work.takenOver).toBe(true);
  });

  it('gives a sign of life every third of its time, also after a write that failed', async () => {
    const clock = fakeClock();
    const memory = createMemoryStore();
    const written: number[] = [];
    let failing = 0;
    const store: Store = {
      ...memory,
      put: (...args) => {
        written.push(clock.monotonicMs());
        failing -= 1;
        if (failing >= 0) return Promise.reject(fail('store/unusable', { path: '/s', reason: 'EIO', advice: '' }));
        return memory.put(...args);
      },
    };
    const stop = (await hold({ ...process(store, 1), clock })).keepAlive();
    await clock.advance(60_000);
    expect(written).toEqual([0, 20_000, 40_000, 60_000]);
    failing = 2;
    await clock.advance(50_000);
    expect(written.slice(4), 'two fail, and are tried again well before the lease is over').toEqual([
      80_000, 85_000, 90_000, 110_000,
    ]);
    stop();
    await clock.advance(120_000);
    expect(written).toHaveLength(8);
    expect(clock.waiting).toBe(0);
  });

  it('never waits for another process, whose result is the answer when the caller comes back', async () => {
    const store = createMemoryStore();
    const first = await hold(process(store, 1));
    const second = process(store, 2);
    const sight = visit(second);
    expect(await takeLease(second, sight, begin, signal)).toEqual({ busy: true, pauseMs: 250 });
    await first.apply(failed({ error, asked: false, left: [], now: clock.now() }), signal);
    expect(await takeLease(second, sight, begin, signal)).toMatchObject({ finished: { last: { result: 'failed' } } });
  });

  it('looks less often the longer it waits, and takes a lease as soon as it is over', async () => {
    const store = createMemoryStore();
    const holding = await hold(process(store, 1));
    const second = process(store, 2);
    const sight = visit(second);
    const began = clock.monotonicMs();
    const pauses: number[] = [];
    for (let isAlive = true; ; ) {
      const taken = await takeLease(second, sight, begin, signal);
      if (!isBusy(taken)) break;
      pauses.push(taken.pauseMs);
      await clock.sleep(taken.pauseMs, signal);
      if (isAlive && clock.monotonicMs() - began > 30_000) {
        await holding.apply(beaten(), signal);
        isAlive = false;
      }
    }
    const waitedMs = clock.monotonicMs() - began;
    expect(pauses.slice(0, 6)).toEqual([250, 250, 250, 250, 250, 312.5]);
    expect(Math.max(...pauses)).toBe(2_000);
    expect(pauses.length).toBeLessThan(65);
    expect(waitedMs).toBeGreaterThan(90_000);
    expect(waitedMs).toBeLessThan(94_100);
  });

  it('takes nothing where there is nothing to do', async () => {
    const one = process(createMemoryStore(), 1);
    expect(await takeLease(one, visit(one), () => undefined, signal)).toBeUndefined();
  });
});
