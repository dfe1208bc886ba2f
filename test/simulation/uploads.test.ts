import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { StoredSpec } from '../../src/core/spec/spec.ts';
import { forget } from '../../src/engine/acts/forget.ts';
import type { Engine } from '../../src/engine/engine.ts';
import * as sweeping from '../../src/engine/pass/sweep.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Store } from '../../src/ports/store.ts';
import { type CloudTargetOptions, createCloudTarget } from '../support/cloud-target.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue as issueIn,
  simulatedJob as job,
  type ReplicaOptions,
  simulatedSpec,
} from '../support/simulated-world.ts';

// Deployers that upload a version before the target uses it, as clouds do.

const { signal } = new AbortController();
const spec = simulatedSpec();
/** Long enough that no sign of life is counted as a write. */
const limits = { leaseTtlMs: 365 * dayMs };

/** A store that counts its durable writes. */
function counted(store: Store) {
  const writes = { count: 0 };
  const put: Store['put'] = (...args) => {
    writes.count += 1;
    return store.put(...args);
  };
  return { store: { ...store, put }, writes };
}

async function createWorld(options: CloudTargetOptions = {}) {
  const world = await createSimulatedWorld();
  const cloud = createCloudTarget(options);
  const { store, writes } = counted(world.store);
  const replica = (pid: number, own: ReplicaOptions = {}) =>
    world.replica(pid, { deployer: cloud.deployer, store, limits, ...own });
  const issue = (pid: number, rules: Parameters<typeof job>[1] = {}) => issueIn(replica(pid), job(spec, rules), signal);
  const sent = async () => (await world.readLineage())?.deployments['target']?.sent;
  /** A run whose process dies in the middle of a call to the cloud. */
  const killedAt = async (pid: number, call: string, rules: Parameters<typeof job>[1] = {}) => {
    const reached = new Promise<void>((resolve) => {
      cloud.hooks.after = async (name) => {
        if (name !== call) return;
        resolve();
        await new Promise(() => {});
      };
    });
    reconcile(replica(pid), [job(spec, rules)], signal).catch(() => undefined);
    await passing(world.clock, reached);
    world.dead.add(pid);
    cloud.hooks.after = async () => {};
  };
  return { ...world, cloud, writes, replica, issue, sent, killedAt };
}

describe('the receipt of an upload', () => {
  it.each([
    ['a key', '-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMG\n-----END PRIVATE KEY-----'],
    ['control characters', 'cert-1\u001b[31m'],
    ['far too much', 'x'.repeat(900_000)],
  ])('is not kept if the cloud answers %s in place of an ID', async (_what, id) => {
    const world = await createWorld();
    const deployer = { ...world.cloud.deployer, stage: async () => ({ id }) };
    const { error } = (await issueIn(world.replica(1, { deployer }), job(spec), signal)) as { error: Error };
    expect(error.message).toContain('what it answered is no ID');
    expect(error.message.length).toBeLessThan(300);
    expect((await world.readLineage())?.deployments['target']).toMatchObject({ state: 'pending' });
    expect(await world.sent()).toBeUndefined();
  });

  it.each([[{}], [{ notes: true }]])('is journalled once before the target uses it: %o', async (options) => {
    const world = await createWorld(options);
    const known: unknown[] = [];
    world.cloud.hooks.after = async (call) => {
      if (call === 'activate') known.push(await world.sent());
    };
    expect(await world.issue(1)).toMatchObject({ result: 'issued' });
    const version = (await world.readLineage())?.current?.id;
    const receipts = [{ version, receipt: { id: 'cert-1' } }];
    expect([known, await world.sent()]).toEqual([[receipts], receipts]);

    const plain = await createSimulatedWorld({ clock: world.clock });
    const { store, writes } = counted(plain.store);
    await issueIn(plain.replica(1, { store, limits }), job(spec), signal);
    expect(world.writes.count, 'one more than for a target without receipts').toBe(writes.count + 1);
    expect((await plain.readLineage())?.deployments['target']?.sent).toBeUndefined();
  });

  it('is written no second time by a delivery of the same version', async () => {
    const world = await createWorld();
    await world.issue(1);
    world.writes.count = 0;
    const again = { ...job(spec), redeploy: true, obeyBackoff: false };
    await issueIn(world.replica(1), again, signal);
    expect(world.cloud.calls).toEqual(['stage cert-1', 'activate cert-1', 'stage cert-1', 'activate cert-1']);
    expect(world.writes.count, 'the session, begin and close').toBe(3);
  });
});

