import { expect, it, onTestFinished } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Lineage } from '../../src/core/lineage/lineage.ts';
import { pauseOf } from '../../src/core/lineage/pause.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { type Health, healthOf } from '../../src/daemon/health.ts';
import { changePause } from '../../src/engine/acts/pause.ts';
import type { EngineProcess } from '../../src/engine/engine.ts';
import { createFollower } from '../../src/engine/steady/follow.ts';
import type { Declarations } from '../../src/engine/steady/seen.ts';
import { keepRunning } from '../../src/engine/steady/steady.ts';
import { createVitals } from '../../src/engine/steady/vitals.ts';
import type { Store } from '../../src/ports/store.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const minuteMs = 60_000;

const broken = fail('store/unusable', { path: 'memory', reason: 'the disk is gone', advice: '' });

/** A world with a process that keeps running, once it has begun. */
async function createLoop() {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  const outcomes: Outcome[] = [];
  const stop = new AbortController();
  let declarations: Declarations = { names: () => [], jobOf: () => undefined };

  function declare(...specs: readonly StoredSpec[]): void {
    const jobs = new Map(specs.map((spec) => [spec.name, { ...simulatedJob(spec), unattended: true }]));
    declarations = { names: () => jobs.keys(), jobOf: (name) => jobs.get(name) };
  }

  /** @param faults replaces calls of its store */
  async function start(
    faults: (store: Store) => Partial<Store> = () => ({}),
  ): Promise<{ readonly health: () => Health }> {
    const store = { ...world.store, ...faults(world.store) };
    const replica = world.replica(1, { store });
    const engine: EngineProcess = {
      ...replica,
      connections: { owner: '', open: () => ({ ...replica.connect, end() {} }) },
    };
    const vitals = createVitals(engine.clock);
    const changes = await createFollower(engine, vitals, signal);
    const loop = {
      ...{ engine, vitals, changes, declared: () => declarations, lateMs: () => 0, note() {}, ready() {} },
      ...{ alarms: { see() {}, done() {} }, hasNewSecrets: () => false, rank: () => 0 },
      ...{ askEveryMs: 365 * dayMs, wholeEveryMs: dayMs, done: (one: Outcome) => void outcomes.push(one) },
    };
    const running = Promise.all([changes.follow(stop.signal), keepRunning(loop, stop.signal)]);
    onTestFinished(async () => {
      stop.abort(new Error('the test is over'));
      await passing(world.clock, running);
    });
    return { health: () => healthOf(vitals, world.clock.monotonicMs(), false) };
  }

  return {
    ...{ ...world, events, outcomes, declare, start },
    pass: (ms: number) => passing(world.clock, world.clock.sleep(ms, signal)),
    jump: world.pass,
    messages: () => events.map(({ message }) => message),
  };
}

it('works on a new certificate in one pass when it begins', async () => {
  const loop = await createLoop();
  loop.declare(simulatedSpec());
  await loop.start();
  await loop.pass(minuteMs / 2);
  expect(loop.outcomes.map(({ result }) => result)).toEqual(['issued']);
  expect(loop.events.filter(({ event }) => event === 'run.planned')).toHaveLength(1);
});

it('leaves a certificate alone while it is paused, and renews one that is due once it is resumed', async () => {
  const loop = await createLoop();
  loop.declare(simulatedSpec());
  await loop.start();
  await loop.pass(minuteMs);
  const change = (pause: ReturnType<typeof pauseOf> | undefined) =>
    passing(loop.clock, changePause(loop.replica(2), { name: 'abc', pause, by: 'ada' }, signal));
  await change(pauseOf('ada', undefined, loop.clock.now()));
  await loop.pass(minuteMs);
  const before = loop.ca.requests.length;
  loop.jump(89 * dayMs);
  await loop.pass(dayMs / 2);
  const asked = loop.ca.requests.slice(before).map(({ kind }) => kind as string);
  expect(asked.filter((kind) => kind !== 'directory')).toEqual([]);
  expect(loop.outcomes).toHaveLength(1);
  await change(undefined);
  await loop.pass(minuteMs);
  expect(loop.outcomes.map(({ result }) => result)).toEqual(['issued', 'renewed']);
});

it.each([
  ['whose parts are there', false, 1],
  ['whose key is gone', true, 2],
] as const)('reads a certificate %s at its start, and finds what it lacks', async (_what, isKeyGone, reads) => {
  const loop = await createLoop();
  loop.declare(simulatedSpec());
  await issue(loop.replica(2), simulatedJob(simulatedSpec()), signal);
  if (isKeyGone) {
    const [name] = (await loop.store.list('key', signal)).names;
    const key = { kind: 'key', name: name! } as const;
    await loop.store.delete(key, { ifRevision: (await loop.store.get(key, signal))!.revision, signal });
  }
  let read = 0;
  await loop.start((store) => ({
    async *scan(kind, s, isKnown) {
      for await (const page of store.scan(kind, s, isKnown)) {
        if (kind === 'lineage') read += page.length;
        yield page;
      }
    },
  }));
  await loop.pass(minuteMs / 2);
  expect(read).toBe(reads);
  const found = loop.outcomes.map((one) => (one.result === 'failed' ? one.error.code : one.result));
  expect(found).toEqual(isKeyGone ? ['store/part-missing'] : []);
});

it('looks again at everything after a jump of the clock, even if the store fails at that moment', async () => {
  const loop = await createLoop();
  loop.declare(simulatedSpec());
  await issue(loop.replica(2), simulatedJob(simulatedSpec()), signal);
  let isBroken = false;
  let scans = 0;
  await loop.start((store) => ({
    scan(...args) {
      scans += 1;
      if (isBroken) throw broken;
      return store.scan(...args);
    },
  }));
  await loop.pass(minuteMs);
  isBroken = true;
  loop.jump(dayMs);
  await loop.editLineage((lineage) => lineage);
  await loop.pass(minuteMs);
  isBroken = false;
  scans = 0;
  await loop.pass(minuteMs);
  expect(scans).toBe(1);
});

