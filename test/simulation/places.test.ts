import { describe, expect, it } from 'vitest';
import { exitCodeOf } from '../../src/cli/output/exit-codes.ts';
import { fail } from '../../src/core/errors/errors.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { createFleetTarget, type FleetTargetOptions, minuteMs } from '../support/fleet-target.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { seeded } from '../support/seeded.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue as issueIn,
  simulatedJob as job,
  type ReplicaOptions,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

// Targets with many places, which need minutes to roll a version out, as CDNs do.

const { signal } = new AbortController();
const spec = simulatedSpec();
const limits = { leaseTtlMs: 365 * dayMs };

async function createWorld(options: Omit<FleetTargetOptions, 'clock'> = {}) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  const fleet = createFleetTarget({ clock: world.clock, ...options });
  const writes = { count: 0 };
  const store: Store = {
    ...world.store,
    put: (...args) => {
      writes.count += 1;
      return world.store.put(...args);
    },
  };
  /** Another process each time, with a deployer of its own. */
  const replica = (pid = 1, own: ReplicaOptions = {}) =>
    world.replica(pid, { deployer: fleet.connect(), store, limits, ...own });
  const renew = async (engine = replica(), wanted: StoredSpec = spec) => {
    const jobs = [{ ...job(wanted), unattended: true }];
    const [outcome] = await passing(world.clock, reconcileAll(engine, { jobs, jobOf: () => undefined }, signal));
    return outcome!;
  };
  const deployment = async (target = 'target') => (await world.readLineage())?.deployments[target];
  const current = async () => (await world.readLineage())?.current?.facts.fingerprint;
  /** One pass each minute until all is rolled out. */
  const settle = async () => {
    for (let minute = 0; minute < 30 && (await deployment())?.state !== 'current'; minute += 1) {
      world.pass(minuteMs);
      await renew();
    }
  };
  return { ...world, fleet, events, writes, replica, renew, deployment, current, settle };
}

describe('a CDN that needs 7 minutes', () => {
  it('is activated once, is no failure meanwhile, and ends by itself', async () => {
    const world = await createWorld({ places: ['a.example.com', 'b.example.com'] });
    const first = await world.renew();
    expect(first).toMatchObject({ result: 'issued', settling: [expect.stringContaining('still being rolled out')] });
    expect(first.next).toBeUndefined();
    const results: string[] = [];
    for (let minute = 0; minute < 9; minute += 1) {
      const outcome = await world.renew();
      expect(exitCodeOf([outcome])).toBe(0);
      results.push(`${outcome.result} ${(await world.deployment())?.code ?? ''}`.trim());
      world.pass(minuteMs);
    }
    const settling = 'unchanged deploy/settling';
    expect([...new Set(results)]).toEqual([settling, 'deployed', 'unchanged']);
    expect([world.fleet.calls.set.length, world.fleet.calls.refusedRepeats, world.fleet.calls.uploads]).toEqual([
      2, 0, 1,
    ]);
    expect(world.events.filter(({ level }) => level === 'alarm' || level === 'error' || level === 'warn')).toEqual([]);
    expect(await world.deployment()).toMatchObject({ state: 'current', places: { total: 2, lacking: 0, named: [] } });
    const lineage = await world.readLineage();
    expect(lineage?.deployments['target']?.code).toBeUndefined();
    expect(world.events.find(({ event }) => event === 'certificate.deployed')).toMatchObject({
      message: 'deployed to target (2 domains)',
      data: { targets: ['target'], places: { target: 2 } },
    });
  });

  it('is waited for within the deadline if it is quick', async () => {
    const world = await createWorld({ rollOutMs: 20_000 });
    expect(await world.renew()).toMatchObject({ result: 'issued' });
    expect(await world.deployment()).toMatchObject({ state: 'current' });
  });

  it('is a failure, with an alarm, if it has not ended by its time, and is not activated again', async () => {
    const world = await createWorld({ rollOutMs: 60 * minuteMs });
    await world.renew();
    world.pass(11 * minuteMs);
    const late = await world.renew();
    expect(late).toMatchObject({ result: 'pending', error: { code: 'deploy/not-settled' } });
    expect(exitCodeOf([late])).toBe(6);
    expect(world.events.filter(({ event }) => event === 'deploy.alarm')).toHaveLength(1);
    world.pass(60 * minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.fleet.calls.set).toHaveLength(1);
  });

  it('that fails after it has accepted is a failure at once, and is tried again by a later pass', async () => {
    const world = await createWorld();
    world.fleet.faults.drops.set('www.example.com', 'origin refused');
    await world.renew();
    world.pass(8 * minuteMs);
    const failed = await world.renew();
    expect(failed).toMatchObject({
      result: 'pending',
      error: { code: 'deploy/places-missing', message: expect.stringContaining('www.example.com (origin refused)') },
    });
    expect(world.fleet.calls.set, 'the pause is obeyed').toHaveLength(1);
    expect(world.events.filter(({ event }) => event === 'deploy.alarm')).toHaveLength(1);
    world.fleet.faults.drops.clear();
    world.pass(minuteMs);
    await world.renew();
    expect(world.fleet.calls.set).toHaveLength(2);
    await world.settle();
    expect(await world.deployment()).toMatchObject({ state: 'current' });
  });

  it('keeps what older versions need until every place has the new one', async () => {
    const world = await createWorld({ uploads: 'sim-certificates 1' });
    for (let turn = 0; turn < 3; turn += 1) {
      await world.renew();
      const { retired = [] } = (await world.readLineage()) ?? {};
      expect([world.fleet.uploads.size, retired.length]).toEqual([turn + 1, turn > 1 ? 1 : 0]);
      await world.settle();
      world.pass(80 * dayMs);
    }
    expect([world.fleet.uploads.size, (await world.readLineage())?.retired ?? []]).toEqual([2, []]);
  });
});

