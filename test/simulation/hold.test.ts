import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { type CaHold, holdOf, keepHold } from '../../src/engine/ledger/ca-hold.ts';
import { reconcile as reconcileInPass } from '../../src/engine/pass/reconcile.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { Store } from '../../src/ports/store.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();
const directory = 'https://ca.test/directory';
const holdKey = { kind: 'ledger', name: `${directory}~hold` } as const;
type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

const putHold = (world: World, hold: Partial<CaHold>) => {
  const now = world.clock.now().toISOString();
  return world.store.put(holdKey, encodeDocument({ since: now, until: now, ...hold }), { ifRevision: null, signal });
};

it('a busy CA that names a time after the certificate expires holds its renewal for half of the remaining validity', async () => {
  const world = await createSimulatedWorld();
  const spec = simulatedSpec();
  await issue(world.replica(1), job(spec), signal);
  world.pass(88 * dayMs);
  const notAfter = Date.parse((await world.readLineage())?.current?.facts.notAfter ?? '');
  const leftMs = notAfter - world.clock.now().getTime();
  world.ca.failNext('newOrder', { status: 503, html: 'down', retryAfter: { seconds: 31_536_000 }, times: 10 });
  await issue(world.replica(1), job(spec), signal);
  const { holdUntil = '', retryAt } = (await world.readLineage())?.failure ?? {};
  expect(retryAt).toBe(holdUntil);
  expect((notAfter - Date.parse(holdUntil)) / leftMs).toBeCloseTo(0.5, 2);
});

it.each([
  ['a time', { retryAfter: { seconds: 7_200 } }, 7_200],
  ['no time', {}, 60],
])(
  'a CA that limits requests for its directory, and names %s, is not asked again before that',
  async (_what, more, seconds) => {
    const world = await createSimulatedWorld();
    world.ca.failNext('directory', { status: 429, html: 'too many', times: 20, ...more });
    const now = (name: string) => job(simulatedSpec(name, [`${name}.example.com`]), { obeyBackoff: false });
    expect(await issue(world.replica(1), now('abc'), signal)).toMatchObject({ error: { code: 'acme/rate-limited' } });
    const since = world.clock.now().getTime();
    const before = world.ca.requests.length;
    for (const name of ['abc', 'other'])
      expect(await issue(world.replica(2), now(name), signal)).toMatchObject({ error: { code: 'acme/hold' } });
    expect(world.ca.requests.length).toBe(before);
    const { until = '' } = (await holdOf(world.replica(1), directory, signal)) ?? {};
    expect(Math.round((Date.parse(until) - since) / 1_000)).toBe(seconds);
  },
);

