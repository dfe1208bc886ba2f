import { describe, expect, it } from 'vitest';
import type { Event } from '../../src/core/plan/event.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { targetOf } from '../../src/core/spec/spec-parts.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue,
  simulatedJob as job,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();

/** Targets whose names begin with `run` are commands. */
async function deliveries() {
  const world = await createSimulatedWorld();
  const delivered: string[] = [];
  const has = new Map<string, string>();
  const broken = new Set<string>();
  const events: Event[] = [];
  const deployerOf = (target: string, place: string): Deployer => ({
    type: 'sim',
    scope: 'node',
    ...(target.startsWith('run') ? { runsAfter: true } : {}),
    look: async ({ id }) => ({ state: has.get(place) === id ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    async activate({ id }) {
      if (broken.has(target)) throw new Error('broken');
      has.set(place, id);
      delivered.push(place);
    },
  });
  const engine = (pid = 1): Engine => {
    const made = world.replica(pid);
    return {
      ...made,
      reporter: { report: (event) => void events.push(event) },
      connect: {
        ...made.connect,
        deployer: async (spec, target) =>
          deployerOf(target, `${target}${targetOf(spec, target)?.settings['at'] ?? ''}`),
      },
    };
  };
  const spec = (...deploy: readonly string[]): StoredSpec => {
    return { ...simulatedSpec(), targets: targetsOf(...deploy) };
  };
  return { world, delivered, broken, engine, spec, events };
}

const withPlace = (wanted: StoredSpec, target: string): StoredSpec => ({
  ...wanted,
  targets: wanted.targets.map((one) =>
    one.name === target ? { name: target, settings: { type: 'sim', at: ' elsewhere' } } : one,
  ),
});

it('says of a deploy hook that is removed that it no longer runs', async () => {
  const { world, engine, spec, events } = await deliveries();
  await issue(engine(), job(spec('deploy-hook', 'other')), signal);
  const byFlags = { ...job(spec(), { obeyBackoff: false }), origin: 'command-line' as const };
  await issue(engine(2), byFlags, signal);
  const dropped = events.map(({ message }) => message).filter((message) => /no longer/.test(message));
  expect(dropped).toEqual([
    'its deploy hook no longer runs',
    'other is no longer a target; the version that it has stays there and is not renewed',
  ]);
  expect(world.ca.accepted('newOrder')).toBe(1);
});

describe('a command', () => {
  it.each([
    ['when all was delivered again', (both: StoredSpec) => both, true, 'run'],
    ['with other settings', (both: StoredSpec) => withPlace(both, 'run'), false, 'run elsewhere'],
  ])('that failed %s runs again', async (_when, change, redeploy, expected) => {
    const { world, delivered, broken, engine, spec } = await deliveries();
    const both = spec('files', 'run');
    await issue(engine(), job(both), signal);
    broken.add('run');
    const failed = await issue(engine(), { ...job(change(both)), redeploy }, signal);
    expect(failed).toMatchObject({ result: 'pending' });
    broken.clear();
    delivered.length = 0;
    world.pass(3_600_000);
    expect(await issue(engine(), job(change(both)), signal)).toMatchObject({ result: 'deployed' });
    expect(delivered).toEqual([expected]);
  });

  it.each([
    ['is added', (spec: (...deploy: string[]) => StoredSpec) => spec('files', 'more', 'run'), 'more'],
    [
      'has other settings',
      (spec: (...deploy: string[]) => StoredSpec) => withPlace(spec('files', 'run'), 'files'),
      'files elsewhere',
    ],
  ])('runs if a target listed before it %s, and only then', async (_how, change, target) => {
    const { delivered, engine, spec } = await deliveries();
    await issue(engine(), job(spec('files', 'run')), signal);
    for (const expected of [[target, 'run'], []]) {
      delivered.length = 0;
      await issue(engine(), job(change(spec)), signal);
      expect(delivered).toEqual(expected);
    }
  });

  it('waits if a target listed before it could not take its new settings', async () => {
    const { world, delivered, broken, engine, spec } = await deliveries();
    const both = spec('files', 'run');
    await issue(engine(), job(both), signal);
    delivered.length = 0;
    broken.add('files');
    await issue(engine(), job(withPlace(both, 'files')), signal);
    expect((await world.readLineage())?.deployments['run']).toMatchObject({ state: 'pending', waitsFor: ['files'] });
    broken.clear();
    world.pass(3_600_000);
    await issue(engine(), job(withPlace(both, 'files')), signal);
    expect(delivered).toEqual(['files elsewhere', 'run']);
  });

  it('in an old store, which ran although a target before it had failed, runs when that target has the version', async () => {
    const { world, delivered, broken, engine, spec } = await deliveries();
    const both = spec('files', 'run');
    broken.add('files');
    await issue(engine(), job(both), signal);
    await world.editLineage((lineage) => {
      const { version = '', since = '' } = lineage.deployments['run'] ?? {};
      const ran = { version, since, state: 'current', settings: '{"type":"sim"}' } as const;
      return { ...lineage, deployments: { ...lineage.deployments, run: ran } };
    });
    broken.clear();
    await issue(engine(), job(both), signal);
    expect(delivered).toEqual(['files', 'run']);
  });
});

it('an alarm counts from when a target began to lack the version, not from when it got it', async () => {
  const { world, broken, engine, spec, events } = await deliveries();
  await issue(engine(), job(spec('files')), signal);
  world.pass(30 * dayMs);
  broken.add('files');
  await issue(engine(), { ...job(spec('files')), redeploy: true }, signal);
  expect(events.filter(({ event }) => event === 'deploy.alarm')).toEqual([]);
});

it('a target that comes back from `stage` after its deadline activates nothing', async () => {
  const world = await createSimulatedWorld();
  let release = () => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let activated = 0;
  const deployer: Deployer = {
    type: 'sim',
    scope: 'fleet',
    look: async () => ({ state: 'stale', detail: '' }),
    async stage() {
      await released;
      return null;
    },
    async activate() {
      activated += 1;
    },
  };
  const engine = world.replica(1, { deployer });
  const hurried = { ...engine, limits: { ...engine.limits, deployDeadlineMs: 30 } };
  expect(await issue(hurried, job(simulatedSpec()), signal)).toMatchObject({ result: 'pending' });
  release();
  await new Promise((resolve) => setImmediate(resolve));
  expect(activated).toBe(0);
});
