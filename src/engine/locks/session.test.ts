import { describe, expect, it } from 'vitest';
import { fakeProcesses } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { fail } from '../../core/errors/errors.ts';
import { encodeDocument, type Lease } from '../../core/lineage/lineage.ts';
import { decodeLock, type LockDocument } from '../../core/lineage/lock.ts';
import { claimed } from '../../core/node/claim.ts';
import type { Entry, Store } from '../../ports/store.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { Held, type Holdable } from './held.ts';
import { createSessions } from './sessions.ts';

const { signal } = new AbortController();
const leaseTtlMs = 60_000;
const random = randomOf(seeded('sessions'));
const key = { kind: 'lock', name: 'slb' } as const;
const broken = () => fail('store/unusable', { path: '/s', reason: 'EIO', advice: '' });

const what: Holdable<LockDocument> = {
  key,
  encode: (document) => ({ document, bytes: encodeDocument(document) }),
  decode: ({ bytes }) => decodeLock(bytes, key.name, 'memory'),
  leaseOf: ({ lease }) => lease,
  left: () => undefined,
  lost: (cause) => fail('store/lease-lost', { certificate: key.name }, { cause }),
};

/** A process with a clock of its own. Its store can fail, and notes when sessions are written. */
function process(shared: Store, pid: number) {
  const clock = fakeClock();
  const written: number[] = [];
  const faults = { puts: 0, lost: 0 };
  const store: Store = {
    ...shared,
    async put(to, ...rest) {
      if (to.kind === 'session') written.push(clock.monotonicMs());
      if (faults.puts-- > 0) throw broken();
      const revision = await shared.put(to, ...rest);
      if (faults.lost-- > 0) throw broken();
      return revision;
    },
  };
  const sessions = createSessions({
    ...{ store, clock, random, processes: fakeProcesses({ pid }) },
    limits: { leaseTtlMs },
  });
  async function take(): Promise<Held<LockDocument> | undefined> {
    const entry = await store.get(key, signal);
    const session = sessions.own.current();
    const document: LockDocument = { schema: 1, lease: session.newLease() };
    return Held.take({ store, session }, what, { document, ifRevision: entry?.revision ?? null }, signal);
  }
  return { clock, sessions, store, written, faults, take };
}

const lock = async (store: Store): Promise<{ readonly lease: Lease; readonly entry: Entry } | undefined> => {
  const entry = await store.get(key, signal);
  const { lease } = entry ? decodeLock(entry.bytes, key.name, 'memory') : {};
  return entry && lease && { lease, entry };
};
/** Reports whether another process may take the lock now, and fences its holder if it must. */
const isFree = async (store: Store, { sessions }: ReturnType<typeof process>): Promise<boolean> => {
  const { lease, entry } = (await lock(store))!;
  return (await sessions.others.whyHeld(lease, entry, signal)) === undefined;
};
const release = (held: Held<LockDocument>) => held.write(() => undefined, signal);