describe('a CA that takes no orders', () => {
  const newOrders = (world: World) => world.ca.requests.filter(({ kind }) => kind === 'newOrder').length;
  const jobs = Array.from({ length: 12 }, (_, i) => job(simulatedSpec(`c${i}`, [`c${i}.example.com`])));

  /** A CA whose newOrder ends like this. */
  const withNewOrder = (engine: Engine, newOrder: () => Promise<never>): Engine => {
    const issuer = engine.connect.issuer('sim', simulatedSpec().issuer.settings);
    const as: Issuer['as'] = (account) => ({ ...issuer.as(account), newOrder });
    return { ...engine, connect: { ...engine.connect, issuer: () => ({ ...issuer, as }) } };
  };

  it.each<[string, number, (clock: Clock) => Promise<never>]>([
    ['answers 500', 1, () => Promise.reject(fail('acme/busy', { issuer: 'sim', status: 500, what: 'the new order' }))],
    [
      'does not answer within 30 s',
      2,
      async (clock) => {
        await clock.sleep(30_000, new AbortController().signal);
        throw fail('acme/unreachable', { issuer: 'sim', what: 'the new order', reason: 'timed out' });
      },
    ],
  ])('is asked only for the orders that are under way together: it %s', async (_how, requests, newOrder) => {
    const world = await createSimulatedWorld();
    const { clock } = world;
    const many = Array.from({ length: 100 }, (_, i) => job(simulatedSpec(`c${i}`, [`c${i}.example.com`])));
    let asked = 0;
    const engine = withNewOrder(world.replica(1), () => {
      asked += 1;
      return newOrder(clock);
    });
    const outcomes = await passing(clock, reconcileInPass(engine, many, signal));
    const tried = outcomes.filter(({ result }) => result === 'failed');
    expect(tried.length).toBeLessThanOrEqual(32);
    const codes = tried.map((outcome) => ('error' in outcome ? outcome.error.code : ''));
    expect(
      codes.filter((code) => code !== 'acme/down'),
      'the others fail because the CA is down',
    ).toHaveLength(1);
    expect(asked).toBeLessThanOrEqual(requests * tried.length);
    const others = outcomes.filter(({ result }) => result !== 'failed');
    expect(others).toHaveLength(many.length - tried.length);
    for (const { certificate, result, message } of others) {
      expect([result, message]).toEqual(['unchanged', expect.stringContaining('CA')]);
      expect(await world.readLineage(certificate)).toBeUndefined();
    }
    expect(await holdOf(engine, directory, signal)).toMatchObject({ isDown: true });

    // By hand, each says why it fails.
    const byHand = job(simulatedSpec('hand'), { obeyBackoff: false });
    expect(await passing(clock, reconcileInPass(engine, [byHand], signal))).toMatchObject([
      { result: 'failed', error: { code: 'acme/down' } },
    ]);
  });

  it('gets only one certificate in the next run', async () => {
    const world = await createSimulatedWorld();
    world.ca.failNext('newOrder', { status: 500, times: 1_000 });
    await passing(world.clock, reconcile(world.replica(1), jobs, signal));
    world.pass(120_000);
    const before = newOrders(world);
    await passing(world.clock, reconcile(world.replica(2), jobs, signal));
    expect(newOrders(world) - before).toBe(1);
  });

  it('gets all due certificates once it accepts one', async () => {
    const world = await createSimulatedWorld();
    await putHold(world, { isDown: true });
    const outcomes = await passing(world.clock, reconcile(world.replica(1), jobs, signal));
    expect(outcomes.map(({ result }) => result)).toEqual(jobs.map(() => 'issued'));
    expect(await world.store.get(holdKey, signal)).toBeUndefined();
  });

  it('loses no order if the last run’s finding cannot be removed from the store', async () => {
    const world = await createSimulatedWorld();
    await putHold(world, { isDown: true });
    const full = fail('store/unusable', { path: '/store', reason: 'no space left on the disk', advice: '' });
    const store: Store = {
      ...world.store,
      delete: (key, options) => (key.kind === 'ledger' ? Promise.reject(full) : world.store.delete(key, options)),
    };
    expect(await issue(world.replica(1, { store }), job(simulatedSpec()), signal)).toMatchObject({ result: 'issued' });
    expect(newOrders(world)).toBe(1);
  });

  it('still waits until the time that it named for another certificate', async () => {
    const world = await createSimulatedWorld();
    const hours = 2 * 3_600_000;
    const until = new Date(world.clock.now().getTime() + hours).toISOString();
    await putHold(world, { until });
    const engine = world.replica(1);
    engine.pass.cas(directory).failed();
    await keepHold(engine, directory, fail('acme/down', { issuer: 'sim' }));
    expect(await holdOf(engine, directory, signal)).toMatchObject({ until, isDown: true });
  });

  it('is asked again for valid certificates at their renewal, however often a person has forced it', async () => {
    const world = await createSimulatedWorld();
    const three = jobs.slice(0, 3);
    await passing(world.clock, reconcile(world.replica(1), three, signal));
    world.ca.failNext('directory', { status: 503, times: 1_000 });
    const forced = three.map(({ wanted }) => job(wanted, { force: true, obeyBackoff: false }));
    for (let run = 2; run < 4; run += 1) {
      world.pass(120_000);
      const outcomes = await passing(world.clock, reconcile(world.replica(run), forced, signal));
      for (const { certificate, ...outcome } of outcomes) {
        const next = (await world.readLineage(certificate))?.renewal?.at;
        expect(outcome).toMatchObject({ result: 'failed', notDue: true, next });
      }
      const codes = outcomes.map((outcome) => ('error' in outcome ? outcome.error.code : ''));
      if (run === 3) expect(codes.sort()).toEqual(['acme/busy', 'acme/down', 'acme/down']);
    }
    // Of a certificate that is due, it says so.
    world.pass(61 * dayMs);
    const due = await passing(world.clock, reconcile(world.replica(4), forced, signal));
    expect(due.map((outcome) => [outcome.result, 'notDue' in outcome])).toEqual(Array(3).fill(['failed', false]));
  });

  it('is not asked for renewal windows either', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job(simulatedSpec()), signal);
    world.pass(2 * dayMs);
    const engine = world.replica(2);
    engine.pass.cas(directory).failed();
    const before = world.ca.requests.length;
    const outcomes = await passing(world.clock, reconcileInPass(engine, [job(simulatedSpec())], signal));
    expect(outcomes).toMatchObject([{ result: 'unchanged' }]);
    expect(world.ca.requests.length).toBe(before);
  });
});

it('a certificate on which its CA always fails does not keep others from being issued', async () => {
  const world = await createSimulatedWorld();
  const jobs = ['broken', 'b', 'c'].map((name) => job(simulatedSpec(name, [`${name}.example.com`])));
  const engine = (pid: number): Engine => {
    const replica = world.replica(pid);
    const issuer = replica.connect.issuer('sim', simulatedSpec().issuer.settings);
    const refusal = fail('acme/busy', { issuer: 'sim', status: 500, what: 'the new order' });
    const as: Issuer['as'] = (account) => ({
      ...issuer.as(account),
      newOrder: (request, s) =>
        request.identifiers[0]?.value === 'broken.example.com'
          ? Promise.reject(refusal)
          : issuer.as(account).newOrder(request, s),
    });
    return { ...replica, connect: { ...replica.connect, issuer: () => ({ ...issuer, as }) } };
  };
  await passing(world.clock, reconcile(engine(1), jobs.slice(0, 1), signal));
  world.pass(dayMs);
  const all = reconcileAll(engine(2), { jobs, jobOf: () => undefined }, signal);
  const outcomes = await passing(world.clock, all);
  expect(outcomes.map(({ result }) => result)).toEqual(['failed', 'issued', 'issued']);
});

it('reads what is stored about a CA once for all certificates that are due at the same time', async () => {
  const world = await createSimulatedWorld();
  let reads = 0;
  const store: Store = {
    ...world.store,
    get(key, s) {
      if (key.kind === 'ledger') reads += 1;
      return world.store.get(key, s);
    },
  };
  const jobs = [job(simulatedSpec('a')), job(simulatedSpec('b'))];
  await passing(world.clock, reconcile(world.replica(1, { store }), jobs, signal));
  expect(reads).toBe(1);
});
