import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Deployer, VersionBundle, VersionRef } from '../../src/ports/deployer.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  simulatedJob as job,
  type ReplicaOptions,
  simulatedSpec,
  targetsOf,
} from '../support/simulated-world.ts';

// Targets that load the files of many certificates with one reload, as nginx, ssh and commands do.

const { signal } = new AbortController();
type Moment = 'before' | 'after';
/** The endpoints of certificates. */
type Endpoints = Readonly<Record<string, readonly string[]>>;

/** A process dies before or after the n-th reload of its life, or before or after its n-th staging. */
interface Death {
  readonly at: 'stage' | 'reload';
  readonly call: number;
  readonly moment: Moment;
}

async function createTargets(names: readonly string[], to: readonly string[]) {
  const world = await createSimulatedWorld();
  /** By target and certificate: the version whose files are there, and the one that was loaded. */
  const files = new Map<string, string>();
  const loaded = new Map<string, string>();
  const bundles = new Map<string, VersionBundle>();
  /** Each reload of the last pass: its target, its certificates, and when it was. */
  const reloads: { readonly target: string; readonly certificates: readonly string[]; readonly atMs: number }[] = [];
  const bad = new Set<string>();
  const broken = new Set<string>();
  const hung = new Set<string>();
  let pid = 0;

  const place = (target: string, lineage: string) => `${target} ${lineage}`;
  function deployerOf(target: string, die: (at: Death['at'], moment: Moment) => Promise<void>): Deployer {
    async function reload(versions: readonly VersionRef[]) {
      await die('reload', 'before');
      if (hung.has(target)) await new Promise(() => {});
      const before = versions.map(({ lineage }) => loaded.get(place(target, lineage)));
      for (const { lineage, id } of versions) loaded.set(place(target, lineage), id);
      const certificates = versions.map(({ lineage }) => lineage);
      reloads.push({ target, certificates, atMs: world.clock.monotonicMs() });
      await die('reload', 'after');
      if (!broken.has(target) && !versions.some(({ lineage }) => bad.has(lineage))) return;
      versions.forEach(({ lineage }, at) => {
        const old = before[at];
        if (old === undefined) loaded.delete(place(target, lineage));
        else loaded.set(place(target, lineage), old);
      });
      throw new Error('it was refused');
    }
    return {
      type: 'sim',
      scope: 'node',
      ...(target.startsWith('run') ? { runsAfter: true } : {}),
      look: async ({ lineage, id }) => ({
        state: loaded.get(place(target, lineage)) === id ? 'current' : 'stale',
        detail: '',
      }),
      async stage(version) {
        const { lineage, id } = version;
        bundles.set(id, version);
        await die('stage', 'before');
        files.set(place(target, lineage), id);
        await die('stage', 'after');
        return null;
      },
      activate: (version) => reload([version]),
      async activateTogether(versions: readonly VersionBundle[]) {
        await reload(versions);
        return versions;
      },
    };
  }

  /** One pass of a new process. Resolves with the outcomes, or with nothing if it was killed. */
  async function pass(
    what: { readonly death?: Death | undefined; readonly force?: boolean; readonly redeploy?: boolean } = {},
    { vantage, endpoints, ...own }: ReplicaOptions & Partial<Pick<Engine, 'vantage'>> & { endpoints?: Endpoints } = {},
  ) {
    pid += 1;
    const me = pid;
    const calls = { stage: 0, reload: 0 };
    let died = () => {};
    const death = new Promise<undefined>((resolve) => {
      died = () => resolve(undefined);
    });
    const die = async (at: Death['at'], moment: Moment) => {
      if (world.dead.has(me)) await new Promise(() => {});
      if (moment === 'before') calls[at] += 1;
      if (what.death?.at !== at || what.death.moment !== moment || what.death.call !== calls[at]) return;
      world.dead.add(me);
      died();
      await new Promise(() => {});
    };
    const replica = world.replica(me, own);
    const deployers = new Map(to.map((target) => [target, deployerOf(target, die)]));
    const engine: Engine = {
      ...replica,
      ...(vantage ? { vantage, lookup: async () => ['192.0.2.1'] } : {}),
      connect: {
        ...replica.connect,
        deployer: async (_spec: StoredSpec, target: string) => deployers.get(target) as Deployer,
      },
    };
    const { force = false, redeploy = false } = what;
    const jobs = names.map((name) => ({
      ...job(
        {
          ...simulatedSpec(name, [`${name}.example.com`]),
          targets: targetsOf(...to),
          endpoints: endpoints?.[name] ?? [],
        },
        { force, obeyBackoff: !force },
      ),
      redeploy,
    }));
    reloads.length = 0;
    return passing(world.clock, Promise.race([reconcile(engine, jobs, signal), death]));
  }

  /** What is not as the documents say: a target that has not loaded the current version. */
  async function wrong(): Promise<readonly string[]> {
    const lineages = await Promise.all(names.map((name) => world.readLineage(name)));
    return lineages.flatMap((lineage, at) =>
      to.flatMap((target) => {
        const name = names[at] as string;
        const { state } = lineage?.deployments[target] ?? {};
        const isLoaded = loaded.get(place(target, name)) === lineage?.current?.id;
        return state === 'current' && isLoaded ? [] : [`${name} at ${target}: ${state}, loaded: ${isLoaded}`];
      }),
    );
  }
  const times = () => to.map((target) => reloads.filter((one) => one.target === target).length);
  /** The version of a certificate that a target serves. */
  const served = (target: string, name: string) => bundles.get(loaded.get(place(target, name)) ?? '');
  return { world, reloads, bad, broken, hung, pass, wrong, times, served };
}

