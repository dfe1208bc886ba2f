import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors.ts';
import type { Store } from '../../src/ports/store.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { type CloudTargetOptions, createCloudTarget } from '../support/cloud-target.ts';
import { passing } from '../support/passing-time.ts';
import * as issuing from '../support/simulated-world.ts';
import { createSimulatedWorld, dayMs, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

// Deployers that upload a version before the target uses it, as clouds do.

const { signal } = new AbortController();
const spec = simulatedSpec();
/** Long enough that no sign of life is counted as a write. */
const leaseTtlMs = 365 * dayMs;

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
  const clock = fakeClock();
  const world = await createSimulatedWorld({ clock });
  const cloud = createCloudTarget(options);
  const { store, writes } = counted(world.store);
  const replica = (pid: number) => world.replica(pid, { deployer: cloud.deployer, store, leaseTtlMs });
  const issue = (pid: number, rules: Parameters<typeof job>[1] = {}) =>
    passing(clock, issuing.issue(replica(pid), job(spec, rules), signal));
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
    issuing.issue(replica(pid), job(spec, rules), signal).catch(() => undefined);
    let isReached = false;
    void reached.then(() => {
      isReached = true;
    });
    while (!isReached) await clock.advance(10);
    world.dead.add(pid);
    cloud.hooks.after = async () => {};
  };
  return { ...world, clock, cloud, writes, replica, issue, sent, killedAt };
}

describe('the receipt of an upload', () => {
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
    await passing(world.clock, issuing.issue(plain.replica(1, { store, leaseTtlMs }), job(spec), signal));
    expect(world.writes.count, 'one more than for a target without receipts').toBe(writes.count + 1);
    expect((await plain.readLineage())?.deployments['target']?.sent).toBeUndefined();
  });

  it('is written no second time by a delivery of the same version', async () => {
    const world = await createWorld();
    await world.issue(1);
    world.writes.count = 0;
    const again = { ...job(spec), redeploy: true, obeyBackoff: false };
    await passing(world.clock, issuing.issue(world.replica(1), again, signal));
    expect(world.cloud.calls).toEqual(['stage cert-1', 'activate cert-1', 'stage cert-1', 'activate cert-1']);
    expect(world.writes.count, 'begin and close').toBe(2);
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