describe('one of many places', () => {
  const places = Array.from({ length: 100 }, (_, at) => `d${at}.example.com`);

  it('that refuses is pending alone, is named, and is tried again alone', async () => {
    const world = await createWorld({ places, rollOutMs: 0 });
    world.fleet.faults.refuses.set('d7.example.com', 'HTTPS is off');
    const outcome = await world.renew();
    expect(outcome).toMatchObject({
      result: 'pending',
      message: 'abc is missing at 1 of the 100 places of target: d7.example.com (HTTPS is off)',
    });
    expect([world.fleet.calls.set.length, (await world.deployment())?.places]).toEqual([
      99,
      { total: 100, lacking: 1, named: [{ place: 'd7.example.com', state: 'absent', reason: 'HTTPS is off' }] },
    ]);
    const pending = world.events.find(({ event }) => event === 'certificate.pending');
    expect(pending?.data).toMatchObject({
      target: 'target',
      places: { lacking: 1, named: [{ place: 'd7.example.com' }] },
    });
    world.fleet.calls.set.length = 0;
    await world.renew();
    world.fleet.faults.refuses.clear();
    world.pass(minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.fleet.calls.set).toEqual(['d7.example.com']);
    expect(world.fleet.calls.refusedRepeats).toBe(0);
  });

  it.each([
    [['d7.example.com'], '1 of the 3 places of target: d7.example.com (HTTPS is off)'],
    [['d7.example.com', 'd8.example.com', 'd9.example.com'], '3 of the 3 places'],
  ])('is named at every run while all that are tried refuse: %j', async (refusing, words) => {
    const world = await createWorld({ places: ['d7.example.com', 'd8.example.com', 'd9.example.com'], rollOutMs: 0 });
    for (const place of refusing) world.fleet.faults.refuses.set(place, 'HTTPS is off');
    for (let run = 0; run < 4; run += 1) {
      const outcome = await world.renew();
      expect(outcome).toMatchObject({ result: 'pending', message: expect.stringContaining(words) });
      expect(outcome).toMatchObject({ error: { code: 'deploy/places-missing' } });
      expect((await world.deployment())?.places?.named[0]).toMatchObject({ place: 'd7.example.com' });
      world.pass(60 * minuteMs);
    }
  });

  it('that refuses is tried again with the receipt of the upload', async () => {
    const world = await createWorld({ places: places.slice(0, 1), uploads: 'sim-certificates 1', rollOutMs: 0 });
    world.fleet.faults.refuses.set('d0.example.com', 'HTTPS is off');
    const seen: unknown[] = [];
    const renew = () => {
      const deployer = world.fleet.connect();
      const stage: Deployer['stage'] = (version, ...rest) => {
        seen.push(version.sent);
        return deployer.stage(version, ...rest);
      };
      return world.renew(world.replica(1, { deployer: { ...deployer, stage } }));
    };
    await renew();
    world.pass(60 * minuteMs);
    await renew();
    expect(seen).toEqual([undefined, { name: [...world.fleet.uploads.keys()][0] }]);
  });

  it('is named with the reason if the upload fails', async () => {
    const world = await createWorld({ places: places.slice(0, 2), rollOutMs: 0 });
    world.fleet.faults.room = 0;
    const message = expect.stringMatching(/d0.example.com, d1.example.com: .*QuotaExceeded/);
    expect(await world.renew()).toMatchObject({ error: { code: 'deploy/places-missing', message } });
  });

  it('that is new gets the certificate at the next look, and idle looks change and write nothing', async () => {
    const world = await createWorld({ places, rollOutMs: 0 });
    await world.renew();
    const before = world.fleet.changes();
    world.writes.count = 0;
    for (let pass = 0; pass < 10; pass += 1) {
      world.pass(minuteMs);
      expect(await world.renew()).toMatchObject({ result: 'unchanged', message: 'not due yet' });
    }
    expect([world.fleet.changes() - before, world.writes.count]).toEqual([0, 0]);
    world.fleet.places.set('new.example.com', {});
    world.fleet.calls.set.length = 0;
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.fleet.calls.set).toEqual(['new.example.com']);
    expect([world.fleet.served('new.example.com'), world.fleet.calls.uploads]).toEqual([await world.current(), 1]);
  });

  it('is looked for again by one process only after ten minutes', async () => {
    const world = await createWorld({ places, rollOutMs: 0 });
    const engine = world.replica();
    await world.renew(engine);
    await world.renew(engine);
    world.fleet.calls.pages = 0;
    await world.renew(engine);
    expect(world.fleet.calls.pages).toBe(0);
    await world.clock.advance(10 * minuteMs);
    await world.renew(engine);
    expect(world.fleet.calls.pages).toBe(1);
  });

  it('does not spoil the pass if the look fails', async () => {
    const world = await createWorld({ places, rollOutMs: 0 });
    await world.renew();
    world.fleet.hooks.during = async () => {
      throw new Error('Forbidden.RAM');
    };
    expect(await world.renew()).toMatchObject({ result: 'unchanged' });
    expect(world.events.at(-1)).toMatchObject({ level: 'warn', message: expect.stringContaining('Forbidden.RAM') });
  });

  it('is found on the last of many pages, and a document stays small', async () => {
    const many = Array.from({ length: 600 }, (_, at) => `d${at}.example.com`);
    const world = await createWorld({ places: many, rollOutMs: 0 });
    for (const name of many.slice(500)) world.fleet.faults.refuses.set(name, 'x'.repeat(3_000));
    const outcome = await world.renew();
    expect(outcome).toMatchObject({
      message: expect.stringMatching(
        /^abc is missing at 100 of the 600 places .*: d500\.example\.com, .* and 97 more \(x+/,
      ),
    });
    const found = (await world.deployment())?.places;
    expect([found?.total, found?.lacking, found?.named.length]).toEqual([600, 100, 20]);
    expect(JSON.stringify(await world.readLineage()).length).toBeLessThan(16_000);
    for (const name of many) expect(world.fleet.served(name) === undefined).toBe(world.fleet.faults.refuses.has(name));
  });
});

