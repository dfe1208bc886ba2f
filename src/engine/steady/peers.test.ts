import { expect, it } from 'vitest';
import { identityOf } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { ownerOf } from '../../core/node/rendezvous.ts';
import type { Event } from '../../core/plan/event.ts';
import type { ProcessIdentity } from '../../ports/processes.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { type FakeClock, fakeClock } from '../../testing/fake-clock.ts';
import { readReplica } from '../ledger/replica.ts';
import { createSessions } from '../locks/sessions.ts';
import { joinPeers, type Membership } from './peers.ts';
import { createVitals } from './vitals.ts';

const { signal } = new AbortController();
const everyMs = 20_000;
const dayMs = 86_400_000;

/** Machines that share a store and a clock. */
function machines() {
  const clock = fakeClock();
  const store = createMemoryStore();
  const events: Event[] = [];
  const dead = new Set<number>();
  const random = randomOf(seeded('peers'));
  let pid = 1;
  /** Begins a process on a machine. */
  function begin(node: string, machine = node, role: 'node' | 'responder' = 'node') {
    pid += 1;
    const self: ProcessIdentity = { ...identityOf(pid), bootId: machine, host: machine };
    const stop = new AbortController();
    const vitals = createVitals(clock);
    let cannotWrite = false;
    let isFull = false;
    const check = () => (isFull ? Promise.reject(new Error('16 MiB are needed')) : Promise.resolve());
    const put: typeof store.put = (...args) =>
      cannotWrite ? Promise.reject(new Error('the disk is full')) : store.put(...args);
    const ports = {
      ...{
        node,
        store: { ...store, put, check },
        clock,
        random,
        reporter: { report: (event: Event) => events.push(event) },
      },
      limits: { leaseTtlMs: 60_000, shutdownBudgetMs: 8_000, deployTimeoutMs: 0, deployDeadlineMs: 0 },
      processes: {
        ...{ self: () => self, run: () => Promise.reject(new Error('none')), end: async () => undefined },
        look: (who: ProcessIdentity) =>
          who.bootId !== machine ? ('unknown' as const) : dead.has(who.pid) ? ('dead' as const) : ('alive' as const),
      },
    };
    const engine = { ...ports, sessions: createSessions(ports) };
    const joined = joinPeers(engine, { role, configuration: () => 'c1', everyMs, vitals }, signal);
    const staying = joined.then((one) => one.stay(stop.signal));
    staying.catch(() => undefined);
    return {
      ...{ joined, staying, vitals },
      breakStore(isBroken: boolean) {
        cannotWrite = isBroken;
      },
      fillStore(full: boolean) {
        isFull = full;
      },
      async stop() {
        stop.abort();
        await staying;
      },
      /** Ends without a word, as after kill -9. */
      async kill() {
        dead.add(self.pid);
        cannotWrite = true;
        stop.abort();
        await staying.catch(() => undefined);
      },
    };
  }
  const replica = (node: string) => readReplica({ store }, node, signal);
  /** Writes something else in place of a node's document. */
  async function damage(node: string, document: object): Promise<void> {
    const key = { kind: 'replica', name: node } as const;
    const ifRevision = (await store.get(key, signal))?.revision ?? null;
    await store.put(key, encodeDocument(document), { ifRevision, signal });
  }
  return { clock, begin, events, replica, damage };
}

/** How long it takes until a process has the name. */
async function tookMs(clock: FakeClock, joined: Promise<Membership>): Promise<number> {
  const before = clock.monotonicMs();
  await clock.passWhile(joined);
  return clock.monotonicMs() - before;
}

it('lets one process have a name for each role, and gives it back', async () => {
  const { begin, replica } = machines();
  const first = begin('web-1');
  await first.joined;
  expect((await replica('web-1'))?.running?.node).toMatchObject({ configuration: 'c1', lease: { beat: 0 } });
  await expect(begin('web-1').joined).rejects.toMatchObject({ code: 'store/node-taken' });
  const responder = begin('web-1', 'web-1', 'responder');
  await responder.joined;
  await first.stop();
  expect((await replica('web-1'))?.running).toMatchObject({ node: { everyMs }, responder: { lease: { beat: 0 } } });
  expect((await replica('web-1'))?.running?.node).not.toHaveProperty('lease');
  const second = begin('web-1', 'other');
  await second.joined;
  await Promise.all([second.stop(), responder.stop()]);
});

it.each([
  ['at once if the process is provably dead', 'web-1', 0],
  ['after a minute of silence if it may be alive', 'another container', 60_000],
])('takes a name over %s', async (_what, machine, ms) => {
  const { clock, begin } = machines();
  const first = begin('web-1');
  await first.joined;
  await first.kill();
  const second = begin('web-1', machine);
  const took = await tookMs(clock, second.joined);
  expect(took).toBeGreaterThanOrEqual(ms);
  expect(took).toBeLessThan(ms * 1.2 + 1);
  await second.stop();
});

it('refuses a name as soon as the process that has it elsewhere gives a sign of life', async () => {
  const { clock, begin, events } = machines();
  const first = begin('web-1', 'a');
  await first.joined;
  const second = begin('web-1', 'b');
  await expect(clock.passWhile(second.joined)).rejects.toMatchObject({
    code: 'store/node-taken',
    message: expect.stringContaining('on a'),
  });
  expect(clock.monotonicMs()).toBeLessThanOrEqual(everyMs + 10_000);
  expect(events.map(({ message }) => message)).toEqual([
    expect.stringMatching(/waiting up to \d+ s to see whether it is alive/),
  ]);
  await first.stop();
});

