import { expect, it } from 'vitest';
import { fakeProcesses, identityOf } from '../../../test/support/fake-processes.ts';
import { randomOf, seeded } from '../../../test/support/seeded.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { claimed } from '../../core/node/claim.ts';
import { createMemoryStore } from '../../stores/memory.ts';
import { fakeClock } from '../../testing/fake-clock.ts';
import { readReplica } from '../ledger/replica.ts';
import { createSessions } from '../locks/sessions.ts';
import { forgetNode, isSilent } from './forget-node.ts';

const { signal } = new AbortController();

it.each<[string, { readonly dead?: readonly number[]; readonly livesAtMs?: number }, number, boolean]>([
  ['at once if its process is dead', { dead: [7] }, 0, false],
  ['after a minute without a sign of life, because its leases rest on it', {}, 60_000, false],
  ['but not its process, if that lives', { livesAtMs: 20_000 }, 20_000, true],
])('forgets a node %s', async (_when, { dead = [], livesAtMs = Number.NaN }, ms, isKnown) => {
  const clock = fakeClock();
  const store = createMemoryStore();
  const processes = fakeProcesses({ dead: new Set(dead) });
  const limits = { leaseTtlMs: 60_000 } as never;
  const ports = { store, clock, random: randomOf(seeded('forget node')), processes, limits };
  const at = '2026-11-24T12:00:00.000Z';
  const beat = async (count: number) => {
    const lease = { id: 'a', holder: identityOf(7), beat: count };
    const running = { version: '1', configuration: '', since: at, at, everyMs: 20_000, lease };
    const before = { schema: 1, version: '1', runs: [at], lacks: [] } as const;
    const document = encodeDocument(claimed(before, { role: 'node', running }));
    const ifRevision = (await store.get({ kind: 'replica', name: 'web-1' }, signal))?.revision ?? null;
    await store.put({ kind: 'replica', name: 'web-1' }, document, { ifRevision, signal });
  };
  await beat(0);
  if (livesAtMs > 0) void clock.sleep(livesAtMs, signal).then(() => beat(1));
  expect(await clock.passWhile(forgetNode({ ...ports, sessions: createSessions(ports) }, 'web-1', signal))).toBe(true);
  expect(clock.monotonicMs()).toBeGreaterThanOrEqual(ms);
  expect(clock.monotonicMs()).toBeLessThanOrEqual(ms + 5_000);
  const left = await readReplica({ store }, 'web-1', signal);
  expect([left?.runs, left?.running?.node?.lease?.beat]).toEqual(isKnown ? [[], 1] : [undefined, undefined]);
});

it('fences only the process that has ended, where another one lives on the node', async () => {
  const clock = fakeClock();
  const store = createMemoryStore();
  const limits = { leaseTtlMs: 60_000 } as never;
  const ports = { store, clock, random: randomOf(seeded('forget node')), processes: fakeProcesses({}), limits };
  const at = '2026-11-24T12:00:00.000Z';
  const runningAs = (id: string, pid: number) => {
    const lease = { id, holder: identityOf(pid), beat: 0 };
    return { version: '1', configuration: '', since: at, at, everyMs: 20_000, lease };
  };
  const both = { node: runningAs('a', 7), responder: runningAs('b', 8) };
  const document = encodeDocument({ schema: 1, version: '1', runs: [at], lacks: [], running: both });
  await store.put({ kind: 'replica', name: 'web-1' }, document, { ifRevision: null, signal });
  const isOver = isSilent({ ...ports, sessions: createSessions(ports) }, 'web-1', signal, (role) => role === 'node');
  expect(await clock.passWhile(isOver)).toBe(true);
  expect(clock.monotonicMs()).toBeGreaterThanOrEqual(60_000);
  const { node, responder } = (await readReplica({ store }, 'web-1', signal))?.running ?? {};
  expect([node?.lease, node?.fenced, responder?.lease?.id]).toEqual([undefined, true, 'b']);
});
