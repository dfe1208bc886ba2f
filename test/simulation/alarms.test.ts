import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument, type Lineage } from '../../src/core/lineage/lineage.ts';
import { withAlarms } from '../../src/engine/alarms/pass-alarms.ts';
import type { Cache } from '../../src/ports/cache.ts';
import type { Notifier } from '../../src/ports/notifier.ts';
import type { Store } from '../../src/ports/store.ts';
import { inNewPass, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// What a timer's runs of `renew` tell: each run is a process of its own, and only the store and the cache remember.

const { signal } = new AbortController();
const hourMs = dayMs / 24;
const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });

/** Runs of `renew` by a timer, and what they told. */
async function timer(names: readonly string[] = ['abc']) {
  const invalid = { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 };
  const ca = { isWell: true };
  const world = await createSimulatedWorld({ settings: { validate: async () => (ca.isWell ? undefined : invalid) } });
  const got: string[] = [];
  const notifier = { failures: 0 };
  const ops: Notifier = {
    type: 'test',
    async send({ opened, repeated, resolved, more }) {
      notifier.failures -= 1;
      if (notifier.failures >= 0) throw fail('notify/failed', { notifier: 'ops', name: 'ops', reason: 'down' });
      const signs = [['+', opened] as const, ['=', repeated] as const, ['-', resolved] as const];
      const words = signs.flatMap(([sign, alarms]) => alarms.map(({ key, url }) => [sign + key, url].join(' ').trim()));
      got.push([...words, ...more.map(({ change, count, kind }) => `${change} ${count} ${kind}`)].join(', '));
    },
  };
  const cached = new Map<string, Uint8Array>();
  const cache: Cache = {
    read: async (name) => cached.get(name),
    write: async (name, bytes) => void cached.set(name, bytes),
  };
  const jobs = names.map((name) => job(simulatedSpec(name, [`${name}.example.com`])));
  let pid = 0;
  async function renew(store?: Store) {
    pid += 1;
    const engine = world.replica(pid, { cache, notifiers: { ops }, ...(store && { store }) });
    const covered = { jobs, isWhole: true };
    const run = inNewPass(engine, (pass) =>
      withAlarms(
        pass,
        covered,
        (read) => reconcileAll(pass, { ...covered, jobOf: () => undefined, ...(read && { read }) }, signal),
        signal,
      ),
    );
    const result = await passing(world.clock, run).catch((error: unknown) => error);
    world.dead.add(pid);
    return [result instanceof Error ? result.message : '', ...got.splice(0)].filter(Boolean);
  }
  return {
    ...{ world, ca, notifier, renew },
    /** Runs after so many hours each. */
    async after(...hours: readonly number[]) {
      const told: (readonly string[])[] = [];
      for (const one of hours) {
        world.pass(one * hourMs);
        told.push(await renew());
      }
      return told.map((one) => one.join('; '));
    },
    /** Takes all certificates out of the configuration. */
    undeclare: () => void jobs.splice(0),
    edit: (change: (lineage: Lineage) => Lineage) => world.editLineage(change),
  };
}

it('one that fails is told at its third failure, repeated each day, and resolved after two good runs', async () => {
  const { ca, after, edit } = await timer();
  await after(0);
  ca.isWell = false;
  const at = '2026-11-24T12:00:00.000Z';
  await edit((lineage) => ({ ...lineage, renewal: { at, source: 'lifetime' } }));
  expect(await after(1, 1, 2, 1, 12, 11.5)).toEqual(['', '', '+failing abc', '', '', '=failing abc']);
  ca.isWell = true;
  expect(await after(24, 12, 12)).toEqual(['', '-failing abc', '']);
});

it('a first issue that only a person can mend is told at its first failure', async () => {
  const { world, after } = await timer();
  const problem = { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'not this name', status: 400 };
  world.ca.failNext('newOrder', { problem, status: 400 });
  expect(await after(1, 1, 23, 12)).toEqual(['+failing abc', '', '', '-failing abc']);
  expect((await world.readLineage())?.current).toBeDefined();
});

it('a notifier that fails is tried again in the same run, and in the next ones', async () => {
  const { world, ca, notifier, after } = await timer();
  ca.isWell = false;
  notifier.failures = 1;
  expect(await after(1, 1, 2)).toEqual(['', '', '+failing abc']);
  ca.isWell = true;
  notifier.failures = 2;
  expect(await after(48, 12, 12, 12)).toEqual(['', '', '-failing abc', '']);
  const entry = await world.store.get({ kind: 'alarm', name: 'open' }, signal);
  expect(JSON.parse(new TextDecoder().decode(entry!.bytes))).toMatchObject({ open: {}, resolved: [] });
});

