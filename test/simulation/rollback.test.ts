import { describe, expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { StoredSpec, Wishes } from '../../src/core/spec/spec.ts';
import { revokeVersions } from '../../src/engine/acts/revoke.ts';
import { rollBack } from '../../src/engine/acts/rollback.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { reconcile } from '../support/passes.ts';
import { passing } from '../support/passing-time.ts';
import { createSimulatedWorld, dayMs, issue, simulatedJob as job, simulatedSpec } from '../support/simulated-world.ts';

const { signal } = new AbortController();

/** A world with a certificate that was renewed after 62 of its 90 days. */
async function renewedWorld() {
  const world = await createSimulatedWorld({ settings: { windowMs: [60 * dayMs, 61 * dayMs] } });
  const wanted = simulatedSpec();
  await issue(world.replica(1), job(wanted), signal);
  world.pass(62 * dayMs);
  await issue(world.replica(2), job(wanted), signal);
  const lineage = async () => (await world.readLineage())!;
  const { current, previous } = await lineage();
  const back = async (spec: StoredSpec = wanted) => {
    const engine = world.replica(3);
    const done = await passing(world.clock, rollBack(engine, { name: 'abc', wanted: spec }, signal));
    if (!done) return undefined;
    const again = { ...job(spec, { obeyBackoff: false }), redeploy: true } as const;
    const [outcome] = await passing(world.clock, reconcile(engine, [again], signal));
    return outcome;
  };
  const renew = () => issue(world.replica(4), job(wanted), signal);
  const damage = async (id: string, kind: 'key' | 'version', document: object | undefined) => {
    const key = { kind, name: `abc~${id}` };
    const options = { ifRevision: (await world.store.get(key, signal))!.revision, signal };
    await (document ? world.store.put(key, encodeDocument(document), options) : world.store.delete(key, options));
  };
  return { ...world, wanted, lineage, damage, first: previous!, second: current!, back, renew };
}

const withWishes = (wishes: Wishes): StoredSpec => ({ ...simulatedSpec(), ...wishes });

describe('a rollback', () => {
  it('delivers the previous version, which renew leaves alone until it is due, and then replaces', async () => {
    const world = await renewedWorld();
    expect(await world.back()).toMatchObject({ result: 'deployed' });
    expect(world.delivered).toEqual([world.first.id, world.second.id, world.first.id]);
    const { current, previous, deployments, rolledBack } = await world.lineage();
    expect([current?.id, previous?.id]).toEqual([world.first.id, world.second.id]);
    expect(deployments['target']).toMatchObject({ version: world.first.id, state: 'current' });
    // 28 days are left of it; the newer one would be renewed after 60.
    const until = Date.parse(rolledBack!.until) - world.clock.now().getTime();
    expect(Math.round(until / dayMs)).toBe(19);
    const asked = world.ca.requests.length;
    for (let day = 0; day < 18; day++) {
      expect(await world.renew()).toMatchObject({
        result: 'unchanged',
        message: expect.stringContaining('rolled back'),
      });
      world.pass(dayMs);
    }
    expect(world.ca.requests.length).toBe(asked);
    world.pass(2 * dayMs);
    expect(await world.renew()).toMatchObject({ result: 'renewed' });
    expect((await world.lineage()).rolledBack).toBeUndefined();
  });

  it('once more returns to the newer one', async () => {
    const world = await renewedWorld();
    await world.back();
    await world.back();
    expect((await world.lineage()).current?.id).toBe(world.second.id);
    expect(world.delivered.at(-1)).toBe(world.second.id);
  });

  it('is refused, and changes nothing, if a target would refuse the version', async () => {
    const world = await renewedWorld();
    const before = await world.lineage();
    const refused: string[] = [];
    const admit: Deployer['admit'] = async ({ id }) => {
      refused.push(id);
      throw new Error('the target has a newer one');
    };
    const engine = world.replica(3, { deployer: { ...world.deployer, admit } });
    const back = rollBack(engine, { name: 'abc', wanted: world.wanted }, signal);
    await expect(passing(world.clock, back)).rejects.toThrow('the target has a newer one');
    expect(refused).toEqual([world.first.id]);
    expect(await world.lineage()).toEqual(before);
  });

  it.each<[string, 'key' | 'version', object | undefined, string]>([
    ['lacks its key', 'key', undefined, 'store/part-missing'],
    ['has a damaged key', 'key', { keyPem: 'garbage' }, 'store/corrupt'],
    ['has no certificate', 'version', undefined, 'store/part-missing'],
    ['has no readable certificate', 'version', {}, 'store/corrupt'],
  ])('to a version that %s is refused, and changes nothing', async (_what, kind, document, code) => {
    const world = await renewedWorld();
    await world.damage(world.first.id, kind, document);
    const before = await world.lineage();
    await expect(world.back()).rejects.toMatchObject({ code });
    expect(await world.lineage()).toEqual(before);
    expect(world.delivered).toEqual([world.first.id, world.second.id]);
  });

  it('is finished by renew if it was killed before the delivery', async () => {
    const world = await renewedWorld();
    await passing(world.clock, rollBack(world.replica(3), { name: 'abc', wanted: world.wanted }, signal));
    world.dead.add(3);
    expect(await world.renew()).toMatchObject({ result: 'deployed' });
    expect(world.delivered.at(-1)).toBe(world.first.id);
  });

  it.each<[string, (world: Awaited<ReturnType<typeof renewedWorld>>) => Promise<unknown>, RegExp]>([
    ['an expired one', async (world) => world.pass(40 * dayMs), /the previous version expired on \d{4}-\d\d-\d\d$/],
    [
      'a revoked one',
      async (world) => {
        const wish = { reason: 'superseded', by: 'account-key' } as const;
        const which = { name: 'abc', which: world.first.id };
        await passing(world.clock, revokeVersions(world.replica(5), which, wish, signal));
      },
      /the previous version was revoked on \d{4}-\d\d-\d\d \(superseded\)/,
    ],
    [
      'one with a compromised key',
      (world) => world.editLineage((one) => ({ ...one, previous: { ...one.previous!, compromised: true } })),
      /the previous version has a compromised key/,
    ],
    [
      'one that is not there',
      (world) => world.editLineage(({ previous: _gone, ...one }) => one),
      /has no previous version/,
    ],
  ])('to %s is refused, and changes nothing', async (_what, make, message) => {
    const world = await renewedWorld();
    await make(world);
    await expect(world.back()).rejects.toMatchObject({
      code: 'lineage/no-way-back',
      message: expect.stringMatching(message),
    });
    const { current, work } = await world.lineage();
    expect([current?.id, work]).toEqual([world.second.id, undefined]);
  });

  it.each<[string, StoredSpec]>([
    ['names', simulatedSpec('abc', ['other.example.com'])],
    ['preferred chain', withWishes({ preferredChain: 'Other Root' })],
    ['profile, validity', withWishes({ profile: 'shortlived', validity: { notAfter: '6d' } })],
  ])('to one with other %s than today is refused', async (what, wanted) => {
    const world = await renewedWorld();
    await expect(world.back(wanted)).rejects.toMatchObject({
      message: expect.stringContaining(`differs from the current settings in its ${what}`),
    });
  });
});
