import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { targetOf } from '../../src/core/spec/spec-parts.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Deployer, VersionBundle } from '../../src/ports/deployer.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue as issueIn, simulatedSpec, targetsOf } from '../support/simulated-world.ts';

// Deliveries in a simulated world: targets that remember their version, and an endpoint that serves what `edge` has.

const { signal } = new AbortController();
const endpoint = '192.0.2.9:443';

type World = Awaited<ReturnType<typeof createWorld>>;

async function createWorld() {
  const { ca, clock, dead, pass, readLineage, replica } = await createSimulatedWorld();
  /** The version that each target has. */
  const has = new Map<string, VersionBundle>();
  /** Each activation: the target and the version’s number, in the order of issue. */
  const delivered: string[] = [];
  const known: string[] = [];
  /** Runs at the end of an activation. */
  const hooks = { activated: async (_target: string): Promise<void> => {} };
  /** What the endpoint serves: the last version that `edge` got while its reload worked. */
  let served: VersionBundle | undefined;
  const reload = { works: true };
  /** The numbers of the versions that break the handshake. */
  const breaks = new Set<number>();
  const numberOf = (version: { id: string } | undefined): number => (version ? known.indexOf(version.id) + 1 : 0);

  const deployerOf = (target: string): Deployer => ({
    type: 'sim',
    scope: 'node',
    look: async (version) => ({ state: has.get(target)?.id === version.id ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    async activate(version) {
      if (!known.includes(version.id)) known.push(version.id);
      has.set(target, version);
      if (target === 'edge' && reload.works) served = version;
      delivered.push(`${target}: ${numberOf(version)}`);
      await hooks.activated(target);
    },
  });
  async function handshake() {
    const edge = served;
    if (edge === undefined) throw fail('network/failed', { method: 'TLS', url: '', reason: 'connection refused' });
    if (breaks.has(numberOf(edge))) {
      const cause = Object.assign(new Error('handshake failure'), { phase: 'exchange' });
      throw fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause });
    }
    const base64 = edge.certPem.replace(/-----[^-]+-----/g, '');
    return { certificateDer: new Uint8Array(Buffer.from(base64, 'base64')) };
  }

  const process = (pid: number): Engine =>
    replica(pid, {
      deployer(spec, target) {
        const path = targetOf(spec, target)?.settings['path'];
        return deployerOf(path === undefined ? target : `${target} in ${path}`);
      },
      service: { address: '192.0.2.9', handshake },
      // A reload takes no time here, so an endpoint that is not right at once is late.
      limits: { deployTimeoutMs: 0, deployDeadlineMs: 10_000 },
    });

  return {
    ca,
    dead,
    breaks,
    delivered,
    hooks,
    reload,
    clock,
    process,
    pass,
    readLineage,
    /** The number of the version that a target has. */
    version: (target: string) => numberOf(has.get(target)),
  };
}

function specOf(...deploy: readonly string[]): StoredSpec {
  return { ...simulatedSpec(), targets: targetsOf(...deploy), endpoints: [endpoint] };
}

/** The same with another place for one target. */
const moved = (wanted: StoredSpec, target: string, path: string): StoredSpec => ({
  ...wanted,
  targets: wanted.targets.map((one) => (one.name === target ? { name: target, settings: { type: 'sim', path } } : one)),
});

const issue = (world: World, job: Job) => issueIn(world.process(1), job, signal);

const renewal = (wanted: StoredSpec) => ({ wanted, origin: 'configuration', force: false, obeyBackoff: true }) as const;
/** One pass of `renew`. */
const renew = (world: World, wanted: StoredSpec) => issue(world, renewal(wanted));

it('delivers only to a target whose settings have changed', async () => {
  const world = await createWorld();
  const both = specOf('edge', 'other');
  await renew(world, both);
  world.delivered.length = 0;
  const there = moved(both, 'other', '/elsewhere');
  expect(await renew(world, there)).toMatchObject({ result: 'deployed' });
  expect(world.delivered).toEqual(['other in /elsewhere: 1']);
  expect(await renew(world, there)).toMatchObject({ result: 'unchanged' });
});

