import { describe, expect, it } from 'vitest';
import { pauseOf } from '../../src/core/lineage/pause.ts';
import type { Event } from '../../src/core/plan/event.ts';
import { changePause } from '../../src/engine/acts/pause.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import * as sweeping from '../../src/engine/pass/sweep.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  beginIssue,
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  type ReplicaOptions,
  simulatedSpec,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();

/** A world with a certificate that has been due for two days. */
async function dueWorld() {
  const events: Event[] = [];
  const world = await createSimulatedWorld({
    settings: { windowMs: [60 * dayMs, 61 * dayMs] },
    reporter: { report: (event) => void events.push(event) },
  });
  const wanted = simulatedSpec();
  await issue(world.replica(1), job(wanted), signal);
  world.pass(62 * dayMs);
  const change = (pausing: boolean, more: { readonly ifRevision?: string; readonly atOnce?: boolean } = {}) => {
    const pause = pausing ? pauseOf('ada', 'the proxy moves', world.clock.now()) : undefined;
    return passing(world.clock, changePause(world.replica(9), { name: 'abc', pause, by: 'ada', ...more }, signal));
  };
  return {
    ...{ ...world, wanted, events },
    pause: (more?: { readonly ifRevision?: string; readonly atOnce?: boolean }) => change(true, more),
    resume: () => change(false),
    lineage: async () => (await world.readLineage())!,
    renewAll: async (rules: Partial<Job> = {}, own: ReplicaOptions = {}) => {
      const pass = { jobs: [{ ...job(wanted), unattended: true, ...rules }], jobOf: () => undefined, isWhole: true };
      const [outcome] = await passing(world.clock, reconcileAll(world.replica(4, own), pass, signal));
      return outcome!;
    },
    person: (rules: Partial<Job>) =>
      issue(world.replica(5), { ...job(wanted, { obeyBackoff: false }), actsOnPaused: true, ...rules }, signal),
    sweep: () => passing(world.clock, sweeping.sweep(world.replica(6), signal)),
  };
}

describe('a certificate that is paused', () => {
  it('is left alone by every pass, also one that means all by force, until it is resumed', async () => {
    const world = await dueWorld();
    await world.pause();
    const asked = world.ca.requests.length;
    for (const rules of [{}, { force: true, obeyBackoff: false }, { redeploy: true, obeyBackoff: false }]) {
      const outcome = await world.renewAll(rules);
      expect(outcome).toMatchObject({ result: 'unchanged' });
      expect(outcome.message).toMatch(/^paused by ada since \S+ \(the proxy moves\)$/);
      expect('next' in outcome, 'it has no next time').toBe(false);
    }
    expect([world.ca.requests.length, world.delivered.length]).toEqual([asked, 1]);
    await world.resume();
    expect((await world.lineage()).paused).toBeUndefined();
    expect(await world.renewAll()).toMatchObject({ result: 'renewed' });
    expect(world.events.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['certificate.paused', 'certificate.resumed']),
    );
  });

  it.each<[string, Partial<Job>, string]>([
    ['a new certificate', { force: true }, 'renewed'],
    ['a delivery', { redeploy: true }, 'deployed'],
    ['what is due', {}, 'renewed'],
  ])('stays so when a person asks for %s by name', async (_what, rules, result) => {
    const world = await dueWorld();
    await world.pause();
    expect(await world.person(rules)).toMatchObject({ result });
    expect((await world.lineage()).paused).toMatchObject({ by: 'ada' });
    expect(world.events.map(({ message }) => message)).toContainEqual(expect.stringContaining('and stays so'));
    world.pass(80 * dayMs);
    expect(await world.renewAll()).toMatchObject({ result: 'unchanged' });
  });

  it('can be rolled back', async () => {
    const world = await dueWorld();
    await world.renewAll();
    await world.pause();
    const { previous } = await world.lineage();
    await passing(world.clock, rollBack(world.replica(3), { name: 'abc', wanted: world.wanted }, signal));
    await world.person({ redeploy: true });
    expect([world.delivered.at(-1), (await world.lineage()).paused?.by]).toEqual([previous!.id, 'ada']);
  });
});

