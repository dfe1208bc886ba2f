import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { decodeLock, type LockDocument, withListener } from '../../core/lineage/lock.ts';
import type { Store } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts';
import { createLocks, type HeldLock } from './lock.ts';

const { signal } = new AbortController();
const resource = 'alibaba-clb lb-1';
const ttlMs = 60_000;
const random = randomOf(seeded('a lock'));

/** One process. Its clock is its own, so that a stopped process is one whose clock does not move. */
function process(store: Store, pid: number, { clock = fakeClock(), dead = [] as readonly number[] } = {}) {
  const said: string[] = [];
  const locks = createLocks({
    reporter: { report: ({ message }) => void said.push(message) },
    store,
    clock,
    random,
    processes: fakeProcesses({ pid, dead: { has: (of) => dead.includes(of) } }),
    limits: { leaseTtlMs: ttlMs, shutdownBudgetMs: 8_000 },
  });
  return { clock, locks, said };
}

const same = (document: LockDocument) => document;
/** What a change leaves behind in the document. */
const noted = (document: LockDocument, name: string): LockDocument =>
  withListener(document, name, { users: { a: { since: '', hosts: [name] } }, rules: [] }) ?? { schema: 1 };
const isLost = (error: unknown) => isFailure(error, 'store/lease-lost');

async function read(store: Store): Promise<LockDocument | undefined> {
  const entry = await store.get({ kind: 'lock', name: resource }, signal);
  return entry && decodeLock(entry.bytes, resource, 'memory');
}

/** Takes the lock and keeps it until `end` is called. */
async function hold({ locks }: ReturnType<typeof process>, begin = same) {
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  let taken: (held: HeldLock) => void = () => {};
  const holding = new Promise<HeldLock>((resolve) => {
    taken = resolve;
  });
  const done = locks.with(
    resource,
    begin,
    async (held) => {
      taken(held);
      await ended;
    },
    signal,
  );
  done.catch(() => undefined);
  return { held: await holding, end, done };
}

async function settled(...clocks: readonly FakeClock[]): Promise<void> {
  for (const clock of clocks) await clock.advance(0);
}