describe('an upload that is replaced', () => {
  it('stays until the renewal after the next, and is then removed by its receipt', async () => {
    const world = await createWorld();
    const held: number[] = [];
    for (let turn = 0; turn < 4; turn += 1) {
      expect((await world.issue(1)).result).toBe(turn === 0 ? 'issued' : 'renewed');
      held.push(world.cloud.versions().length);
      world.pass(80 * dayMs);
    }
    expect(held).toEqual([1, 2, 2, 2]);
    expect(world.cloud.calls.filter((call) => call.startsWith('retire'))).toEqual(['retire cert-1', 'retire cert-2']);
    const lineage = await world.readLineage();
    expect((await world.sent())?.map(({ version }) => version)).toEqual([lineage?.previous?.id, lineage?.current?.id]);
    expect(world.cloud.bound()).toBe(lineage?.current?.id);
  });

  it('by an import in place is never removed', async () => {
    const world = await createWorld({ inPlace: true });
    for (let turn = 0; turn < 3; turn += 1) {
      await world.issue(1);
      world.pass(80 * dayMs);
    }
    expect(world.cloud.calls.filter((call) => call.startsWith('retire'))).toEqual([]);
    expect(await world.sent()).toEqual([
      { version: (await world.readLineage())?.current?.id, receipt: { id: 'cert-1' } },
    ]);
  });

  it('and cannot be removed fails no delivery, and stays journalled', async () => {
    const world = await createWorld();
    await world.issue(1);
    world.pass(80 * dayMs);
    await world.issue(1);
    world.pass(80 * dayMs);
    world.cloud.hooks.after = async (call) => {
      if (call === 'retire') throw fail('deploy/too-slow', { target: 'target', certificate: 'abc', seconds: 60 });
    };
    expect(await world.issue(1)).toMatchObject({ result: 'renewed' });
    expect(await world.sent()).toHaveLength(3);
    world.cloud.hooks.after = async () => {};
    world.pass(80 * dayMs);
    await world.issue(1);
    expect(await world.sent()).toHaveLength(2);
  });
});