describe('a run that was killed before the pause', () => {
  /** Kills a renewal: when it cleans up before its delivery, or during that. */
  async function killed(at: 'validation' | 'delivery') {
    const world = await dueWorld();
    let isThere = false;
    const die = async () => {
      isThere = true;
      world.dead.add(2);
      await new Promise(() => {});
    };
    const own: ReplicaOptions =
      at === 'validation'
        ? { solver: { ...world.solver, ready: die as never } }
        : { deployer: { ...world.deployer, activate: die as never } };
    beginIssue(world.replica(2, own), job(world.wanted), signal);
    while (!isThere) await world.clock.advance(10);
    await world.pause();
    return world;
  }

  it('leaves challenges that are removed, and an order that goes on once it is resumed', async () => {
    const world = await killed('validation');
    expect(world.txt.size).toBe(1);
    expect(await world.renewAll()).toMatchObject({ result: 'unchanged' });
    expect([...world.txt], 'what the killed run presented').toEqual([]);
    const { work } = await world.lineage();
    expect([work?.lease, work?.challenges, work?.order?.url !== undefined]).toEqual([undefined, [], true]);
    await world.resume();
    expect(await world.renewAll()).toMatchObject({ result: 'renewed' });
    expect(world.ca.accepted('newOrder'), 'the order went on').toBe(2);
  });

  it('leaves a delivery that neither a pass nor a sweep finishes', async () => {
    const world = await killed('delivery');
    await world.renewAll();
    await world.sweep();
    expect(world.delivered).toHaveLength(1);
    expect((await world.lineage()).work).toMatchObject({ step: 'deploy' });
    await world.resume();
    await world.renewAll();
    expect(world.delivered.at(-1)).toBe((await world.lineage()).current?.id);
    expect((await world.lineage()).work).toBeUndefined();
  });
});

describe('the pause itself', () => {
  it('waits for a run, or is refused, and is in no document that another revision has', async () => {
    const world = await dueWorld();
    let go: () => void = () => {};
    const ready = new Promise<void>((done) => {
      go = done;
    });
    const solver = { ...world.solver, ready: () => ready.then(() => ({ ready: true as const })) };
    const running = reconcile(world.replica(2, { solver }), [job(world.wanted)], signal);
    while (world.txt.size === 0) await world.clock.advance(10);
    await expect(world.pause({ atOnce: true })).rejects.toMatchObject({ code: 'lineage/at-work' });
    const pause = pauseOf('ada', undefined, world.clock.now());
    const waiting = changePause(world.replica(9), { name: 'abc', pause, by: 'ada' }, signal);
    await world.clock.advance(10_000);
    expect((await world.lineage()).paused).toBeUndefined();
    go();
    const [outcomes] = await passing(world.clock, Promise.all([running, waiting]));
    expect(outcomes[0]).toMatchObject({ result: 'renewed' });
    expect((await world.lineage()).paused?.by).toBe('ada');
    await expect(world.pause({ ifRevision: 'another' })).rejects.toMatchObject({ code: 'lineage/changed' });
  });

  it('comes before a run of another node that has read the document already', async () => {
    const world = await dueWorld();
    const { store } = world;
    let isFirst = true;
    const late: typeof store = {
      ...store,
      put: async (key, ...rest) => {
        if (key.kind === 'lineage' && isFirst) {
          isFirst = false;
          const pause = pauseOf('ada', undefined, world.clock.now());
          await changePause(world.replica(9), { name: 'abc', pause, by: 'ada' }, signal);
        }
        return store.put(key, ...rest);
      },
    };
    const asked = world.ca.accepted('newOrder');
    const outcome = await issue(world.replica(2, { node: 'b', store: late }), job(world.wanted), signal);
    expect(outcome.message).toMatch(/^paused by ada/);
    expect([world.ca.accepted('newOrder'), (await world.lineage()).paused?.by]).toEqual([asked, 'ada']);
  });

  it('of a certificate that is not there changes nothing, nor does the end of none', async () => {
    const world = await dueWorld();
    const before = await world.lineage();
    await world.resume();
    expect(await world.lineage()).toEqual(before);
    const none = changePause(world.replica(9), { name: 'other', pause: undefined, by: 'ada' }, signal);
    expect(await passing(world.clock, none)).toBeUndefined();
  });
});

it('delivers to no target of any node', async () => {
  const world = await dueWorld();
  const has = new Set<string>();
  const deployer: Deployer = {
    ...world.deployer,
    scope: 'node',
    has: async ({ id }) => has.has(id),
    activate: async ({ id }) => void has.add(id),
  };
  const targets = world.wanted.targets.map((one) => ({ ...one, traits: { ofNode: 'target' } as const }));
  const wanted = { ...world.wanted, targets };
  await world.pause();
  const renewed = async () => {
    const pass = { jobs: [{ ...job(wanted), unattended: true }], jobOf: () => undefined, isWhole: true };
    await passing(world.clock, reconcileAll(world.replica(4, { node: 'b', deployer }), pass, signal));
    return has.size;
  };
  expect(await renewed()).toBe(0);
  await world.resume();
  expect(await renewed()).toBeGreaterThan(0);
});
