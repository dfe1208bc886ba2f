import { describe, expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import type { Wishes } from '../../src/core/spec/spec.ts';
import type { Solver } from '../../src/ports/solver.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

type World = Awaited<ReturnType<typeof createSimulatedWorld>>;

const job = (wishes: Wishes, force = false) => {
  const wanted = simulatedSpec();
  return simulatedJob({ ...wanted, ...wishes }, { force });
};
const orders = ({ ca }: World) => ca.accepted('newOrder');
const current = async (world: World) => (await world.readLineage())?.current;

describe('the type of the key', () => {
  it('is that of the certificate, and stays at renewals', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job({ keyType: 'p384' }), signal);
    expect(await current(world)).toMatchObject({ keyType: 'p384' });
    world.pass(61 * dayMs);
    expect(await issue(world.replica(1), job({}), signal)).toMatchObject({ result: 'renewed' });
    expect(await current(world)).toMatchObject({ keyType: 'p384' });
  });

  it('makes the certificate due if it changes, and only then', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job({}), signal);
    expect(await issue(world.replica(1), job({ keyType: 'p256' }), signal)).toMatchObject({ result: 'unchanged' });
    expect(await issue(world.replica(1), job({ keyType: 'rsa2048' }), signal)).toMatchObject({ result: 'renewed' });
    expect(await issue(world.replica(1), job({ keyType: 'rsa2048' }), signal)).toMatchObject({ result: 'unchanged' });
    expect(orders(world)).toBe(2);
  });

  it('of an interrupted order is that of the new settings', async () => {
    const world = await createSimulatedWorld();
    world.ca.failNext('finalize', { status: 503, retryAfter: { seconds: 3_600 } });
    expect(await issue(world.replica(1), job({}), signal)).toMatchObject({ result: 'failed' });
    world.pass(dayMs / 12);
    expect(await issue(world.replica(1), job({ keyType: 'p384' }), signal)).toMatchObject({ result: 'issued' });
    expect(await current(world)).toMatchObject({ keyType: 'p384' });
  });
});

describe('a reused key', () => {
  it('is the same in the next version, and still there when the old ones are deleted', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job({ reuseKey: true }), signal);
    const first = await current(world);
    for (let renewals = 0; renewals < 3; renewals++) {
      await issue(world.replica(1), job({ reuseKey: true }, true), signal);
      expect((await current(world))?.facts.spkiFingerprint).toBe(first?.facts.spkiFingerprint);
    }
    expect((await current(world))?.id).not.toBe(first?.id);
    await issue(world.replica(1), job({}, true), signal);
    expect((await current(world))?.facts.spkiFingerprint).not.toBe(first?.facts.spkiFingerprint);
  });

  it('is never one that is compromised', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), job({ reuseKey: true }), signal);
    const first = await current(world);
    await world.editLineage((lineage) => ({ ...lineage, current: { ...lineage.current!, compromised: true } }));
    await issue(world.replica(1), job({ reuseKey: true }, true), signal);
    const second = await current(world);
    expect(second?.facts.spkiFingerprint).not.toBe(first?.facts.spkiFingerprint);
    expect(second?.compromised).toBeUndefined();
  });
});

describe('a key that no certificate needs', () => {
  const keysIn = async (world: World): Promise<readonly string[]> => {
    const names: string[] = [];
    for await (const page of world.store.scan('key', signal)) names.push(...page.map(({ key }) => key.name));
    return names;
  };
  const named = (...names: string[]) => simulatedJob(simulatedSpec('abc', names), { obeyBackoff: false });
  const problem = { type: 'urn:ietf:params:acme:error:userActionRequired', detail: 'later', status: 403 };

  it('goes with the certificate of the names that are wanted instead', async () => {
    const world = await createSimulatedWorld();
    world.ca.failNext('finalize', { problem });
    expect(await issue(world.replica(1), named('a.test'), signal)).toMatchObject({ result: 'failed' });
    const before = await keysIn(world);
    expect(before).toHaveLength(1);
    expect(await issue(world.replica(1), named('b.test'), signal)).toMatchObject({ result: 'issued' });
    expect(await keysIn(world)).toEqual([`abc~${(await current(world))?.id}`]);
    expect(await keysIn(world)).not.toEqual(before);
  });

  it('goes with the work of an order that died, once the next try comes to none', async () => {
    const world = await createSimulatedWorld();
    await issue(world.replica(1), named('a.test'), signal);
    const first = await keysIn(world);
    world.pass(61 * dayMs);
    const deaf: Solver = { ...world.solver, present: async () => null };
    expect(await issue(world.replica(2, { solver: deaf }), named('a.test'), signal)).toMatchObject({
      result: 'failed',
    });
    expect(await keysIn(world)).toHaveLength(2);
    world.pass(dayMs);
    const refusing: Solver = {
      ...world.solver,
      preflight: async () => Promise.reject(fail('dns/zone-not-found', { name: 'a.test' })),
    };
    const next = await issue(world.replica(3, { solver: refusing }), named('a.test'), signal);
    expect(next).toMatchObject({ result: 'failed' });
    expect(await keysIn(world)).toEqual(first);
  });
});
