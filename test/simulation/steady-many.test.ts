import { expect, it, onTestFinished } from 'vitest';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { EngineProcess } from '../../src/engine/engine.ts';
import { createAlarmWatch } from '../../src/engine/steady/alarm-watch.ts';
import { createFollower } from '../../src/engine/steady/follow.ts';
import { joinPeers } from '../../src/engine/steady/peers.ts';
import type { Declarations } from '../../src/engine/steady/seen.ts';
import { keepRunning } from '../../src/engine/steady/steady.ts';
import { createVitals } from '../../src/engine/steady/vitals.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { Store } from '../../src/ports/store.ts';
import { createLimitedWorld, limitedDirectory } from '../support/limited-world.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { isLong, seeded } from '../support/seeded.ts';
import { simulatedJob as job, simulatedSpec, withCa } from '../support/simulated-world.ts';
import type { RequestKind } from './world/ca-model/request-log.ts';
import { letsEncryptLimits } from './world/ca-model/settings.ts';

// The loop of a process that keeps running, over many certificates at a CA with Boulder's limits.

const { signal } = new AbortController();
const [minuteMs, hourMs, dayMs] = [60_000, 3_600_000, 86_400_000];
const page = 'https://ca.test/incident';
const many = isLong ? 2_000 : 500;