describe('the session of a process', () => {
  it('is written before the first lease, and beats as long as one is held, also after a write that failed', async () => {
    const one = process(createMemoryStore(), 1);
    const held = (await one.take())!;
    await one.clock.advance(60_000);
    expect(one.written).toEqual([0, 20_000, 40_000, 60_000]);
    one.faults.puts = 2;
    await one.clock.advance(50_000);
    expect(one.written.slice(4), 'two fail, and are tried again well before the session is over').toEqual([
      80_000, 85_000, 90_000, 110_000,
    ]);
    await release(held);
    await one.clock.advance(120_000);
    expect(one.written).toHaveLength(8);
    expect(one.clock.waiting).toBe(0);
  });

  it('proves a lease by a sign of life only if the last one is older than half of its time', async () => {
    const one = process(createMemoryStore(), 1);
    const held = (await one.take())!;
    await held.check(signal);
    expect(one.written).toEqual([0]);
    one.faults.puts = 100;
    await one.clock.advance(25_000);
    await held.effect(signal, async () => undefined);
    await one.clock.advance(6_000);
    let ran = 0;
    await expect(held.effect(signal, async () => ++ran)).rejects.toMatchObject({ code: 'store/unusable' });
    expect(ran).toBe(0);
    one.faults.puts = 0;
    await held.effect(signal, async () => ++ran);
    expect(ran).toBe(1);
  });

  it('is fenced by another one that wants a lease, and then all of its leases are lost', async () => {
    const store = createMemoryStore();
    const [one, two] = [process(store, 1), process(store, 2)];
    const held = (await one.take())!;
    expect(await isFree(store, two)).toBe(false);
    await two.clock.advance(60_000);
    expect(await isFree(store, two)).toBe(false);
    await two.clock.advance(1);
    expect(await isFree(store, two)).toBe(true);
    await one.clock.advance(61_000);
    expect(held.lost.reason).toMatchObject({ code: 'store/lease-lost' });
    await expect(held.effect(signal, async () => undefined)).rejects.toMatchObject({ code: 'store/lease-lost' });
    // It goes on with another session.
    expect(await one.take()).toBeDefined();
    expect(await isFree(store, two)).toBe(false);
  });

  it('is not fenced if it gives a sign of life meanwhile', async () => {
    const store = createMemoryStore();
    const [one, two] = [process(store, 1), process(store, 2)];
    await one.take();
    expect(await isFree(store, two)).toBe(false);
    await two.clock.advance(61_000);
    await one.clock.advance(20_000);
    expect(await isFree(store, two)).toBe(false);
    await two.clock.advance(59_000);
    expect(await isFree(store, two)).toBe(false);
  });

  it('is gone once its process has ended in order', async () => {
    const store = createMemoryStore();
    const [one, two] = [process(store, 1), process(store, 2)];
    const held = (await one.take())!;
    await one.sessions.own.end(signal);
    expect(held.lost.aborted).toBe(true);
    expect(await isFree(store, two)).toBe(true);
    expect((await store.list('session', signal)).names).toEqual([]);
    expect(one.clock.waiting).toBe(0);
  });

  it('is gone only if a compare-and-set says so: a folder on a network may show an old state', async () => {
    const shared = createMemoryStore();
    const one = process(shared, 1);
    await one.take();
    let isStale = true;
    const get: Store['get'] = async (of, s) => (isStale && of.kind === 'session' ? undefined : shared.get(of, s));
    const two = process({ ...shared, get }, 2);
    expect(await isFree(shared, two)).toBe(false);
    isStale = false;
    await two.clock.advance(6_000);
    expect(await isFree(shared, two)).toBe(false);
    expect((await shared.list('session', signal)).names).toHaveLength(1);
  });

  it('releases what its holder has left, because it would last as long as the process', async () => {
    const store = createMemoryStore();
    const one = process(store, 1);
    // The answer to the compare-and-set that took it is lost; the first one is that of the session.
    await one.sessions.own.prove(signal);
    one.faults.lost = 1;
    await expect(one.take()).rejects.toMatchObject({ code: 'store/unusable' });
    await one.clock.advance(0);
    expect(await lock(store)).toBeUndefined();

    // The write that releases it fails, and so does the first repetition.
    const held = (await one.take())!;
    const remove = one.store.delete;
    let failures = 2;
    (one.store as { delete: Store['delete'] }).delete = (...args) =>
      --failures >= 0 ? Promise.reject(broken()) : remove(...args);
    await expect(release(held)).rejects.toMatchObject({ code: 'store/unusable' });
    held.leave();
    await one.clock.advance(0);
    expect(await lock(store)).toBeDefined();
    await one.clock.advance(5_000);
    expect(await lock(store)).toBeUndefined();
    expect(one.clock.waiting).toBe(0);
  });

  it('of a node is fenced in its document, and its leases are free at once when another process has the name', async () => {
    const store = createMemoryStore();
    const running = { version: '1', configuration: '', since: '2026-01-01T00:00:00Z', at: '2026-01-01T00:00:00Z' };
    const node = { kind: 'replica', name: 'web-1' } as const;
    const put = async (id: string) => {
      const lease = { id, holder: fakeProcesses({ pid: 1 }).self(), beat: 1 };
      const document = claimed(undefined, { role: 'node', running: { ...running, everyMs: 20_000, lease } });
      const ifRevision = (await store.get(node, signal))?.revision ?? null;
      await store.put(node, encodeDocument(document), { ifRevision, signal });
    };
    await put('a');
    const lease: Lease = { id: 'l', holder: fakeProcesses({ pid: 1 }).self(), session: { id: 'a', node: 'web-1' } };
    await store.put(key, encodeDocument({ schema: 1, lease }), { ifRevision: null, signal });
    const [two, three] = [process(store, 2), process(store, 3)];
    expect(await isFree(store, two)).toBe(false);
    await two.clock.advance(61_000);
    expect(await isFree(store, two)).toBe(true);
    const fenced = JSON.parse(new TextDecoder().decode((await store.get(node, signal))!.bytes));
    expect(fenced.running.node).toEqual({ ...running, everyMs: 20_000, fenced: true });
    await put('b');
    expect(await isFree(store, three)).toBe(true);
  });

  it('of a process that is dead or silent is removed by a sweep, and no other', async () => {
    const store = createMemoryStore();
    const [one, two, three] = [process(store, 1), process(store, 2), process(store, 3)];
    for (const each of [one, two]) await each.sessions.own.prove(signal);
    await three.sessions.others.removeDead(signal);
    expect((await store.list('session', signal)).names).toHaveLength(2);
    await three.clock.advance(61_000);
    await two.clock.advance(1);
    await two.sessions.own.prove(signal, 1);
    await three.sessions.others.removeDead(signal);
    expect((await store.list('session', signal)).names).toEqual([two.sessions.own.current().ref.id]);
  });
});
