import { expect, it } from 'vitest';
import { passing } from '../../../test/support/passing-time.ts';
import { createSimulatedWorld, issue, simulatedJob, simulatedSpec } from '../../../test/support/simulated-world.ts';
import type { AlarmNews } from '../../core/alarm/alarm.ts';
import { incidentCondition } from '../../core/alarm/conditions.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { MissingNode } from '../../core/node/missing-nodes.ts';
import type { Cache } from '../../ports/cache.ts';
import type { Notifier } from '../../ports/notifier.ts';
import { readAlarms } from '../alarms/open.ts';
import { createAlarmWatch } from './alarm-watch.ts';
import type { Declarations } from './seen.ts';
import { createVitals } from './vitals.ts';

const secondMs = 1_000;
const minuteMs = 60_000;
const never = () => new Promise<never>(() => {});

/** A process that keeps running, with everything that its alarms come from in the test's hands. */
async function process() {
  const world = await createSimulatedWorld();
  const { clock } = world;
  const got: string[] = [];
  let send = async (_news: AlarmNews): Promise<void> => {};
  let restore = async (): Promise<void> => {};
  const ops: Notifier = {
    type: 'test',
    async send(news) {
      await send(news);
      const signs = [['+', news.opened] as const, ['=', news.repeated] as const, ['-', news.resolved] as const];
      got.push(signs.flatMap(([sign, alarms]) => alarms.map(({ key }) => sign + key)).join(' '));
    },
  };
  const cached = new Map<string, Uint8Array>();
  const cache: Cache = {
    read: async (name) => cached.get(name),
    write: async (name, bytes) => void cached.set(name, bytes),
  };
  const notifiers: Record<string, Notifier> = { ops };
  const engine = world.replica(1, { cache, notifiers });
  const vitals = createVitals(clock);
  const job = simulatedJob(simulatedSpec('abc', ['abc.example.com']));
  const declared: Declarations = {
    names: () => ['abc'],
    jobOf: (name) => (name === 'abc' ? { ...job, origin: 'configuration' } : undefined),
  };
  const facts = {
    isMine: true,
    missing: [] as readonly MissingNode[],
    refused: undefined as { readonly since: string; readonly message: string; readonly hint: string } | undefined,
    generation: 0,
  };
  const watch = createAlarmWatch(engine, {
    ...{ declared: () => declared, vitals, lookEveryMs: 30 * secondMs },
    peers: { isMine: () => facts.isMine, known: () => [], missing: () => facts.missing },
    ...{ refused: () => facts.refused, generation: () => facts.generation },
  });
  const stop = new AbortController();
  const running = watch.run(stop.signal);
  vitals.ready();
  const key = { kind: 'lineage', name: 'abc' } as const;
  const issueOnce = async () => {
    if (!(await world.readLineage())) await passing(clock, issue(engine, job, stop.signal));
    return (await world.store.get(key, stop.signal))!;
  };
  return {
    ...{ clock, vitals, facts, notifiers, memory: engine.memory },
    stop: async () => {
      stop.abort();
      await clock.passWhile(running);
    },
    onSend(next: typeof send) {
      send = next;
    },
    take: () => got.splice(0),
    open: async () => (await readAlarms(engine, stop.signal)).open.map(({ key }) => key).sort(),
    seconds: (count: number) => clock.advance(count * secondMs),
    async change(edit: (lineage: Lineage) => Lineage) {
      await issueOnce();
      await world.editLineage(edit);
      watch.see('abc', await world.readLineage());
    },
    /** A pass finds that a document of the certificate is damaged. Returns what restores it. */
    async damage(kind: 'lineage' | 'key') {
      const { bytes, revision } = await issueOnce();
      const damaged = kind === 'key' ? bytes : new Uint8Array();
      const ifRevision = await world.store.put(key, damaged, { ifRevision: revision, signal: stop.signal });
      const error = fail('store/corrupt', { key: `${kind}/abc`, file: 'memory', reason: 'it is not JSON' });
      watch.done({ certificate: 'abc', result: 'failed', message: error.message, error });
      restore = async () => {
        await world.store.put(key, bytes, { ifRevision, signal: stop.signal });
        watch.see('abc', await world.readLineage());
      };
    },
    restore: () => restore(),
    async remove() {
      const { revision } = (await world.store.get(key, stop.signal))!;
      await world.store.delete(key, { ifRevision: revision, signal: stop.signal });
      watch.see('abc', undefined);
    },
  };
}

const refused = { since: '2026-11-24T12:00:00Z', message: 'line 3 is wrong', hint: 'Correct it.' };
const down = fail('notify/failed', { notifier: 'ops', name: 'ops', reason: 'it is down' });
const failing = (count: number) => (lineage: Lineage) => ({
  ...lineage,
  failure: {
    ...{ count, at: '2026-11-24T12:00:00.000Z', code: 'dns/refused', message: 'no', hint: 'Look.' },
    retryAt: '2026-11-24T14:00:00.000Z',
  },
});

type Act = (one: Awaited<ReturnType<typeof process>>) => unknown;