/** Certificates of four lifetimes, each below a domain of its own. */
async function createService(count: number) {
  const limited = await createLimitedWorld(seeded('steady'), { limits: {} });
  const { world, clock, ca } = limited;
  const specs = Array.from({ length: count }, (_, at): StoredSpec => {
    const spec = simulatedSpec(`n${at}`, [`n${at}.example${at}.com`]);
    return {
      ...withCa(spec, { directory: limitedDirectory, limits: { newOrdersPerAccount: '100000/1h' } }),
      targets: [],
    };
  });
  for (const part of [0, 1, 2, 3]) {
    ca.switches.validityMs.set('classic', (60 + 10 * part) * dayMs);
    const jobs = specs.filter((_, at) => at % 4 === part).map((spec) => job(spec));
    const outcomes = await passing(clock, reconcile(limited.replica(1, 'here'), jobs, signal));
    expect(outcomes.every(({ result }) => result === 'issued')).toBe(true);
  }
  const before = ca.log.length;
  const writes: string[] = [];
  /** How often each call of the store was made, by its name and the kind. */
  const calls = new Map<string, number>();
  const noted = (method: string, kind = '') =>
    calls.set(`${method} ${kind}`, (calls.get(`${method} ${kind}`) ?? 0) + 1);
  const inner = world.store;
  const store: Store = {
    ...inner,
    get: (key, ...rest) => noted('get', key.kind) && inner.get(key, ...rest),
    delete: (key, ...rest) => noted('delete', key.kind) && inner.delete(key, ...rest),
    scan: (kind, ...rest) => noted('scan', kind) && inner.scan(kind, ...rest),
    list: (kind, ...rest) => noted('list', kind) && inner.list(kind, ...rest),
    changes: (kind, ...rest) => noted('changes', kind) && inner.changes(kind, ...rest),
    exists: (...rest) => noted('exists') && inner.exists(...rest),
    check: (...rest) => noted('check') && inner.check(...rest),
    tidy: (...rest) => noted('tidy') && inner.tidy(...rest),
    async put(key, bytes, options) {
      noted('put', key.kind);
      writes.push(`${key.kind}/${key.name}`);
      return inner.put(key, bytes, options);
    },
  };
  const events: Event[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  // A CA takes a while, so that many are under way at once.
  const through = (issuer: Issuer): Issuer => ({
    ...issuer,
    as(account) {
      const own = issuer.as(account);
      return {
        ...own,
        async newOrder(...args) {
          atOnce += 1;
          mostAtOnce = Math.max(mostAtOnce, atOnce);
          await clock.sleep(300, signal);
          atOnce -= 1;
          return own.newOrder(...args);
        },
      };
    },
  });
  const replica = limited.replica(2, 'here', { store, through });
  const process: EngineProcess = {
    ...{ ...replica, reporter: { report: (event) => void events.push(event) } },
    connections: { owner: '', open: () => ({ ...replica.connect, end() {} }) },
  };
  const byName = new Map(specs.map((spec) => [spec.name, { ...job(spec), unattended: true }]));
  const declarations: Declarations = { names: () => byName.keys(), jobOf: (name) => byName.get(name) };
  const declared = () => declarations;
  const stop = new AbortController();
  let isReady = false;

  /** Everything of a process that may write while it is idle, as in `fleet/run.ts`. */
  async function run(): Promise<void> {
    const vitals = createVitals(clock);
    const changes = await createFollower(process, vitals, stop.signal);
    const everyMs = process.limits.leaseTtlMs / 3;
    const peers = await joinPeers(
      process,
      { role: 'node', vitals, changes, everyMs, configuration: () => '' },
      stop.signal,
    );
    const alarms = createAlarmWatch(process, {
      declared,
      vitals,
      peers,
      changes,
      refused: () => undefined,
      generation: () => 0,
      lookEveryMs: minuteMs,
    });
    const loop = { engine: process, vitals, alarms, declared, changes, rank: peers.rank };
    await Promise.all([
      ...[changes.follow(stop.signal), peers.stay(stop.signal), alarms.run(stop.signal)],
      keepRunning(
        {
          ...{ ...loop, lateMs: () => 0, askEveryMs: 0, wholeEveryMs: dayMs, done() {}, note() {} },
          hasNewSecrets: () => false,
          ready() {
            isReady = true;
          },
        },
        stop.signal,
      ),
    ]);
  }
  const start = () => {
    const running = run();
    onTestFinished(async () => {
      stop.abort(new Error('the test is over'));
      await passing(
        clock,
        running.catch(() => undefined),
      );
    });
  };
  const pass = async (ms: number) => {
    await passing(clock, clock.sleep(ms, signal));
    expect(isReady).toBe(true);
  };
  /** The requests of a kind since the certificates were issued. */
  const logged = (kind: RequestKind) => ca.log.slice(before).filter((one) => one.kind === kind);
  return { ...limited, specs, writes, calls, events, logged, start, pass, mostAtOnce: () => mostAtOnce };
}

it('does nothing with the store in an idle hour but 180 signs of life and its looks at what has changed', async () => {
  const { writes, calls, logged, start, pass } = await createService(40);
  start();
  await pass(10 * minuteMs);
  writes.length = 0;
  calls.clear();
  await pass(hourMs);
  const looks = calls.get('changes lineage')!;
  const counts = { 'put replica': 180, 'changes lineage': looks, 'changes replica': looks, 'changes alarm': looks };
  expect(Object.fromEntries(calls)).toEqual(counts);
  expect([looks >= 719, looks <= 720]).toEqual([true, true]);
  expect(new Set(writes)).toEqual(new Set(['replica/here']));
  expect(logged('renewalInfo')).toEqual([]);
});

it('writes no more in a day of questions about windows that do not move', async () => {
  const { writes, logged, start, pass } = await createService(40);
  start();
  await pass(10 * minuteMs);
  writes.length = 0;
  for (let hours = 0; hours < 24; hours += 12) await pass(12 * hourMs);
  // Each is asked for every six hours, give or take a fifth.
  const asked = logged('renewalInfo').length;
  expect([asked >= 40 * 3, asked <= 40 * 5]).toEqual([true, true]);
  expect(new Set(writes)).toEqual(new Set(['replica/here']));
});

it.each(['in the store', 'only at the CA'])(
  'renews many certificates whose windows have moved to the past %s, the most urgent first',
  async (where) => {
    const { world, ca, clock, specs, events, refused, logged, start, pass, mostAtOnce } = await createService(many);
    const expiry = new Map([...ca.certificates()].map((one) => [one.identifiers[0]!.value, one.notAfterMs]));
    ca.switches.limits = letsEncryptLimits;
    ca.revokeAll(page);
    // The questions for all of them are overdue then.
    await passing(clock, clock.sleep(8 * hourMs, signal));
    const at = clock.now().toISOString();
    if (where === 'in the store')
      for (const { name } of specs)
        await world.editLineage((lineage) => ({ ...lineage, renewal: { ...lineage.renewal!, at } }), name);
    start();
    await pass(hourMs);
    const ordered = logged('newOrder');
    expect(refused()).toEqual([]);
    // Each once, and none before one that expires sooner.
    expect(new Set(ordered.map(({ about }) => about)).size).toBe(many);
    expect(ordered).toHaveLength(many);
    const expiries = ordered.map(({ about }) => expiry.get(about)!);
    expect(expiries).toEqual(expiries.toSorted((a, b) => a - b));
    // The page is shown once, and once in the alarm for all of them. What is in the store has none.
    const told = events.filter(({ level, message }) => level !== 'info' && message?.includes(page));
    expect(told.map(({ event }) => event)).toEqual(
      where === 'in the store' ? [] : ['renewal.scheduled', 'alarm.raised'],
    );
    expect([mostAtOnce() > 16, mostAtOnce() <= 256]).toEqual([where === 'in the store', true]);
  },
  300_000,
);