it('says for each target on a separate line why it lacks the version, and what to do', async () => {
  const world = await createWorld();
  world.hooks.activated = async (target) => {
    throw new Error(`${target} is full`);
  };
  const only = { ...specOf('edge', 'other'), endpoints: [] };
  const outcome = await renew(world, only);
  const targets = 'deploying abc to edge failed: edge is full\ndeploying abc to other failed: other is full';
  expect(outcome).toMatchObject({ result: 'pending', message: `2 targets do not have it yet:\n${targets}` });
  expect(outcome).toMatchObject({
    error: { hint: expect.stringMatching(/^The target keeps its previous certificate/) },
  });

  world.breaks.add(1);
  const mixed = await renew(world, specOf('edge', 'third'));
  expect(mixed).toMatchObject({
    result: 'pending',
    message: expect.stringMatching(
      /^3 targets do not have it yet:\n.* to edge failed: .* is full\. The target keeps .*\n.* to third failed: .* is full\. The target keeps .*\n192\.0\.2\.9:443 does not complete a TLS .*$/,
    ),
    error: { hint: '`certfleet renew` tries each of them again.' },
  });
});

it('delivers again to all targets without an order, even if a renewal is due', async () => {
  const world = await createWorld();
  const both = specOf('edge', 'other');
  await renew(world, both);
  world.delivered.length = 0;
  world.pass(70 * dayMs);
  const rules = { origin: 'configuration', force: false, obeyBackoff: false, redeploy: true } as const;
  const outcome = await issue(world, { wanted: both, ...rules });
  expect(outcome).toMatchObject({ result: 'deployed' });
  expect(world.delivered.toSorted()).toEqual(['edge: 1', 'other: 1']);
  const after = await world.readLineage();
  expect([after?.work, Object.values(after?.deployments ?? {}).map(({ state }) => state)]).toEqual([
    undefined,
    ['current', 'current', 'current'],
  ]);
});

it('delivers the current certificate while its renewal is failing, and resumes the renewal afterwards', async () => {
  const world = await createWorld();
  const { ca, hooks } = world;
  hooks.activated = async () => {
    throw new Error('the target is broken');
  };
  const wanted = { ...specOf('edge'), endpoints: [] };
  expect(await renew(world, wanted)).toMatchObject({ result: 'pending' });

  // Its renewal is due, and the CA is down for an hour.
  world.pass(80 * dayMs);
  ca.failNext('finalize', { status: 503, html: 'down', retryAfter: { seconds: 3_600 } });
  expect(await renew(world, wanted)).toMatchObject({ result: 'failed' });
  const parked = (await world.readLineage())?.work;
  expect(parked?.order?.url).toBeDefined();

  hooks.activated = async () => {};
  world.delivered.length = 0;
  const before = ca.requests.length;
  expect(await renew(world, wanted)).toMatchObject({ result: 'deployed' });
  expect(world.delivered).toEqual(['edge: 1']);
  expect(ca.requests.length, 'the CA is left alone').toBe(before);
  const after = await world.readLineage();
  expect(after?.work).toMatchObject({ version: parked?.version, order: parked?.order });
  expect(after?.failure?.holdUntil).toBeDefined();

  world.pass(3_700_000);
  expect(await renew(world, wanted)).toMatchObject({ result: 'renewed' });
  expect(world.delivered).toEqual(['edge: 1', 'edge: 2']);
  expect((await world.readLineage())?.current?.id).toBe(parked?.version);
  expect(ca.accepted('newOrder')).toBe(2);
});

it('delivers to targets that carry the certificate at the same time', async () => {
  const world = await createWorld();
  let active = 0;
  let all = () => {};
  const together = new Promise<void>((resolve) => {
    all = resolve;
  });
  world.hooks.activated = async () => {
    active += 1;
    if (active === 3) all();
    await together;
  };
  expect(await renew(world, specOf('edge', 'other', 'third'))).toMatchObject({ result: 'issued' });
});