it.each<[what: string, key: string, bad: Act, good: Act]>([
  [
    'a refused configuration',
    'configuration here',
    ({ facts }) => (facts.refused = refused),
    ({ facts }) => (facts.refused = undefined),
  ],
  [
    'a missing node',
    'node-missing b',
    ({ facts }) => (facts.missing = [{ node: 'b', ...refused }]),
    ({ facts }) => (facts.missing = []),
  ],
  [
    'a third failure',
    'failing abc',
    ({ change }) => change(failing(3)),
    ({ change }) => change(({ failure: _, ...rest }) => rest),
  ],
  [
    'a document that cannot be read until it is restored',
    'failing abc',
    ({ damage }) => damage('lineage'),
    ({ restore }) => restore(),
  ],
  [
    'a document that cannot be read until it is deleted',
    'failing abc',
    ({ damage }) => damage('lineage'),
    ({ remove }) => remove(),
  ],
  [
    'a damaged key of a certificate that is then deleted',
    'failing abc',
    ({ damage }) => damage('key'),
    ({ remove }) => remove(),
  ],
  [
    'a place where it cannot listen',
    'listen here',
    ({ vitals }) => vitals.listens('the port is in use'),
    ({ vitals }) => vitals.listens(undefined),
  ],
  [
    'a store that cannot be written for a minute',
    'store here',
    async ({ vitals, seconds }) => {
      vitals.store('write', 'the disk is full');
      await seconds(50);
    },
    ({ vitals }) => vitals.store('write', undefined),
  ],
])('%s is listed, told once, and over within two minutes', async (_what, key, bad, good) => {
  const one = await process();
  const { open, seconds, take, stop, vitals } = one;
  await seconds(60);
  await bad(one);
  await seconds(60);
  expect([await open(), take(), vitals.openAlarms]).toEqual([[key], [`+${key}`], 1]);
  await seconds(600);
  await good(one);
  await seconds(120);
  expect([await open(), take(), vitals.openAlarms]).toEqual([[], [`-${key}`], 0]);
  await stop();
});

it.each<[what: string, send: () => Promise<never>]>([
  ['fails', () => Promise.reject(down)],
  ['hangs', never],
])('the list is true while a notifier %s, and what it never told ends without a message', async (_what, send) => {
  const { facts, open, seconds, take, stop, onSend } = await process();
  onSend(send);
  // The worst time for each change is another one.
  for (let round = 0; round < 6; round += 1) {
    await seconds(7 * round);
    facts.refused = refused;
    await seconds(120);
    expect(await open()).toEqual(['configuration here']);
    facts.refused = undefined;
    await seconds(120);
    expect(await open()).toEqual([]);
  }
  onSend(async () => {});
  await seconds(3_600);
  expect(take()).toEqual([]);
  await stop();
});

it('a notifier that other settings have mended is tried at once', async () => {
  const { facts, clock, take, seconds, stop, onSend } = await process();
  onSend(() => Promise.reject(down));
  facts.refused = refused;
  await clock.advance(20 * minuteMs);
  onSend(async () => {});
  facts.generation += 1;
  await seconds(60);
  expect(take()).toEqual(['+configuration here']);
  await stop();
});

it('a notifier that is added gets what is open, and one that is removed gets nothing more', async () => {
  const { facts, notifiers, take, seconds, stop } = await process();
  facts.refused = refused;
  await seconds(60);
  expect(take()).toEqual(['+configuration here']);
  const got: string[] = [];
  notifiers['chat'] = { type: 'test', send: async ({ opened }) => void got.push(...opened.map(({ key }) => key)) };
  await seconds(60);
  expect([got.splice(0), take()]).toEqual([['configuration here'], []]);
  delete notifiers['ops'];
  facts.missing = [{ node: 'b', ...refused }];
  await seconds(600);
  expect([got, take()]).toEqual([['node-missing b'], []]);
  await stop();
});

it('an incident is told by the node that has met it, although its certificate is renewed before the next look', async () => {
  const { memory, facts, open, seconds, take, stop } = await process();
  facts.isMine = false;
  const url = 'https://ca.test/incident';
  const condition = incidentCondition('le', 'abc', url);
  memory.incidents.set(url, condition);
  await seconds(60);
  expect([await open(), take()]).toEqual([[condition.key], [`+${condition.key}`]]);
  // Another certificate, hours later.
  memory.incidents.set(url, incidentCondition('le', 'def', url));
  facts.isMine = true;
  await seconds(6 * 3_600);
  expect([await open(), take(), memory.incidents.get(url)]).toEqual([[condition.key], [], undefined]);
  await seconds(18 * 3_600 + 120);
  expect([await open(), take()]).toEqual([[], [`-${condition.key}`]]);
  await stop();
});

it('only the node that takes care of alarms tells of others, and counts them', async () => {
  const { facts, open, seconds, take, stop, vitals } = await process();
  facts.missing = [{ node: 'b', ...refused }];
  facts.isMine = false;
  await seconds(120);
  expect([await open(), take(), vitals.openAlarms]).toEqual([[], [], 0]);
  facts.isMine = true;
  await seconds(60);
  expect([await open(), take(), vitals.openAlarms]).toEqual([['node-missing b'], ['+node-missing b'], 1]);
  facts.isMine = false;
  await seconds(600);
  // Its new owner resolves it.
  expect([await open(), take(), vitals.openAlarms]).toEqual([['node-missing b'], [], 0]);
  await stop();
});