it('keeps its name while it cannot write, unless another process takes it', async () => {
  const { clock, begin, events } = machines();
  const first = begin('web-1', 'a');
  await first.joined;
  first.breakStore(true);
  await clock.advance(3 * everyMs);
  expect(first.vitals.cannotWrite).toContain('the disk is full');
  expect((await first.joined).isMine('an alarm')).toBe(true);
  first.breakStore(false);
  await clock.advance(everyMs);
  expect(first.vitals.cannotWrite).toBeUndefined();
  expect(events.map(({ message }) => message)).toEqual([expect.stringContaining('the disk is full')]);

  first.breakStore(true);
  const second = begin('web-1', 'b');
  await clock.passWhile(second.joined);
  first.breakStore(false);
  await clock.advance(everyMs);
  await expect(first.staying).rejects.toMatchObject({ code: 'store/node-lost' });
  await second.stop();
});

it('takes no sign of life for a proof that a full store has room for an order', async () => {
  const { clock, begin, replica } = machines();
  const one = begin('web-1');
  await one.joined;
  one.fillStore(true);
  await clock.advance(3 * everyMs);
  // Nothing is due.
  expect(one.vitals.cannotWrite).toBeUndefined();
  one.vitals.store('write', 'a pass could not begin');
  for (let beat = 0; beat < 5; beat += 1) {
    await clock.advance(everyMs);
    expect(one.vitals.cannotWrite).toContain('16 MiB are needed');
  }
  expect((await replica('web-1'))?.running?.node).toMatchObject({ lease: { beat: 8 } });
  one.fillStore(false);
  await clock.advance(everyMs);
  expect(one.vitals.cannotWrite).toBeUndefined();
  await one.stop();
});

it('agrees with the others on who takes care of something, and notices who comes and goes', async () => {
  const { clock, begin, events, replica } = machines();
  const all = ['a', 'b', 'c'].map((node) => ({ node, ...begin(node) }));
  const peers = await Promise.all(all.map(async ({ node, joined }) => ({ node, peers: await joined })));
  await clock.advance(2 * everyMs);
  const keys = Array.from({ length: 50 }, (_, at) => `key ${at}`);
  const owners = (key: string) => peers.flatMap(({ node, peers: { isMine } }) => (isMine(key) ? [node] : []));
  for (const key of keys) expect(owners(key)).toEqual([ownerOf(key, ['a', 'b', 'c'])]);

  await all[2]!.kill();
  await clock.advance(100_000);
  for (const key of keys) expect(owners(key).filter((node) => node !== 'c')).toEqual([ownerOf(key, ['a', 'b'])]);
  expect(peers[0]!.peers.missing()).toBeUndefined();
  await clock.advance(10 * 60_000);
  expect(peers[0]!.peers.missing()).toMatchObject([{ node: 'c' }]);
  // One of them tells, once; a week later it is forgotten.
  const ofNodes = () =>
    events.flatMap(({ level, event, data }) => (event === 'log' ? [] : [[level, event, data?.['node']]]));
  const later = (ms: number) => {
    clock.set(new Date(clock.now().getTime() + ms));
    return clock.advance(2 * everyMs);
  };
  await later(dayMs);
  expect(ofNodes()).toEqual([['alarm', 'node.missing', 'c']]);
  await later(6 * dayMs);
  expect(ofNodes()).toEqual([
    ['alarm', 'node.missing', 'c'],
    ['warn', 'node.forgotten', 'c'],
  ]);
  expect(await replica('c')).toBeUndefined();
  await Promise.all([all[0]!.stop(), all[1]!.stop()]);
});

const node = { at: '2026-11-24T12:00:00.000Z', since: '2026-11-24T12:00:00.000Z', version: '', configuration: '' };
it.each<[string, object]>([
  ['lacks fields', {}],
  ['has no list of runs', { runs: {}, lacks: [] }],
  ['has a time that is none', { runs: ['yesterday'], lacks: [] }],
  ['lacks nothing of something', { runs: [], lacks: [null] }],
  ['was alive at no time', { runs: [], lacks: [], running: { node: { ...node, at: '', everyMs } } }],
  ['waits for ever', { runs: [], lacks: [], running: { node: { ...node, everyMs: 1e15, lease: { holder: {} } } } }],
  ['has nobody', { runs: [], lacks: [], running: { node: { ...node, everyMs, lease: {} } } }],
])('is not held up by a document that %s', async (_what, document) => {
  const { clock, begin, damage, replica } = machines();
  await damage('a', { schema: 1, ...document });
  await damage('b', { schema: 1, ...document });
  const a = begin('a');
  const peers = await clock.passWhile(a.joined);
  await clock.advance(11 * 60_000);
  expect([a.vitals.cannotWrite, peers.missing()]).toEqual([undefined, []]);
  await damage('a', { schema: 1, ...document });
  await clock.advance(everyMs);
  expect((await replica('a'))?.running?.node?.lease).toBeDefined();
  await a.stop();
});

it('takes no other node for missing because its own clock jumps', async () => {
  const { clock, begin, events } = machines();
  const all = [begin('a'), begin('b')];
  const [a] = await Promise.all(all.map(({ joined }) => joined));
  await clock.advance(11 * 60_000);
  clock.set(new Date(clock.now().getTime() + 9 * dayMs));
  expect(a!.missing()).toEqual([]);
  await clock.advance(everyMs);
  clock.set(new Date(clock.now().getTime() - 18 * dayMs));
  await clock.advance(everyMs);
  expect(a!.missing()).toEqual([]);
  expect(events).toEqual([]);
  await Promise.all(all.map(({ stop }) => stop()));
});