const certificates = (count: number) => Array.from({ length: count }, (_, at) => `c${at}`);

it('50 certificates to 10 targets make 10 reloads', async () => {
  const to = Array.from({ length: 10 }, (_, at) => `node${at}`);
  const { pass, wrong, times } = await createTargets(certificates(50), to);
  const outcomes = await pass();
  expect(outcomes?.map(({ result }) => result)).not.toContain('pending');
  expect(times()).toEqual(to.map(() => 1));
  expect(await wrong()).toEqual([]);
});

it('certificates that are delivered again share a reload too', async () => {
  const { pass, wrong, times } = await createTargets(certificates(5), ['node']);
  for (const what of [{}, { force: true }, { redeploy: true }]) {
    await pass(what);
    expect(times()).toEqual([1]);
    expect(await wrong()).toEqual([]);
  }
});

it.each(['before', 'after'] as const)(
  'killed %s the reload, after all have arrived, the next pass reloads once',
  async (moment) => {
    const { pass, wrong, times } = await createTargets(certificates(40), ['node']);
    expect(await pass({ death: { at: 'reload', call: 1, moment } })).toBeUndefined();
    // The files are loaded if it was killed after the reload, but no document says so yet.
    expect((await wrong()).length).toBe(40);
    expect((await pass())?.map(({ result }) => result)).not.toContain('pending');
    expect(times()).toEqual([moment === 'before' ? 1 : 0]);
    expect(await wrong()).toEqual([]);
  },
);

it('a command listed after a target runs once, after the reload of that target', async () => {
  const { reloads, pass, wrong } = await createTargets(certificates(20), ['node', 'run']);
  await pass();
  expect(reloads.map(({ target }) => target)).toEqual(['node', 'run']);
  expect(await wrong()).toEqual([]);
});

it('one certificate that the target refuses stops no other, and keeps its old version there', async () => {
  const names = certificates(5);
  const { bad, reloads, pass, wrong } = await createTargets(names, ['node']);
  await pass();
  bad.add('c2');
  const outcomes = await pass({ force: true });
  expect(outcomes?.map(({ result }) => result)).toEqual(['renewed', 'renewed', 'pending', 'renewed', 'renewed']);
  expect(await wrong()).toEqual(['c2 at node: pending, loaded: false']);
  // All together, then one after the other.
  expect(reloads.map((one) => one.certificates.length)).toEqual([5, 1, 1, 1, 1, 1]);
  bad.clear();
  await pass();
  expect(reloads.map((one) => one.certificates)).toEqual([['c2']]);
  expect(await wrong()).toEqual([]);
});

it('a slow order holds up the reload of the others for 20 s, and gets one of its own', async () => {
  const { world, reloads, pass, wrong } = await createTargets(certificates(6), ['node']);
  const { clock, solver } = world;
  let presentedMs = Number.NaN;
  const slow: Solver = {
    ...solver,
    async present(challenge, note, over) {
      presentedMs = clock.monotonicMs();
      if (challenge.identifier.value === 'c3.example.com') await clock.sleep(200_000, over);
      return solver.present(challenge, note, over);
    },
  };
  await pass({}, { solver: slow });
  expect(reloads.map((one) => one.certificates.length)).toEqual([5, 1]);
  expect((reloads[0]?.atMs ?? Number.NaN) - presentedMs).toBeLessThan(30_000);
  expect(await wrong()).toEqual([]);
});