describe('a lock', () => {
  it('of a dead process is removed by the next sweep, unless others need what it says', async () => {
    for (const [dead, begin, left] of [
      [[1], same, undefined],
      [[], same, {}],
      [[1], (document: LockDocument) => noted(document, 'a'), {}],
    ] as const) {
      const store = createMemoryStore();
      await hold(process(store, 1), begin);
      await process(store, 2, { dead }).locks.removeDead(signal);
      if (left) expect(await read(store)).toMatchObject(left);
      else expect(await read(store)).toBeUndefined();
    }
  });

  it('is one write to take and one to release, after which nothing is left of it', async () => {
    const memory = createMemoryStore();
    const writes: string[] = [];
    const store: Store = {
      ...memory,
      put: (...args) => {
        writes.push(`put ${args[0].kind}`);
        return memory.put(...args);
      },
      delete: (...args) => {
        writes.push(`delete ${args[0].kind}`);
        return memory.delete(...args);
      },
    };
    const { locks } = process(store, 1);
    expect(await locks.with(resource, same, async ({ document }) => document.lease?.holder.pid, signal)).toBe(1);
    expect(writes, 'and one for the session of the process').toEqual(['put session', 'put lock', 'delete lock']);
    expect(await read(store)).toBeUndefined();
    expect(await locks.read(resource, signal)).toEqual({ schema: 1 });
  });

  it('writes what is begun together with the lease, and what is left when it is released', async () => {
    const store = createMemoryStore();
    const { locks } = process(store, 1);
    const seen: unknown[] = [];
    await locks.with(
      resource,
      (document) => noted(document, '80'),
      async (held) => {
        seen.push(await read(store));
        held.leave((document) => noted(withListener(document, '80', undefined) ?? { schema: 1 }, '443'));
      },
      signal,
    );
    expect(seen).toEqual([{ ...noted({ schema: 1 }, '80'), lease: expect.anything() }]);
    expect(await read(store)).toEqual(noted({ schema: 1 }, '443'));
  });

  it('keeps what was begun if the work fails, and is released anyway', async () => {
    const store = createMemoryStore();
    const { locks } = process(store, 1);
    const broken = fail('store/busy', { holder: '', certificate: '', seconds: 1 });
    const work = () => Promise.reject(broken);
    await expect(locks.with(resource, (document) => noted(document, '80'), work, signal)).rejects.toBe(broken);
    expect(await read(store)).toEqual(noted({ schema: 1 }, '80'));
  });

  it('writes nothing if it does not begin', async () => {
    const store = createMemoryStore();
    const { locks } = process(store, 1);
    const refused = new Error('no');
    const begin = () => Promise.reject(refused);
    await expect(locks.with(resource, begin, async () => {}, signal)).rejects.toBe(refused);
    expect(await read(store)).toBeUndefined();
  });

  it('begins again with the newest document if another process was quicker', async () => {
    const store = createMemoryStore();
    const [one, two] = [process(store, 1), process(store, 2)];
    const begun: LockDocument[] = [];
    const begin = async (document: LockDocument) => {
      begun.push(document);
      if (begun.length === 1)
        await two.locks.with(
          resource,
          (now) => noted(now, '443'),
          async () => {},
          signal,
        );
      return noted(document, '80');
    };
    await one.locks.with(resource, begin, async () => {}, signal);
    expect(begun).toEqual([{ schema: 1 }, noted({ schema: 1 }, '443')]);
    expect(await read(store)).toEqual(noted(noted({ schema: 1 }, '443'), '80'));
  });

  it('lets one caller of the process in at a time, and one that gives up does not hold up the others', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    const first = await hold(one);
    const order: string[] = [];
    const leaving = new AbortController();
    const left = one.locks.with(resource, same, async () => void order.push('left'), leaving.signal);
    const third = one.locks.with(resource, same, async () => void order.push('third'), signal);
    const reason = new Error('stop');
    leaving.abort(reason);
    await expect(left).rejects.toBe(reason);
    await settled(one.clock);
    expect(order).toEqual([]);
    first.end();
    await third;
    expect(order).toEqual(['third']);
  });

  it('of a dead process is free at once, with what it had begun', async () => {
    const store = createMemoryStore();
    const dead = await hold(process(store, 1), (document) => noted(document, '80'));
    const next = process(store, 2, { dead: [1] });
    const found: LockDocument[] = [];
    const begin = (document: LockDocument) => {
      found.push(document);
      return document;
    };
    await next.locks.with(resource, begin, async () => {}, signal);
    expect(next.clock.monotonicMs()).toBe(0);
    expect(found[0]?.listeners).toEqual(noted({ schema: 1 }, '80').listeners);
    dead.end();
  });

  it('of a silent process is free after a whole time to live, and that process does no more', async () => {
    const store = createMemoryStore();
    const stopped = process(store, 1);
    const first = await hold(stopped, (document) => noted(document, '80'));
    const next = process(store, 2);
    let entered = false;
    const done = next.locks.with(
      resource,
      (document) => noted(document, '443'),
      async () => {
        entered = true;
      },
      signal,
    );
    await next.clock.advance(ttlMs - 1_000);
    expect(entered).toBe(false);
    await next.clock.advance(2_000);
    await done;
    expect(next.said).toEqual([
      expect.stringMatching(
        /^process 1 has the lock of alibaba-clb lb-1; waiting for it, or until \S+Z if it gives no sign/,
      ),
    ]);
    const after = await read(store);

    // The first process goes on.
    await stopped.clock.advance(ttlMs);
    expect(first.held.lost.aborted).toBe(true);
    let ran = 0;
    const effect = first.held.effect(signal, async () => ++ran);
    await expect(effect).rejects.toSatisfy(isLost);
    expect(ran).toBe(0);
    first.end();
    await first.done;
    expect(await read(store), 'it releases nothing that it does not hold').toEqual(after);
  });

  it('that was lost during an effect fails it, even if the effect succeeded', async () => {
    const store = createMemoryStore();
    const stopped = process(store, 1);
    const first = await hold(stopped);
    const effect = first.held.effect(signal, async () => {
      await process(store, 2, { dead: [1] }).locks.with(resource, same, async () => {}, signal);
      await stopped.clock.advance(ttlMs);
    });
    await expect(effect).rejects.toSatisfy(isLost);
    first.end();
  });

  it('that gives signs of life is waited for, for ten minutes, and then the holder is named', async () => {
    const store = createMemoryStore();
    const clock = fakeClock();
    const first = await hold(process(store, 1, { clock }));
    const waiting = process(store, 2, { clock }).locks.with(resource, same, async () => {}, signal);
    const failed = waiting.catch((error: unknown) => error);
    await clock.advance(9 * 60_000);
    expect(first.held.lost.aborted).toBe(false);
    await clock.advance(2 * 60_000);
    expect(await failed).toMatchObject({ code: 'store/busy', message: expect.stringContaining('pid 1') });
    first.end();
    await first.done;
  });

  it('is released although the caller’s signal has aborted', async () => {
    const store = createMemoryStore();
    const { locks } = process(store, 1);
    const stop = new AbortController();
    const work = async () => {
      stop.abort(new Error('stop'));
      stop.signal.throwIfAborted();
    };
    await expect(locks.with(resource, same, work, stop.signal)).rejects.toThrow('stop');
    expect(await read(store)).toBeUndefined();
  });
});