describe('an endpoint that still serves the old version', () => {
  /** The second version is on `edge`, whose reload does nothing. */
  async function stuck() {
    const world = await createWorld();
    await renew(world, specOf('edge'));
    world.reload.works = false;
    world.pass(70 * dayMs);
    expect(await renew(world, specOf('edge'))).toMatchObject({
      result: 'pending',
      error: { code: 'deploy/still-old' },
    });
    expect(world.delivered).toEqual(['edge: 1', 'edge: 2']);
    return world;
  }

  it('is delivered to again at the next pass, then after 1, 10, 60 minutes', async () => {
    const world = await stuck();
    const minutes: number[] = [];
    for (let minute = 1; minute <= 140; minute += 1) {
      const before = world.delivered.length;
      world.pass(60_000);
      expect(await renew(world, specOf('edge'))).toMatchObject({ result: 'pending' });
      if (world.delivered.length > before) minutes.push(minute);
    }
    expect(minutes).toEqual([1, 2, 12, 72, 132]);
  });

  it.each([
    ['renew, when its time has come', true, 60_000],
    ['issue, at once', false, 0],
  ])('serves the new one after a single delivery once its reload is mended: %s', async (_by, obeyBackoff, ms) => {
    const world = await stuck();
    await renew(world, specOf('edge'));
    await renew(world, specOf('edge'));
    const before = world.delivered.length;
    expect(before, 'twice, not at every pass').toBe(3);
    world.reload.works = true;
    world.pass(ms);
    const job = { wanted: specOf('edge'), origin: 'configuration', force: false, obeyBackoff } as const;
    expect(await issue(world, job)).toMatchObject({ result: 'deployed' });
    const states = Object.values((await world.readLineage())?.deployments ?? {}).map(({ state }) => state);
    expect([world.delivered.length, states]).toEqual([before + 1, ['current', 'current']]);
    expect(await renew(world, specOf('edge'))).toMatchObject({ result: 'unchanged' });
    expect(world.delivered.length).toBe(before + 1);
  });
});