it('uploads nothing twice and repeats no change while every fifth answer is lost', async () => {
  const chance = seeded('lost answers');
  const places = Array.from({ length: 20 }, (_, at) => `d${at}.example.com`);
  const world = await createWorld({ places, rollOutMs: 2 * minuteMs, uploads: 'sim-certificates 1' });
  world.fleet.loseAnswers(() => chance() < 0.2);
  for (let turn = 1; turn <= 10; turn += 1) {
    await world.renew();
    await world.settle();
    const fingerprint = await world.current();
    for (const name of places) expect(world.fleet.served(name)).toBe(fingerprint);
    expect([world.fleet.calls.uploads, world.fleet.calls.set.length]).toEqual([turn, turn * places.length]);
    world.pass(80 * dayMs);
  }
  expect([world.fleet.calls.refusedRepeats, world.fleet.uploads.size]).toEqual([0, 2]);
});

describe('the locks of a target that uploads elsewhere', () => {
  const locks = { uploads: 'sim-certificates 1', resource: 'sim-listener 1' };

  it('are held one after the other, and none while it is looked at', async () => {
    const world = await createWorld({ ...locks, rollOutMs: 0 });
    const held: string[] = [];
    world.fleet.hooks.during = async (call) => {
      const names = (await world.store.list('lock', signal)).names;
      held.push(`${call}: ${names.join(', ')}`);
    };
    await world.renew();
    expect(held).toEqual(['look: ', `stage: ${locks.uploads}`, `activate: ${locks.resource}`, 'look: ']);
  });

  it('let two targets of a certificate upload it once', async () => {
    const world = await createWorld({ uploads: locks.uploads, rollOutMs: 0 });
    const other = createFleetTarget({ clock: world.clock, uploads: locks.uploads, rollOutMs: 0 });
    const [one, two] = [world.fleet.connect(), other.connect()];
    let [active, most] = [0, 0];
    // Both targets use one certificate service.
    const shared: Deployer = {
      ...two,
      stage: (...args) => one.stage(...args),
      activate: (...args) => two.activate(...args),
    };
    world.fleet.hooks.during = async (call) => {
      if (call !== 'stage') return;
      active += 1;
      most = Math.max(most, active);
      await world.clock.sleep(1_000, signal);
      active -= 1;
    };
    const replica = world.replica();
    const deployer = async (_spec: StoredSpec, target: string) => (target === 'other' ? shared : one);
    const engine: Engine = { ...replica, connect: { ...replica.connect, deployer } };
    const wanted = { ...spec, targets: targetsOf('target', 'other') };
    expect(await world.renew(engine, wanted)).toMatchObject({ result: 'issued' });
    expect([most, world.fleet.calls.uploads, world.fleet.calls.lists]).toEqual([1, 1, 2]);
    const { target, other: second } = (await world.readLineage())?.deployments ?? {};
    expect(second?.sent).toEqual(target?.sent);
  });
});