it.each<[string, (lineage: Lineage) => object]>([
  ['a renewal time that is none', (lineage) => ({ ...lineage, renewal: { ...lineage.renewal, at: 'soon' } })],
  [
    'an expiry that is none',
    ({ current, ...lineage }) => ({ ...lineage, current: { ...current, facts: { ...current!.facts, notAfter: '' } } }),
  ],
  ['no facts', ({ current, ...lineage }) => ({ ...lineage, current: { id: current!.id } })],
  ['no deployments', (lineage) => ({ ...lineage, deployments: null })],
  ['no issuer', (lineage) => ({ ...lineage, spec: {} })],
])('takes care of others beside a document with %s', async (_what, damaged) => {
  const loop = await createLoop();
  await issue(loop.replica(2), simulatedJob(simulatedSpec()), signal);
  await loop.editLineage((lineage) => damaged(lineage) as Lineage);
  loop.declare(simulatedSpec(), simulatedSpec('other', ['other.example.com']));
  await loop.start();
  await loop.pass(minuteMs / 2);
  expect(await loop.readLineage('other')).toMatchObject({ last: { result: 'issued' } });
});

/** Calls a function during the first write of a lineage, or directly after the last one that meets a condition. */
const onWrite =
  (isIt: (lineage: Lineage) => boolean, run: () => unknown) =>
  (store: Store): Partial<Store> => {
    let isOver = false;
    return {
      async put(key, bytes, options) {
        const revision = await store.put(key, bytes, options);
        if (key.kind !== 'lineage' || isOver || !isIt(JSON.parse(new TextDecoder().decode(bytes)))) return revision;
        isOver = true;
        await run();
        return revision;
      },
    };
  };

it('tries a certificate at once whose settings changed while a pass failed', async () => {
  const loop = await createLoop();
  await issue(loop.replica(2), simulatedJob(simulatedSpec()), signal);
  const at = loop.clock.now().toISOString();
  await loop.editLineage((lineage) => ({ ...lineage, renewal: { at, source: 'lifetime' } }));
  const detail = 'no';
  loop.ca.failNext('newOrder', {
    problem: { type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail, status: 400 },
  });
  loop.declare(simulatedSpec());
  const change = () => loop.declare(simulatedSpec('abc', ['abc.example.com']));
  await loop.start(onWrite((lineage) => lineage.work !== undefined, change));
  await loop.pass(minuteMs / 2);
  expect(loop.outcomes.map(({ result }) => result)).toEqual(['failed', 'renewed']);
});

it('works soon on what another process changed just as a pass ended', async () => {
  const loop = await createLoop();
  loop.declare(simulatedSpec());
  const at = loop.clock.now().toISOString();
  const renewNow = () => loop.editLineage((lineage) => ({ ...lineage, renewal: { at, source: 'lifetime' } }));
  await loop.start(onWrite(({ work, current }) => current !== undefined && work === undefined, renewNow));
  await loop.pass(minuteMs / 2);
  expect(loop.outcomes.map(({ result }) => result)).toEqual(['issued', 'renewed']);
});

it('takes care of others while the store cannot read one document', async () => {
  const loop = await createLoop();
  await issue(loop.replica(2), simulatedJob(simulatedSpec()), signal);
  let isBroken = true;
  const { health } = await loop.start((store) => ({
    async get(key, s) {
      if (isBroken && key.kind === 'lineage' && key.name === 'abc') throw broken;
      return store.get(key, s);
    },
  }));
  await loop.editLineage((lineage) => lineage);
  await loop.pass(minuteMs);
  for (const name of ['one', 'two']) {
    loop.declare(simulatedSpec(), simulatedSpec(name, [`${name}.example.com`]));
    await loop.pass(minuteMs);
    expect(await loop.readLineage(name)).toMatchObject({ last: { result: 'issued' } });
  }
  expect(loop.messages().filter((message) => message === broken.message)).toHaveLength(1);
  // Nobody has to start the process anew, but somebody has to look.
  const found = new Set<string>();
  for (let seconds = 0; seconds < 15; seconds++) {
    await loop.pass(1_000);
    found.add(JSON.stringify(health()));
  }
  const problems = ['a document of the store cannot be read'];
  expect([...found].map((one) => JSON.parse(one))).toEqual([
    { isTurning: true, isAlive: true, isReady: false, problems },
  ]);
  isBroken = false;
  await loop.pass(15_000);
  expect(health().isReady).toBe(true);
});

it('works on others that are due at the same time as one that the store cannot read', async () => {
  const loop = await createLoop();
  const specs = ['abc', 'one'].map((name) => simulatedSpec(name, [`${name}.example.com`]));
  for (const spec of specs) await issue(loop.replica(2), simulatedJob(spec), signal);
  const inMinutes = (count: number) => new Date(loop.clock.now().getTime() + count * minuteMs).toISOString();
  const renewal = { at: inMinutes(10), source: 'lifetime', checkAfter: inMinutes(300) } as const;
  for (const { name } of specs) await loop.editLineage((lineage) => ({ ...lineage, renewal }), name);
  loop.declare(...specs);
  await loop.start((store) => ({
    async get(key, s) {
      if (key.kind === 'lineage' && key.name === 'abc') throw broken;
      return store.get(key, s);
    },
  }));
  await loop.pass(12 * minuteMs);
  expect((await loop.readLineage('one'))?.last).toMatchObject({ result: 'renewed' });
  expect((await loop.readLineage('abc'))?.last).toMatchObject({ result: 'issued' });
});