describe('a version that breaks the handshake', () => {
  it('stays if it is the first one, because there is none to put back, and the message does not claim otherwise', async () => {
    const world = await createWorld();
    world.breaks.add(1);
    const outcome = await renew(world, specOf('edge'));
    expect(outcome).toMatchObject({
      result: 'pending',
      message: `${endpoint} does not complete a TLS handshake: 192.0.2.9: handshake failure`,
      error: {
        code: 'deploy/no-handshake',
        hint: expect.stringMatching(/^There is no previous version to put back/),
      },
    });
    expect(world.version('edge')).toBe(1);
  });

  it('stays if the store lacks the key of the one before, and the message says so', async () => {
    const world = await createWorld();
    await renew(world, specOf('edge'));
    const [key] = (await world.process(1).store.list('key', signal)).names;
    const entry = await world.process(1).store.get({ kind: 'key', name: key! }, signal);
    await world.process(1).store.delete(entry!.key, { ifRevision: entry!.revision, signal });
    world.breaks.add(2);
    world.pass(70 * dayMs);
    expect(await renew(world, specOf('edge'))).toMatchObject({
      result: 'pending',
      error: {
        code: 'deploy/no-handshake',
        hint: expect.stringMatching(/^The previous version cannot be put back: the document key\/.+ is missing/),
      },
    });
    expect(world.version('edge')).toBe(2);
    const states = Object.values((await world.readLineage())?.deployments ?? {}).map(({ state }) => state);
    expect(states).toEqual(['current', 'pending']);
  });

  it('is taken back, and tried again only after a day', async () => {
    const world = await createWorld();
    await renew(world, specOf('edge'));
    world.breaks.add(2);
    world.pass(70 * dayMs);
    expect(await renew(world, specOf('edge'))).toMatchObject({
      result: 'pending',
      message: expect.stringContaining(`${endpoint} no longer completes a TLS handshake`),
      error: { code: 'deploy/handshake-failed', hint: expect.stringContaining('The previous version was restored') },
    });
    expect(world.version('edge')).toBe(1);
    world.pass(dayMs / 2);
    expect(await renew(world, specOf('edge'))).toMatchObject({ result: 'pending' });
    expect(world.delivered).toEqual(['edge: 1', 'edge: 2', 'edge: 1']);
    world.breaks.clear();
    world.pass(dayMs);
    await renew(world, specOf('edge'));
    expect(world.version('edge')).toBe(2);
  });

  it('is not delivered there again within a day because another target is added', async () => {
    const world = await createWorld();
    await renew(world, specOf('edge'));
    world.breaks.add(2);
    world.pass(70 * dayMs);
    await renew(world, specOf('edge'));
    const waiting = (await world.readLineage())?.deployments;
    world.delivered.length = 0;

    world.pass(3_600_000);
    const both = specOf('edge', 'other');
    expect(await renew(world, both)).toMatchObject({
      result: 'pending',
      error: { code: 'deploy/handshake-failed' },
    });
    expect(world.delivered).toEqual(['other: 2']);
    const { edge, other, [endpoint]: looked } = (await world.readLineage())?.deployments ?? {};
    expect({ edge, [endpoint]: looked }).toEqual(waiting);
    expect(other).toMatchObject({ state: 'current' });

    // A person may ask for it; only what was tried goes back.
    await issue(world, { wanted: both, origin: 'configuration', force: false, obeyBackoff: false });
    expect(world.delivered).toEqual(['other: 2', 'edge: 2', 'edge: 1']);
  });

  it('is taken back only on the added target that broke it', async () => {
    const world = await createWorld();
    await renew(world, specOf('other'));
    world.pass(70 * dayMs);
    await renew(world, specOf('other'));
    world.breaks.add(2);
    world.delivered.length = 0;
    await renew(world, specOf('other', 'edge'));
    expect(world.delivered).toEqual(['edge: 2', 'edge: 1']);
    expect(world.version('other')).toBe(2);
  });

  it.each(['killed', 'stopped'])(
    'is taken back by the next run where its own was %s before the verdict',
    async (how) => {
      const world = await createWorld();
      await renew(world, specOf('edge'));
      world.breaks.add(2);
      world.pass(70 * dayMs);
      const stop = new AbortController();
      const activated = new Promise<void>((reached) => {
        world.hooks.activated = async () => {
          reached();
          if (how === 'killed') await new Promise(() => {});
          stop.abort(new Error('SIGTERM'));
        };
      });
      const dying = reconcile(world.process(2), [renewal(specOf('edge'))], stop.signal);
      dying.catch(() => undefined);
      await passing(world.clock, activated);
      world.dead.add(2);
      if (how === 'stopped') await expect(passing(world.clock, dying)).rejects.toThrow('SIGTERM');
      expect(world.version('edge')).toBe(2);

      world.hooks.activated = async () => {};
      expect(await renew(world, specOf('edge'))).toMatchObject({ result: 'pending' });
      expect(world.version('edge')).toBe(1);
      expect((await world.readLineage())?.deployments['edge']?.retryAt).toBeDefined();
    },
  );

  it('is delivered anyway if the handshake was broken before, and within a day if a kill hid that', async () => {
    const world = await createWorld();
    await renew(world, specOf('edge'));
    world.breaks.add(1).add(2);
    world.pass(70 * dayMs);
    expect(await renew(world, specOf('edge'))).toMatchObject({
      result: 'pending',
      error: { code: 'deploy/no-handshake', hint: expect.stringMatching(/^It did not before this deployment either/) },
    });
    expect(world.version('edge')).toBe(2);

    world.breaks.add(3);
    world.pass(70 * dayMs);
    const activated = new Promise<void>((reached) => {
      world.hooks.activated = async () => {
        reached();
        await new Promise(() => {});
      };
    });
    void reconcile(world.process(2), [renewal(specOf('edge'))], signal);
    await passing(world.clock, activated);
    world.dead.add(2);
    world.hooks.activated = async () => {};
    await renew(world, specOf('edge'));
    expect(world.version('edge')).toBe(2);
    world.pass(dayMs);
    await renew(world, specOf('edge'));
    expect(world.version('edge')).toBe(3);
  });
});