describe('a place that is rolling out another change', () => {
  /** Every place has a version. 80 days later, each is getting the next one. */
  async function renewedAt(places: readonly string[], rollOutMs: number) {
    const world = await createWorld({ places, rollOutMs, settleMs: 20 * minuteMs });
    await world.renew();
    await world.settle();
    const first = await world.current();
    world.pass(80 * dayMs);
    await world.renew();
    world.pass(minuteMs);
    const rollBackNow = async () => {
      const engine = world.replica();
      await passing(world.clock, rollBack(engine, { name: 'abc', wanted: spec }, signal));
      const again = { ...job(spec, { obeyBackoff: false }), redeploy: true };
      const [outcome] = await passing(world.clock, reconcile(engine, [again], signal));
      return outcome!;
    };
    const problems = () => world.events.filter(({ level }) => level !== 'info' && level !== 'debug');
    return { ...world, first, rollBackNow, problems };
  }
  const many = Array.from({ length: 30 }, (_, at) => `d${at}.example.com`);

  it.each([1, 30])('gets the version of a rollback at the next run after that (%d places)', async (count) => {
    const world = await renewedAt(many.slice(0, count), 12 * minuteMs);
    const outcome = await world.rollBackNow();
    const words =
      /d0\.example\.com.* \(it is still rolling out another change, and `certfleet renew` sets this version/;
    expect(outcome).toMatchObject({ result: 'unchanged', settling: [expect.stringMatching(words)] });
    expect((await world.deployment())?.places?.named[0]).toMatchObject({ place: 'd0.example.com', state: 'busy' });
    world.pass(60 * minuteMs);
    expect(await world.renew()).toMatchObject({ settling: [expect.stringContaining('still being rolled out')] });
    expect(world.fleet.calls.set).toHaveLength(3 * count);
    world.pass(60 * minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.fleet.served('d0.example.com')).toBe(world.first);
    expect(world.problems().map(({ event }) => event)).toEqual(['certificate.rolled-back']);
  });

  it('gets the version of a rollback within the same run if it is free in time', async () => {
    const world = await renewedAt(['a.example.com'], 2.5 * minuteMs);
    expect(await world.rollBackNow()).toMatchObject({ settling: [expect.not.stringContaining('another change')] });
    expect(world.fleet.places.get('a.example.com')?.next?.fingerprint).toBe(world.first);
  });

  it('is no failure of the others, and gets the version alone', async () => {
    const world = await createWorld({ places: many.slice(0, 2), rollOutMs: 20_000 });
    world.fleet.configure('d0.example.com', 30 * minuteMs);
    expect(await world.renew()).toMatchObject({
      result: 'issued',
      settling: [expect.stringContaining('d0.example.com')],
    });
    world.pass(60 * minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect([world.fleet.calls.set, await world.deployment()]).toMatchObject([
      ['d1.example.com', 'd0.example.com'],
      { state: 'current' },
    ]);
  });

  it('is no failure if that change is the owner’s, days after the delivery', async () => {
    const world = await createWorld({ rollOutMs: 20_000 });
    await world.renew();
    world.pass(3 * dayMs);
    await world.renew();
    world.pass(minuteMs);
    world.fleet.configure('www.example.com', 7 * minuteMs);
    const outcome = await world.renew();
    expect([exitCodeOf([outcome]), outcome.settling]).toEqual([0, [expect.stringContaining('another change')]]);
    world.pass(60 * minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.fleet.calls.set).toHaveLength(1);
  });

  it('is a failure if that change does not end', async () => {
    const world = await createWorld();
    await world.renew();
    await world.settle();
    world.fleet.configure('www.example.com', 90 * minuteMs);
    await world.renew();
    world.pass(11 * minuteMs);
    expect(await world.renew()).toMatchObject({ result: 'pending', error: { code: 'deploy/not-settled' } });
  });
});

describe('an endpoint of a target that rolls a version out', () => {
  const endpoint = '192.0.2.9:443';
  const wanted = { ...spec, endpoints: [endpoint] };

  /** Servers behind the endpoint take turns: some serve what the place has, some still what it had. */
  async function createEdge() {
    const world = await createWorld({ rollOutMs: minuteMs, settleMs: 10 * minuteMs });
    const pems = new Map<string, string>();
    const edge = { breaks: false, lags: true, turn: 0, last: undefined as string | undefined };
    const { deployer } = world.fleet;
    const connected: Deployer = {
      ...deployer,
      async activate(version, ...rest) {
        edge.last = world.fleet.served('www.example.com');
        pems.set(version.facts.fingerprint, version.certPem);
        await deployer.activate(version, ...rest);
      },
    };
    const handshake = async () => {
      edge.turn += 1;
      const isOld = edge.lags && edge.last !== undefined && edge.turn % 2 === 0;
      const pem = pems.get((isOld ? edge.last : world.fleet.served('www.example.com')) ?? '');
      if (pem === undefined) throw fail('network/failed', { method: 'TLS', url: '', reason: 'refused' });
      if (edge.breaks && !isOld) {
        const cause = Object.assign(new Error('handshake failure'), { phase: 'exchange' });
        throw fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause });
      }
      return { certificateDer: new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')) };
    };
    const engine = (): Engine => {
      const replica = world.replica(1, { deployer: connected });
      return { ...replica, lookup: async () => ['192.0.2.9'], vantage: { ...replica.vantage, handshake } };
    };
    const renew = () => world.renew(engine(), wanted);
    await renew();
    world.pass(2 * minuteMs);
    await renew();
    world.pass(20 * minuteMs);
    await renew();
    expect(await world.deployment(endpoint)).toMatchObject({ state: 'current' });
    world.pass(80 * dayMs);
    return { ...world, edge, renew };
  }

  it('serves old and new by turns: that is no failure until its time is up', async () => {
    const world = await createEdge();
    await world.renew();
    world.pass(2 * minuteMs);
    for (let pass = 0; pass < 4; pass += 1) expect(exitCodeOf([await world.renew()])).toBe(0);
    const versions = world.fleet.calls.set.length;
    world.edge.lags = false;
    await world.renew();
    expect(await world.deployment(endpoint)).toMatchObject({ state: 'current' });
    expect(world.fleet.calls.set.length).toBe(versions);
  });

  it('breaks the handshake: nothing is put back before the roll-out has ended, and it is then', async () => {
    const world = await createEdge();
    const before = await world.current();
    world.edge.breaks = true;
    await world.renew();
    world.pass(2 * minuteMs);
    const codes: (string | undefined)[] = [];
    for (let pass = 0; pass < 5; pass += 1) {
      world.edge.turn = pass;
      await world.renew();
      codes.push((await world.deployment(endpoint))?.code);
    }
    expect([...new Set(codes)].sort()).toEqual(['deploy/no-handshake', 'deploy/settling']);
    expect(await world.deployment(endpoint)).toMatchObject({ broke: true });
    expect(world.fleet.calls.set).toHaveLength(2);
    expect(world.fleet.served('www.example.com')).toBe(await world.current());
    world.edge.lags = false;
    world.pass(10 * minuteMs);
    const after = await world.renew();
    expect(after).toMatchObject({ result: 'pending', error: { code: 'deploy/handshake-failed' } });
    world.pass(2 * minuteMs);
    expect(world.fleet.served('www.example.com')).toBe(before);
  });
});

it('a target that was late is tried again an hour later, also by the same pass', async () => {
  const world = await createSimulatedWorld();
  let isHung = true;
  const deployer: Deployer = {
    ...world.deployer,
    stage: () => (isHung ? new Promise<never>(() => {}) : Promise.resolve(null)),
  };
  const engine = world.replica(1, { deployer });
  const { reconcile } = await import('../../src/engine/pass/reconcile.ts');
  const pass = (name: string) => {
    const wanted = simulatedSpec(name, [`${name}.example.com`]);
    return passing(world.clock, reconcile(engine, [job(wanted)], signal));
  };
  const tooSlow = [{ result: 'pending', error: { code: 'deploy/too-slow' } }];
  expect(await pass('a')).toMatchObject(tooSlow);
  isHung = false;
  expect(await pass('b')).toMatchObject(tooSlow);
  await world.clock.advance(60 * minuteMs);
  expect(await pass('c')).toMatchObject([{ result: 'issued' }]);
});

it('a journalled upload is never lost, and one that no lineage knows is found under the lock of uploads', async () => {
  const world = await createWorld({ uploads: 'sim-certificates 1', rollOutMs: 0 });
  const stop = new AbortController();
  world.fleet.hooks.during = async (call) => {
    if (call === 'activate') stop.abort(new Error('SIGTERM'));
  };
  const engine = world.replica();
  await expect(issueIn(engine, job(spec), stop.signal)).rejects.toThrow('SIGTERM');
  world.fleet.uploads.set('cf-0123456789ab-00001-000000000001', 'f');
  const { sweepLost } = await import('../../src/engine/delivery/unjournalled.ts');
  const removal = { owner: '0123456789ab', olderThanMs: 0 };
  const report = await passing(world.clock, sweepLost(engine, [spec], removal, signal));
  expect(report).toMatchObject({ known: 1, lost: [], failed: [], removed: [expect.stringContaining('-000000000001')] });
  expect(world.fleet.uploads.size).toBe(1);
});
