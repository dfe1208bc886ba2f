import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { absenceOf } from '../../src/core/node/missing-nodes.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import { describeLineage } from '../../src/core/plan/status.ts';
import type { NamedAdapter, StoredSpec } from '../../src/core/spec/spec.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Engine } from '../../src/engine/engine.ts';
import { forgetReplica, readReplicas } from '../../src/engine/ledger/replica.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { killedAt } from '../support/killed-at.ts';
import { reconcile, reconcileAll } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { chanceOf, firstSeed } from '../support/seeded.ts';
import {
  createSimulatedWorld,
  dayMs,
  type ReplicaOptions,
  simulatedJob,
  simulatedSpec,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const hourMs = dayMs / 24;

const ofNode = (name: string, what: 'target' | 'command' = 'target'): NamedAdapter => ({
  name,
  settings: { type: 'sim' },
  traits: { ofNode: what },
});
const spec = (...targets: readonly NamedAdapter[]): StoredSpec => ({ ...simulatedSpec(), targets });
const files = spec(ofNode('files'));
const withReload = spec(ofNode('files'), ofNode('copies'), ofNode('reload', 'command'));

/** What one node has: folders, and a program that a command reloads. */
interface Node {
  /** The version in each folder, with the settings. */
  readonly has: Map<string, string>;
  /** What the program read at each reload. */
  readonly reloads: (string | undefined)[];
  /** Each activation, in order. */
  readonly got: string[];
  readonly broken: Set<string>;
  /** Its program does not answer. */
  down: boolean;
  /** What its configuration says of the targets. */
  settings: string;
}

const newNode = (): Node => ({ has: new Map(), reloads: [], got: [], broken: new Set(), down: false, settings: '' });

function deployersOf(node: Node, gate: <T>(run: () => Promise<T>) => Promise<T>): Readonly<Record<string, Deployer>> {
  const marked = (id: string) => id + node.settings;
  const folder = (target: string): Deployer => ({
    type: 'sim',
    scope: 'node',
    concurrent: true,
    has: async ({ id }) => {
      if (node.down) throw new Error('it is down');
      return node.has.get(target) === marked(id);
    },
    look: async ({ id }) => ({ state: node.has.get(target) === marked(id) ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    activate: ({ id }) =>
      gate(async () => {
        if (node.broken.has(target) || node.down) throw new Error('the disk is full');
        node.has.set(target, marked(id));
        node.got.push(`${target} ${id}`);
      }),
  });
  const { has, look, ...reload } = folder('reload');
  return {
    files: folder('files'),
    copies: folder('copies'),
    reload: {
      ...{ ...reload, runsAfter: true },
      // Without `has`, the engine looks with the key.
      look,
      activate: ({ id }) =>
        gate(async () => {
          if (node.broken.has('reload')) throw new Error('the program is stopped');
          node.reloads.push(node.has.get('files'));
          node.has.set('reload', marked(id));
        }),
    },
  };
}

/** Nodes that share a store. Each run is a process of its own. */
async function cluster(wanted: StoredSpec = files) {
  const events: Event[] = [];
  const world = await createSimulatedWorld({ reporter: { report: (event) => void events.push(event) } });
  const nodes = { a: newNode(), b: newNode(), c: newNode() };
  let pid = 1;

  function engine(name: keyof typeof nodes, own: ReplicaOptions & { readonly gate?: Gate } = {}): Engine {
    pid += 1;
    const { gate = (run) => run(), ...rest } = own;
    return world.replica(pid, { node: name, deployers: deployersOf(nodes[name], gate), ...rest });
  }
  const passed = <T>(running: Promise<T>): Promise<T> => passing(world.clock, running);
  const job = (rules: Partial<Job> = {}): Job => ({ ...simulatedJob(wanted), ...rules });
  const renewOn = (process: Engine, rules: Partial<Job> = {}): Promise<readonly Outcome[]> =>
    passed(reconcileAll(process, { jobs: [job(rules)], jobOf: () => undefined, isWhole: true }, signal));
  const forced = { force: true, obeyBackoff: false };
  const renew = async (name: keyof typeof nodes, rules: Partial<Job> = {}): Promise<Outcome> =>
    (await renewOn(engine(name), rules))[0]!;
  const current = async () => (await world.readLineage())!.current!.id;
  const lacks = async (name: string) =>
    (await readReplicas(world, signal)).find(({ node }) => node === name)?.document.lacks ?? [];
  const status = async () => {
    const known = await readReplicas(world, signal);
    return describeLineage('abc', {
      ...{ wanted: { spec: wanted, origin: 'configuration' }, lineage: await world.readLineage(), corrupt: undefined },
      ...{ now: world.clock.now(), isWorking: false, nodes: { here: 'a', known } },
    });
  };
  return { world, nodes, events, engine, passed, job, renew, renewOn, forced, current, lacks, status };
}

type Gate = <T>(run: () => Promise<T>) => Promise<T>;

describe('a target that each node has', () => {
  it('is delivered on each node by its own runs, without the lease of the certificate', async () => {
    const { world, nodes, renew, renewOn, forced, engine, current, events } = await cluster();
    expect(await renew('a')).toMatchObject({ result: 'issued' });
    const before = await world.store.get({ kind: 'lineage', name: 'abc' }, signal);
    events.length = 0;
    expect(await renew('b')).toMatchObject({
      ...{ result: 'deployed', message: 'this node has it' },
      next: (await world.readLineage())?.renewal?.at,
    });
    expect(nodes.b.has.get('files')).toBe(await current());
    expect(events).toContainEqual(
      expect.objectContaining({ event: 'certificate.deployed', data: { targets: ['files'], node: 'b' } }),
    );
    expect((await world.store.get({ kind: 'lineage', name: 'abc' }, signal))?.revision).toBe(before?.revision);

    // Renewed on b, a gets it at its next run.
    await renewOn(engine('b'), forced);
    expect(nodes.a.has.get('files')).not.toBe(await current());
    expect(await renew('a')).toMatchObject({ result: 'deployed' });
    expect(nodes.a.has.get('files')).toBe(await current());
    for (const name of ['a', 'b'] as const) expect(await renew(name)).toMatchObject({ result: 'unchanged' });
    expect(nodes.b.got).toHaveLength(2);
  });

  it('is the only thing about which an idle run writes, once', async () => {
    const { world, renew, renewOn, engine } = await cluster();
    await renew('a');
    await renew('a');
    const written: string[] = [];
    const store: Store = {
      ...world.store,
      put: (key, ...rest) => {
        written.push(`${key.kind}/${key.name}`);
        return world.store.put(key, ...rest);
      },
    };
    const reads: string[] = [];
    const counting: Store = {
      ...store,
      get: (key, ...rest) => {
        reads.push(key.kind);
        return store.get(key, ...rest);
      },
    };
    await renewOn(engine('a', { store: counting }));
    expect(written).toEqual(['replica/a']);
    expect(reads.filter((kind) => kind === 'key' || kind === 'version')).toEqual([]);
  });

  it('gets only the current version on a node that was away for a week', async () => {
    const { world, nodes, renew, renewOn, forced, engine, current, status } = await cluster();
    await renew('a');
    for (let day = 0; day < 3; day += 1) {
      world.pass(dayMs);
      await renew('c');
    }
    const first = nodes.c.has.get('files');
    for (let day = 0; day < 7; day += 1) {
      world.pass(dayMs);
      await renewOn(engine('a'), forced);
    }
    expect(await status()).toMatchObject({
      state: 'pending',
      lackingAt: [{ node: 'c', target: 'files', version: await current() }],
    });
    const away = (await readReplicas(world, signal)).find(({ node }) => node === 'c')!;
    expect(absenceOf(away, world.clock.now())).toMatchObject({ what: 'renew' });
    await renew('c');
    expect(nodes.c.got).toEqual([`files ${first}`, `files ${await current()}`]);
    expect(await status()).toMatchObject({ state: 'valid' });
  });

  it('goes back with a rollback on another node', async () => {
    const { nodes, renew, renewOn, forced, engine, job, passed } = await cluster();
    await renew('a');
    await renew('b');
    const first = nodes.b.has.get('files');
    await renewOn(engine('a'), forced);
    await renew('b');
    expect(nodes.b.has.get('files')).not.toBe(first);
    const on = engine('a');
    await passed(rollBack(on, { name: 'abc', wanted: files }, signal));
    await passed(reconcile(on, [job({ redeploy: true, obeyBackoff: false })], signal));
    expect(nodes.a.has.get('files')).toBe(first);
    expect(await renew('b')).toMatchObject({ result: 'deployed' });
    expect(nodes.b.has.get('files')).toBe(first);
  });

  it('is not given a revoked version, nor one that broke the handshake of another node', async () => {
    const { world, nodes, renew } = await cluster();
    await renew('a');
    await world.editLineage((lineage) => ({
      ...lineage,
      deployments: {
        files: { ...lineage.deployments['files']!, state: 'pending', code: 'deploy/handshake-failed', node: 'a' },
      },
    }));
    await renew('b');
    expect(nodes.b.got).toEqual([]);
    await world.editLineage((lineage) => ({
      ...lineage,
      deployments: { files: { ...lineage.deployments['files']!, state: 'current' } },
      current: {
        ...lineage.current!,
        revoked: { at: world.clock.now().toISOString(), reason: 'cessationOfOperation' },
      },
    }));
    await renew('b');
    expect(nodes.b.got).toEqual([]);
  });

  it('is left alone while nothing tells what it has, unless it never had it', async () => {
    const { nodes, renew, renewOn, forced, engine, lacks } = await cluster();
    await renew('a');
    await renew('b');
    nodes.b.down = true;
    expect(await renew('b')).toMatchObject({ result: 'unchanged' });
    expect(await lacks('b')).toEqual([]);
    await renewOn(engine('a'), forced);
    expect(await renew('b')).toMatchObject({ result: 'pending' });
    expect(await lacks('b')).toHaveLength(1);
    expect(await renew('b')).toMatchObject({ result: 'pending' });
    nodes.b.down = false;
    expect(await renew('b')).toMatchObject({ result: 'deployed' });
  });

  it('is repaired where it was changed', async () => {
    const { nodes, renew, current } = await cluster();
    await renew('a');
    nodes.a.has.delete('files');
    expect(await renew('a')).toMatchObject({ result: 'deployed' });
    expect(nodes.a.has.get('files')).toBe(await current());
  });
});

describe('a delivery that fails on one node', () => {
  it('is pending there alone, after longer pauses, with one alarm', async () => {
    const { world, nodes, renew, lacks, status, events } = await cluster();
    await renew('a');
    nodes.b.broken.add('files');
    expect(await renew('b')).toMatchObject({ result: 'pending', error: { code: 'deploy/target-failed' } });
    expect(await renew('a')).toMatchObject({ result: 'unchanged' });
    expect(await status()).toMatchObject({
      state: 'pending',
      lackingAt: [{ node: 'b', target: 'files', code: 'deploy/target-failed' }],
    });
    world.pass(2 * hourMs);
    await renew('b');
    const tries = events.filter(({ event }) => event === 'certificate.pending').length;
    expect(tries).toBe(2);
    world.pass(hourMs / 10);
    expect(await renew('b')).toMatchObject({ result: 'pending', error: { code: 'deploy/target-failed' } });
    expect(events.filter(({ event }) => event === 'certificate.pending')).toHaveLength(tries);
    expect(await renew('b', { obeyBackoff: false })).toMatchObject({ result: 'pending' });
    expect(events.filter(({ event }) => event === 'certificate.pending')).toHaveLength(tries + 1);
    expect(events.filter(({ event }) => event === 'deploy.alarm')).toHaveLength(1);
    world.pass(hourMs);
    nodes.b.broken.clear();
    expect(await renew('b')).toMatchObject({ result: 'deployed' });
    expect(await lacks('b')).toEqual([]);
    expect(await status()).toMatchObject({ state: 'valid' });
  });

  it('before it is tried is known to status, keeps what was known, and is tried by the next run', async () => {
    const { world, nodes, engine, renew, renewOn, lacks, status, events } = await cluster();
    await renew('a');
    await renew('b');
    world.pass(80 * dayMs);
    await renew('a');
    /** The lock of node b is held by another process. */
    const renewBusy = async (rules: Partial<Job> = {}) => {
      const process = engine('b');
      const busy = async () => {
        throw fail('store/busy', { holder: 'pid 7', certificate: 'node b', seconds: 600 });
      };
      const [outcome] = await renewOn({ ...process, locks: { ...process.locks, with: busy } }, rules);
      return outcome;
    };
    const { notAfter } = (await world.readLineage())!.current!.facts;
    expect(await renewBusy()).toMatchObject({ result: 'pending', error: { code: 'store/busy' }, notAfter });
    const lackingAt = [{ node: 'b', target: 'files', code: 'store/busy' }];
    expect(await status()).toMatchObject({ state: 'pending', lackingAt });
    nodes.b.broken.add('files');
    world.pass(2 * hourMs);
    expect(await renew('b')).toMatchObject({ error: { code: 'deploy/target-failed' } });
    const [known] = await lacks('b');
    await renewBusy({ obeyBackoff: false });
    const { since, retryAt } = known!;
    expect(await lacks('b')).toMatchObject([{ since, retryAt, alarmed: true, code: 'store/busy' }]);
    expect(events.filter(({ event }) => event === 'deploy.alarm')).toHaveLength(1);
    nodes.b.broken.clear();
    expect(await renew('b', { obeyBackoff: false })).toMatchObject({ result: 'deployed' });
    expect([await lacks('b'), (await status()).state]).toEqual([[], 'valid']);
  });

  it('is known to be there after `issue` alone, of a node that was forgotten', async () => {
    const { world, nodes, renew, renewOn, engine, forced, passed, job, status, current } = await cluster();
    await renew('a');
    await renewOn(engine('b'), forced);
    await forgetReplica(world, 'a', signal);
    world.pass(hourMs);
    await passed(reconcile(engine('a'), [job({ obeyBackoff: false })], signal));
    expect(nodes.a.has.get('files')).toBe(await current());
    expect((await status()).lackingAt).toBeUndefined();
    // What came after that look is lacking.
    world.pass(hourMs);
    await renewOn(engine('b'), forced);
    expect((await status()).lackingAt).toMatchObject([{ node: 'a', target: 'files' }]);
    await renew('a');
    expect((await status()).lackingAt).toBeUndefined();
  });

  it('of the node that issued is not tried by others, and is not their failure', async () => {
    const { world, nodes, renew, current } = await cluster();
    nodes.a.broken.add('files');
    expect(await renew('a')).toMatchObject({ result: 'pending' });
    expect(await renew('b')).toMatchObject({ result: 'deployed' });
    expect(await renew('b')).toMatchObject({ result: 'unchanged' });
    expect((await world.readLineage())?.deployments['files']).toMatchObject({ state: 'pending', node: 'a' });
    expect(await renew('a')).toMatchObject({ result: 'pending' });
    nodes.a.broken.clear();
    expect(await renew('a')).toMatchObject({ result: 'deployed' });
    expect(nodes.a.has.get('files')).toBe(await current());
    expect((await world.readLineage())?.deployments['files']).toMatchObject({ state: 'current', node: 'a' });
  });
});

describe('commands', () => {
  it('run on each node that receives a version, once', async () => {
    const { nodes, renew, renewOn, engine, forced, current } = await cluster(withReload);
    await renew('a');
    await renew('b');
    await renew('b');
    expect([nodes.a.reloads, nodes.b.reloads]).toEqual([[await current()], [await current()]]);
    await renewOn(engine('a'), forced);
    await renew('b');
    expect(nodes.b.reloads).toEqual([nodes.b.reloads[0], await current()]);
  });

  it('and other targets get changed settings once on each node, and status says which node lacks them', async () => {
    const { world, nodes, renew, status } = await cluster(withReload);
    for (const name of ['a', 'b'] as const) await renew(name);
    world.pass(hourMs);
    const targets = withReload.targets.map((target) => ({ ...target, settings: { type: 'sim', mode: '0640' } }));
    for (const node of Object.values(nodes)) node.settings = ' 0640';
    for (const [name, lacking] of [
      ['a', ['b files', 'b copies', 'b reload']],
      ['b', undefined],
      ['a', undefined],
      ['b', undefined],
    ] as const) {
      await renew(name, { wanted: { ...withReload, targets } });
      expect((await status()).lackingAt?.map(({ node, target }) => `${node} ${target}`)).toEqual(lacking);
      expect(nodes[name].reloads).toHaveLength(2);
    }
  });

  it('that changed run once, after a target that had lost its files', async () => {
    const { world, nodes, renew, current } = await cluster(withReload);
    await renew('a');
    world.pass(hourMs);
    nodes.a.has.delete('files');
    const settings = { type: 'sim', run: 'another' };
    const targets = withReload.targets.map((target) => (target.name === 'reload' ? { ...target, settings } : target));
    for (const _pass of [1, 2]) {
      await renew('a', { wanted: { ...withReload, targets } });
      expect(nodes.a.reloads).toEqual([await current(), await current()]);
    }
  });

  it('run again when a target that failed has it, also after a kill', async () => {
    const { world, nodes, renew, lacks } = await cluster(withReload);
    await renew('a');
    nodes.b.broken.add('copies');
    expect(await renew('b')).toMatchObject({ result: 'pending' });
    expect(nodes.b.reloads).toHaveLength(1);
    expect((await lacks('b')).map(({ target, code }) => [target, code])).toEqual([
      ['copies', 'deploy/target-failed'],
      ['reload', undefined],
    ]);
    nodes.b.broken.clear();
    // As if a run had been killed after it.
    nodes.b.has.set('copies', nodes.b.has.get('files')!);
    world.pass(hourMs);
    await renew('b');
    expect(nodes.b.reloads).toHaveLength(2);
    expect(await lacks('b')).toEqual([]);
    await renew('b');
    expect(nodes.b.reloads).toHaveLength(2);
  });

  it('after targets of the whole fleet only run where these were delivered', async () => {
    const fleet = { name: 'cloud', settings: { type: 'sim' } };
    const { nodes, renew } = await cluster(spec(fleet, ofNode('reload', 'command')));
    await renew('a');
    await renew('b');
    expect([nodes.a.reloads.length, nodes.b.reloads.length]).toEqual([1, 0]);
  });
});

describe('two processes of one node', () => {
  it('take turns, and the second one finds nothing to do', async () => {
    const { nodes, renew, engine, job, passed } = await cluster(withReload);
    await renew('a');
    const wanted = { jobs: [job()], jobOf: () => undefined, isWhole: true };
    const both = ['b', 'b'].map(() => reconcileAll(engine('b'), wanted, signal));
    expect(
      (await passed(Promise.all(both)))
        .flat()
        .map(({ result }) => result)
        .sort(),
    ).toContain('deployed');
    expect(nodes.b.reloads).toHaveLength(1);
  });

  it('end with the current version, although one renewed while the other delivered', async () => {
    const { nodes, renew, renewOn, engine, forced, current, world } = await cluster();
    await renew('a');
    let renewed: Promise<unknown> | undefined;
    const gate: Gate = async (run) => {
      renewed ??= reconcileAll(
        engine('b'),
        { jobs: [{ ...simulatedJob(files), ...forced }], jobOf: () => undefined },
        signal,
      );
      await renewed;
      return run();
    };
    await renewOn(engine('b', { gate }));
    expect(nodes.b.has.get('files')).toBe(await current());
    expect(nodes.b.got.length).toBeGreaterThan(2);
    expect(await world.store.get({ kind: 'lock', name: 'node b' }, signal)).toBeUndefined();
  });
});

describe('a run that is killed while it delivers on its node', () => {
  it('at any of its effects, is finished by the next one', async () => {
    let killAt = 0;
    for (let isKilled = true; isKilled; ) {
      killAt += 1;
      const { world, nodes, renew, engine, renewOn, current, lacks } = await cluster(withReload);
      await renew('a');
      let process: Engine | undefined;
      const killing = killedAt(world, () => process!.processes.self().pid, killAt);
      process = engine('b', { store: killing.store, gate: killing.gate });
      isKilled = (await Promise.race([renewOn(process), killing.killed])) === 'killed';
      const at = `killed at effect ${killAt}`;
      await renew('b');
      for (const target of ['files', 'copies', 'reload'])
        expect(nodes.b.has.get(target), `${at}: ${target}`).toBe(await current());
      expect(nodes.b.reloads.at(-1), at).toBe(await current());
      expect(await lacks('b'), at).toEqual([]);
      expect(await world.store.get({ kind: 'lock', name: 'node b' }, signal), at).toBeUndefined();
      const reloads = nodes.b.reloads.length;
      expect(await renew('b'), at).toMatchObject({ result: 'unchanged' });
      expect(nodes.b.reloads, at).toHaveLength(reloads);
      expect(nodes.a.got, at).toHaveLength(2);
    }
    expect(killAt).toBeGreaterThan(8);
  });
});

/**
 * A random walk: nodes renew, one goes back, targets break and are repaired, and some runs are killed. In the end, each
 * node has the current version, and its command has acted on it.
 */
describe('many runs on three nodes', () => {
  const seeds = process.env['CERTFLEET_LONG'] ? 150 : 4;
  it.each(Array.from({ length: seeds }, (_, index) => firstSeed + index))('seed %i', async (seed) => {
    const chance = chanceOf(seed);
    const { world, nodes, engine, renewOn, forced, passed, job, renew, current, status } = await cluster(withReload);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(chance() * all.length)]!;
    const names = ['a', 'b', 'c'] as const;
    await renew('a');
    const trace: string[] = [];
    for (let step = 0; step < 15; step += 1) {
      const name = pick(names);
      const what = pick(['renew', 'renew', 'kill', 'kill', 'force', 'rollback', 'break', 'mend', 'wipe', 'wait']);
      trace.push(`${what} ${name}`);
      const target = pick(['files', 'copies', 'reload']);
      if (what === 'break') nodes[name].broken.add(target);
      else if (what === 'mend') nodes[name].broken.clear();
      else if (what === 'wipe') nodes[name].has.delete(pick(['files', 'copies']));
      else if (what === 'wait') world.pass(dayMs / 2);
      else if (what === 'rollback') {
        const on = engine(name);
        const done = await passed(rollBack(on, { name: 'abc', wanted: withReload }, signal)).catch(() => undefined);
        if (done) await passed(reconcile(on, [job({ redeploy: true, obeyBackoff: false })], signal));
      } else if (what === 'kill') {
        let process: Engine | undefined;
        const killing = killedAt(world, () => process!.processes.self().pid, 1 + Math.floor(chance() * 16));
        process = engine(name, { store: killing.store, gate: killing.gate });
        const rules = chance() < 0.3 ? forced : {};
        await Promise.race([renewOn(process, rules), killing.killed]);
      } else await renewOn(engine(name), what === 'force' ? forced : {});
    }
    const said = trace.join(', ');
    for (const name of names) nodes[name].broken.clear();
    world.pass(2 * dayMs);
    for (const _round of [1, 2]) for (const name of names) await renew(name, { obeyBackoff: false });
    for (const name of names) {
      for (const target of ['files', 'copies', 'reload'])
        expect(nodes[name].has.get(target), `${name} ${target}: ${said}`).toBe(await current());
      expect(nodes[name].reloads.at(-1), `${name}: ${said}`).toBe(await current());
    }
    const { state, lackingAt, rolledBack } = await status();
    expect(lackingAt, said).toBeUndefined();
    // An order that was killed before a rollback waits until the rollback ends.
    expect(rolledBack ? ['valid', 'interrupted'] : ['valid'], said).toContain(state);
    for (const name of names) expect(await renew(name), said).toMatchObject({ result: 'unchanged' });
  });
});