it('a reload that hangs is waited for once, and the next pass makes it', async () => {
  const names = certificates(5);
  const { world, hung, pass, wrong, times } = await createTargets(names, ['node']);
  hung.add('node');
  const beganMs = world.clock.monotonicMs();
  const outcomes = await pass();
  expect(outcomes).toMatchObject(names.map(() => ({ result: 'pending', error: { code: 'deploy/too-slow' } })));
  expect(world.clock.monotonicMs() - beganMs).toBeLessThan(70_000);
  const lineages = await Promise.all(names.map((name) => world.readLineage(name)));
  expect(lineages.map((lineage) => lineage?.work)).toEqual(names.map(() => undefined));
  hung.clear();
  world.pass(3_600_000);
  await pass();
  expect(times()).toEqual([1]);
  expect(await wrong()).toEqual([]);
});

it('a version that broke its endpoint goes back at once, without waiting for a slow order', async () => {
  const { world, reloads, pass, served } = await createTargets(certificates(4), ['node']);
  const { clock, solver } = world;
  const endpoints = { c1: ['192.0.2.1:443'] };
  let brokenId: string | undefined;
  const vantage = {
    name: 'here',
    get: () => Promise.reject(new Error('no network here')),
    async handshake() {
      const version = served('node', 'c1');
      if (!version || version.id === brokenId) {
        const cause = Object.assign(new Error('handshake failure'), { phase: 'exchange' });
        throw fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause });
      }
      const base64 = version.certPem.replace(/-----[^-]+-----/g, '');
      return { certificateDer: new Uint8Array(Buffer.from(base64, 'base64')) };
    },
  };
  await pass({}, { vantage, endpoints });
  const before = served('node', 'c1')?.id;
  const slow: Solver = {
    ...solver,
    async present(challenge, note, over) {
      if (challenge.identifier.value === 'c3.example.com') await clock.sleep(200_000, over);
      brokenId ??= (await world.readLineage('c1'))?.work?.version;
      return solver.present(challenge, note, over);
    },
  };
  const outcomes = await pass({ force: true }, { solver: slow, vantage, endpoints });
  expect(outcomes?.[1]).toMatchObject({ result: 'pending', error: { code: 'deploy/handshake-failed' } });
  expect(served('node', 'c1')?.id).toBe(before);
  expect(reloads.map((one) => one.certificates.toSorted())).toEqual([['c0', 'c1', 'c2'], ['c1'], ['c3']]);
  const [together = Number.NaN, back = Number.NaN] = reloads.map(({ atMs }) => atMs);
  expect(back - together).toBeLessThan(10_000);
});

it('processes die and targets fail: no reload is lost, and an undisturbed pass reloads once for each target', async () => {
  const names = certificates(4);
  const to = ['node', 'other', 'run'];
  const death = fc.record({
    at: fc.constantFrom('stage', 'reload'),
    call: fc.integer({ min: 1, max: 12 }),
    moment: fc.constantFrom('before', 'after'),
  });
  const passes = fc.array(
    fc.record({
      death: fc.option(death, { nil: undefined }),
      bad: fc.subarray(names),
      broken: fc.subarray(to),
      force: fc.boolean(),
      minutes: fc.constantFrom(0, 10, 90),
    }),
    { maxLength: 5 },
  );
  await fc.assert(
    fc.asyncProperty(passes, async (all) => {
      const { world, bad, broken, pass, wrong, times } = await createTargets(names, to);
      for (const { minutes, death, force, ...what } of all) {
        world.pass(minutes * 60_000);
        for (const name of what.bad) bad.add(name);
        for (const target of what.broken) broken.add(target);
        const outcomes = await pass({ death: death as Death | undefined, force });
        // After a kill, a forced pass first delivers the version of the killed one.
        const isUndisturbed = outcomes && !force && bad.size === 0 && broken.size === 0;
        if (isUndisturbed) expect(Math.max(...times())).toBeLessThanOrEqual(1);
        bad.clear();
        broken.clear();
      }
      for (let turn = 0; turn < 2; turn += 1) {
        world.pass(25 * 3_600_000);
        await pass();
        expect(Math.max(...times())).toBeLessThanOrEqual(1);
      }
      expect(await wrong()).toEqual([]);
    }),
    { numRuns: process.env['CERTFLEET_LONG'] ? 300 : 5 },
  );
});