it('a store that is full is told once a day, although it can keep nothing', async () => {
  const { world, renew, after } = await timer();
  const store: Store = { ...world.store, put: () => Promise.reject(full), check: () => Promise.reject(full) };
  expect(await renew(store)).toEqual([full.message, '+store here']);
  world.pass(hourMs);
  expect(await renew(store)).toEqual([full.message]);
  world.pass(23 * hourMs);
  expect(await renew(store)).toEqual([full.message, '=store here']);
  expect(await after(1, 1)).toEqual(['', '-store here']);
});

it.each<[what: string, change: (lineage: Lineage, now: string) => Lineage, hours: number, told: string]>([
  [
    'a target that lacks it past deployTimeout',
    (lineage, since) => ({
      ...lineage,
      deployments: {
        target: {
          ...{ version: lineage.current!.id, state: 'pending', since, code: 'deploy/target-failed', message: 'no' },
          retryAt: new Date(Date.parse(since) + dayMs).toISOString(),
        },
      },
    }),
    1,
    '+target abc target',
  ],
  [
    'an incident of the CA with its page, although nothing is due yet',
    (lineage, now) => ({
      ...lineage,
      renewal: {
        ...{ at: new Date(Date.parse(now) + 2 * dayMs).toISOString(), source: 'ari', checkAfter: now },
        ...{ explanationUrl: 'https://ca.test/incident', window: { start: now, end: now } },
      },
      failure: {
        ...{ count: 0, at: now, code: '', message: '', hint: '', retryAt: now },
        holdUntil: new Date(Date.parse(now) + dayMs).toISOString(),
      },
      rolledBack: { at: now, until: new Date(Date.parse(now) + dayMs).toISOString() },
    }),
    1,
    '+ca-incident sim https://ca.test/incident https://ca.test/incident',
  ],
])('%s', async (_what, change, hours, told) => {
  const { world, after, edit } = await timer();
  await after(0);
  await edit((lineage) => change(lineage, world.clock.now().toISOString()));
  expect(await after(hours, 1)).toEqual([told, '']);
});

it('an incident whose certificates are renewed at once is told once, and is over after a day', async () => {
  const names = ['one', 'two', 'three'];
  const { world, after } = await timer(names);
  await after(0);
  const page = 'https://ca.test/incident';
  // The CA learns of one more while the others are renewed.
  const revoke = async (name: string) => {
    const { current } = (await world.readLineage(name))!;
    const ms = Date.parse(current!.facts.notBefore);
    const suggestedWindow = { start: new Date(ms + hourMs), end: new Date(ms + 2 * hourMs) };
    const body = JSON.stringify({ suggestedWindow, explanationURL: page });
    world.ca.setRenewalInfo(current!.facts.ariId!, { status: 200, body });
    return current!.id;
  };
  const before = [await revoke('one'), await revoke('two')];
  expect(await after(7)).toEqual([`+ca-incident sim ${page} ${page}`]);
  before.push(await revoke('three'));
  expect(await after(7, 7, 10, 1, 1)).toEqual(['', '', '', `-ca-incident sim ${page} ${page}`, '']);
  const renewed = await Promise.all(names.map(async (name) => (await world.readLineage(name))?.current?.id));
  expect(renewed.filter((id) => id === undefined || before.includes(id))).toEqual([]);
});

it('one that is no longer declared is told once a renewal would be late, as long as a target has it', async () => {
  const { after, edit, undeclare } = await timer();
  await after(0);
  await edit((lineage) => ({
    ...lineage,
    renewal: { at: '2026-11-25T00:00:00.000Z', source: 'lifetime' },
    deployments: { web: { version: lineage.current!.id, state: 'current', since: lineage.current!.issuedAt } },
    current: { ...lineage.current!, facts: { ...lineage.current!.facts, notAfter: '2026-11-28T00:00:00.000Z' } },
  }));
  undeclare();
  expect(await after(24, 24)).toEqual(['', '+expiring abc']);
  await edit((lineage) => ({ ...lineage, deployments: {} }));
  expect(await after(1, 1)).toEqual(['', '-expiring abc']);
});

it('twelve that fail are one line', async () => {
  const { ca, after } = await timer(Array.from({ length: 12 }, (_, at) => `c${at}`));
  ca.isWell = false;
  expect(await after(1, 1, 2)).toEqual(['', '', 'opened 12 failing']);
});

it('a damaged document of the alarms stops no run', async () => {
  const { world, ca, after } = await timer();
  ca.isWell = false;
  await after(1, 1);
  const key = { kind: 'alarm', name: 'open' } as const;
  const entry = await world.store.get(key, signal);
  await world.store.put(key, encodeDocument({ schema: 1 }), { ifRevision: entry?.revision ?? null, signal });
  expect(await after(2)).toEqual([expect.not.stringContaining('+failing')]);
});