it('a version that breaks the handshake goes back to the upload before, and its own stays known', async () => {
  const world = await createWorld();
  const endpoint = '192.0.2.9:443';
  const wanted = { ...spec, endpoints: [endpoint] };
  const chains = new Map<string, string>();
  let broken = '';
  const { deployer } = world.cloud;
  const engine = (): Engine => {
    const replica = world.replica(1);
    const activate: Deployer['activate'] = async (version, ...rest) => {
      chains.set(version.id, version.certPem);
      await deployer.activate(version, ...rest);
    };
    const handshake = async () => {
      const [id = '', pem = ''] = [...chains].find(([version]) => version === world.cloud.bound()) ?? [];
      if (id === broken || id === '') {
        const cause = Object.assign(new Error('handshake failure'), { phase: 'exchange' });
        throw fail('network/failed', { method: 'TLS', url: '', reason: 'alert' }, { cause });
      }
      return { certificateDer: new Uint8Array(Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')) };
    };
    return {
      ...replica,
      lookup: async () => ['192.0.2.9'],
      vantage: { ...replica.vantage, handshake },
      connect: { ...replica.connect, deployer: async () => ({ ...deployer, activate }) },
    };
  };
  const issue = () => issueIn(engine(), job(wanted), signal);
  expect(await issue()).toMatchObject({ result: 'issued' });
  const first = world.cloud.bound();
  world.pass(80 * dayMs);
  world.cloud.hooks.after = async (call) => {
    if (call === 'activate' && world.cloud.bound() !== first) broken = world.cloud.bound() ?? '';
  };
  expect(await issue()).toMatchObject({ result: 'pending', error: { code: 'deploy/handshake-failed' } });
  expect(world.cloud.bound()).toBe(first);
  expect((await world.sent())?.map(({ version }) => version)).toEqual([first, broken]);
  world.cloud.hooks.after = async () => {};
  broken = '';
  world.pass(2 * dayMs);
  expect(await issue()).toMatchObject({ result: 'deployed' });
  expect(world.cloud.versions()).toHaveLength(2);
});

describe('a process that is killed', () => {
  it.each(['stage', 'activate', 'retire'])('in %s leaves one upload for each version, and no other', async (call) => {
    const world = await createWorld();
    for (const pid of [1, 2]) {
      await world.issue(pid);
      world.pass(80 * dayMs);
    }
    await world.killedAt(3, call);
    expect(['deployed', 'renewed']).toContain((await world.issue(4)).result);
    const { current, previous } = (await world.readLineage()) ?? {};
    expect(world.cloud.versions()).toEqual([previous?.id, current?.id]);
    expect((await world.sent())?.map(({ version }) => version)).toEqual([previous?.id, current?.id]);
    expect(world.cloud.bound()).toBe(current?.id);
  });
});

describe('a sweep after a process that was killed in its delivery', () => {
  const sweep = (world: Awaited<ReturnType<typeof createWorld>>, pid: number) =>
    passing(world.clock, sweeping.sweep(world.replica(pid), signal));
  /** As seen from another machine, once the lease has run out. */
  const elsewhere = (world: Awaited<ReturnType<typeof createWorld>>) =>
    world.editLineage(({ work, ...lineage }) => {
      const { lease: _gone, ...left } = work!;
      return { ...lineage, work: left };
    });

  it.each([
    ['stage', 'here'],
    ['activate', 'here'],
    ['stage', 'elsewhere'],
  ])('in %s, %s, finishes it, orders nothing and leaves nothing', async (call, where) => {
    const world = await createWorld();
    await world.issue(1);
    world.pass(80 * dayMs);
    await world.killedAt(2, call);
    if (where === 'elsewhere') await elsewhere(world);
    const asked = world.ca.requests.length;
    expect(await sweep(world, 3)).toMatchObject({ delivered: ['abc to target'], failed: [] });
    const { work, current, previous, last, deployments } = (await world.readLineage()) ?? {};
    expect([work, last?.result, deployments?.['target']?.state]).toEqual([undefined, 'renewed', 'current']);
    expect([world.cloud.bound(), world.cloud.versions()]).toEqual([current?.id, [previous?.id, current?.id]]);
    expect([world.ca.requests.length, world.txt.size], 'requests to the CA, and challenges').toEqual([asked, 0]);
    const nothing = { cleaned: [], delivered: [], revoked: [], failed: [] };
    world.writes.count = 0;
    expect([await sweep(world, 3), world.writes.count]).toMatchObject([nothing, 0]);
    expect(await world.issue(4)).toMatchObject({ result: 'unchanged' });
  });

  it('leaves a target of another node to `renew` there, and says so', async () => {
    const world = await createWorld({ scope: 'node' });
    await world.issue(1);
    world.pass(80 * dayMs);
    await world.killedAt(2, 'stage');
    await elsewhere(world);
    await sweep(world, 3); // removes the challenges
    world.writes.count = 0;
    expect(await sweep(world, 3)).toMatchObject({ cleaned: [], delivered: [], failed: [] });
    expect([world.writes.count, (await world.readLineage())?.work?.step]).toEqual([0, 'deploy']);
    expect(await world.issue(4)).toMatchObject({ result: 'renewed' });
  });

  it('delivers to the targets that all nodes share, and leaves the others', async () => {
    const world = await createWorld();
    const node = createCloudTarget({ scope: 'node' });
    const targets = [...spec.targets, { name: 'node', settings: { type: 'sim', path: '/srv' } }];
    const wanted = { ...spec, targets };
    const engine = (pid: number): Engine => {
      const replica = world.replica(pid);
      const deployer = async (_spec: StoredSpec, target: string) =>
        target === 'node' ? node.deployer : world.cloud.deployer;
      return { ...replica, connect: { ...replica.connect, deployer } };
    };
    const issue = (pid: number) => issueIn(engine(pid), job(wanted), signal);
    await issue(1);
    world.pass(80 * dayMs);
    const stop = new AbortController();
    for (const { hooks } of [node, world.cloud]) hooks.after = async () => stop.abort(new Error('SIGTERM'));
    const stopped = issueIn(engine(2), job(wanted), stop.signal);
    await expect(stopped).rejects.toThrow('SIGTERM');
    for (const { hooks } of [node, world.cloud]) hooks.after = async () => {};
    const old = node.bound();

    const swept = await passing(world.clock, sweeping.sweep(engine(3), signal));
    expect(swept).toMatchObject({ delivered: ['abc to target'], failed: [] });
    const after = await world.readLineage();
    expect([world.cloud.bound(), node.bound()]).toEqual([after?.current?.id, old]);
    expect(after).toMatchObject({ last: { result: 'pending', code: 'deploy/other-node' } });
    expect(after?.deployments).toMatchObject({ target: { state: 'current' }, node: { state: 'intended' } });
    expect(await issue(4)).toMatchObject({ result: 'deployed' });
    expect(node.bound()).toBe(after?.current?.id);
  });

  it('says what it could not deliver, and `renew` tries again', async () => {
    const world = await createWorld();
    await world.issue(1);
    world.pass(80 * dayMs);
    await world.killedAt(2, 'stage');
    world.cloud.hooks.after = async (call) => {
      if (call === 'activate') throw new Error('the listener is gone');
    };
    const { failed } = await sweep(world, 3);
    expect(failed).toMatchObject([{ what: 'abc', verb: 'deliver', code: 'deploy/target-failed' }]);
    expect(await world.sent()).toHaveLength(2);
    world.cloud.hooks.after = async () => {};
    expect(await world.issue(4)).toMatchObject({ result: 'deployed' });
  });
});

describe('what a target was sent and does not use', () => {
  it('is removed by a sweep where the delivery could not', async () => {
    const world = await createWorld();
    for (let turn = 0; turn < 3; turn += 1) {
      if (turn === 2)
        world.cloud.hooks.after = async (call) => {
          if (call === 'retire') throw new Error('throttled');
        };
      await world.issue(1);
      if (turn < 2) world.pass(80 * dayMs);
    }
    const sweep = () => passing(world.clock, sweeping.sweep(world.replica(2), signal));
    expect((await sweep()).failed, 'it failed a moment ago').toEqual([]);
    world.pass(dayMs);
    expect((await sweep()).failed).toMatchObject([{ what: 'abc: superseded versions at target' }]);
    world.cloud.hooks.after = async () => {};
    world.pass(dayMs);
    expect(await sweep()).toMatchObject({ cleaned: ['abc: superseded versions'], failed: [] });
    expect([await world.sent(), world.cloud.versions()]).toMatchObject([{ length: 2 }, { length: 2 }]);
    world.writes.count = 0;
    expect([(await sweep()).cleaned, world.writes.count]).toEqual([[], 0]);
  });

  it('is removed with its certificate', async () => {
    const world = await createWorld();
    for (let turn = 0; turn < 2; turn += 1) {
      await world.issue(1);
      world.pass(80 * dayMs);
    }
    const { current } = (await world.readLineage()) ?? {};
    expect(await forget(world.replica(1), 'abc', { force: true }, signal)).toMatchObject({ left: [] });
    expect(world.cloud.versions()).toEqual([current?.id]);
  });
});

it('a process that was frozen before its upload removes the second one, once the other has finished', async () => {
  const world = await createWorld({ resource: 'sim-cloud lb-1' });
  let thaw = () => {};
  const thawed = new Promise<void>((resolve) => {
    thaw = resolve;
  });
  let isFrozen = false;
  const frozenStore: Store = {
    ...world.store,
    put: async (...args) => {
      if (isFrozen) await thawed;
      return world.store.put(...args);
    },
  };
  world.cloud.hooks.before = async () => {
    if (isFrozen) return;
    isFrozen = true;
    await thawed;
  };
  const parts = { limits: { leaseTtlMs: 60_000 } };
  const frozen = reconcile(world.replica(1, { ...parts, store: frozenStore }), [job(spec)], signal);
  while (!isFrozen) await world.clock.advance(10);
  expect(await issueIn(world.replica(2, parts), job(spec), signal)).toMatchObject({ result: 'issued' });
  expect(world.cloud.versions()).toHaveLength(1);
  thaw();
  expect(await passing(world.clock, frozen)).toMatchObject([{ result: 'issued' }]);
  expect([world.cloud.versions().length, (await world.sent())?.length]).toEqual([1, 1]);
});

describe('targets that share a resource', () => {
  it('are changed one at a time, across processes too, and the lock is gone afterwards', async () => {
    const world = await createWorld({ resource: 'sim-cloud lb-1' });
    let [active, most] = [0, 0];
    world.cloud.hooks.after = async () => {
      active += 1;
      most = Math.max(most, active);
      await world.clock.sleep(3_000, signal);
      active -= 1;
    };
    const all = ['a', 'b', 'c', 'd'].map((name, index) => {
      const wanted = simulatedSpec(name, [`${name}.example.com`]);
      return issueIn(world.replica(1 + (index % 2)), job(wanted), signal);
    });
    const outcomes = await Promise.all(all);
    expect(outcomes.map(({ result }) => result)).toEqual(Array(4).fill('issued'));
    expect([most, world.cloud.calls.length]).toEqual([1, 8]);
    for await (const page of world.store.scan('lock', signal)) expect(page).toEqual([]);
  });

  it('are not changed by a process that has lost the lock, and the next one has them', async () => {
    const world = await createWorld({ resource: 'sim-cloud lb-1' });
    await world.killedAt(1, 'stage');
    expect(await world.issue(2)).toMatchObject({ result: 'issued' });
    expect(world.cloud.versions()).toHaveLength(1);
  });
});
