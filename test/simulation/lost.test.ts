import { expect, it } from 'vitest';
import { fail } from '../../src/core/errors/errors.ts';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import type { LockDocument } from '../../src/core/lineage/lock.ts';
import { nameWithMark } from '../../src/core/request-path/own-mark.ts';
import { type LostRemoval, sweepLost } from '../../src/engine/delivery/unjournalled.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Balancer, OwnedObject } from '../../src/ports/balancer.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { passing } from '../support/passing-time.ts';
import {
  createSimulatedWorld,
  dayMs,
  issue as issueIn,
  simulatedJob as job,
  simulatedSpec,
} from '../support/simulated-world.ts';

const { signal } = new AbortController();
const resource = 'sim-balancer lb-1';
const [ours, theirs] = ['0123456789ab', 'bbbbbbbbbbbb'];

const ids = (list: readonly { readonly id: string }[]) => list.map(({ id }) => id);

async function createWorld() {
  const clock = fakeClock(new Date('2026-11-25T12:00:00Z'));
  const world = await createSimulatedWorld({ clock });
  const hourMs = 3_600_000;
  const named = (kind: string, id: number, owner = ours, expiresInMs = -hourMs): OwnedObject => {
    const expires = new Date(clock.now().getTime() + expiresInMs);
    return { kind, id: `${kind}-${id}`, name: nameWithMark({ owner, expires, id: String(id).padStart(12, '0') }) };
  };
  const objects = [
    named('rule', 1),
    named('rule', 2, theirs, -2 * dayMs),
    named('rule', 3, theirs, hourMs),
    named('group', 4),
    { kind: 'rule', name: 'www', id: 'rule-5' },
  ];
  const uploads = [named('certificate', 6), named('certificate', 7)];
  const hooks = { inUse: '', remove: async (_object: OwnedObject): Promise<void> => {} };
  const ownedIn = (list: OwnedObject[]) => ({
    owned: async () => [...list],
    removeOwned: async (object: OwnedObject) => {
      await hooks.remove(object);
      if (object.id !== hooks.inUse) list.splice(ids(list).indexOf(object.id), 1);
    },
  });
  const balancer = { type: 'sim-balancer', resource, ...ownedIn(objects) } as unknown as Balancer;
  const deployer: Deployer = {
    ...world.deployer,
    resource,
    ...ownedIn(uploads),
    stage: async () => ({ certificate: { id: uploads[0]?.id ?? '' } }),
  };
  const engine = (pid = 1): Engine => {
    const replica = world.replica(pid, { deployer });
    return { ...replica, connect: { ...replica.connect, balancers: async () => [balancer] } };
  };
  const sweep = (removal?: LostRemoval) =>
    passing(clock, sweepLost(engine(), [simulatedSpec('~declared')], removal, signal));
  const lock = (document: Omit<LockDocument, 'schema'>) =>
    world.store.put({ kind: 'lock', name: resource }, encodeDocument({ schema: 1, ...document }), {
      ifRevision: null,
      signal,
    });
  const left = () => [...objects, ...uploads].map(({ id }) => id);
  const issue = () => issueIn(engine(), job(simulatedSpec()), signal);
  const add = (kind: string, id: number, expiresInMs: number) => {
    const one = named(kind, id, ours, expiresInMs);
    uploads.push(one);
    return one;
  };
  return { ...world, target: deployer, add, objects, uploads, hooks, engine, sweep, lock, left, issue };
}

const all = ['rule-1', 'rule-2', 'rule-3', 'group-4', 'rule-5', 'certificate-6', 'certificate-7'];

it('lists what carries the mark and no journal knows, each once, and removes nothing', async () => {
  const world = await createWorld();
  await world.issue();
  const known = { name: world.objects[0]?.name ?? '', lineage: 'abc', path: '/' };
  await world.lock({ listeners: { 80: { users: {}, rules: [known] } } });
  const { lost, ...rest } = await world.sweep();
  expect(rest).toEqual({ known: 2, removed: [], failed: [] });
  expect(ids(lost)).toEqual(['rule-2', 'rule-3', 'group-4', 'certificate-7']);
  expect(lost[0]).toMatchObject({ at: resource, owner: theirs, isOurs: false, isInWork: false });
  expect(lost[2]).toMatchObject({ owner: ours, isOurs: true, expires: '2026-11-25T11:00:00.000Z' });
  expect(world.left()).toEqual(all);
});

it.each<[string, LostRemoval, readonly string[]]>([
  ['all of its own', { owner: ours, olderThanMs: Number.NEGATIVE_INFINITY }, ['rule-1', 'group-4', 'certificate-7']],
  ['what another one lost for long enough', { owner: theirs, olderThanMs: dayMs }, ['rule-2']],
  ['nothing that is too young', { owner: theirs, olderThanMs: 3 * dayMs }, []],
])('removes %s', async (_what, removal, gone) => {
  const world = await createWorld();
  await world.issue();
  const { removed, failed, lost } = await world.sweep(removal);
  expect([removed.length, failed]).toEqual([gone.length, []]);
  expect(world.left()).toEqual(all.filter((id) => !gone.includes(id)));
  expect(ids(lost)).toEqual(all.filter((id) => !gone.includes(id) && id !== 'rule-5' && id !== 'certificate-6'));
});

it('says of a certificate that a service may use that it stays until it has expired', async () => {
  const world = await createWorld();
  Object.assign(world.target, { keepsUntilExpiry: true });
  const young = world.add('certificate', 8, 60 * dayMs);
  const { removed, failed, lost } = await world.sweep({ owner: ours, olderThanMs: Number.NEGATIVE_INFINITY });
  expect(removed).toHaveLength(4);
  expect(failed).toEqual([
    {
      what: expect.stringContaining(young.name),
      reason: expect.stringMatching(/^it is valid until 2027-01-24T12:00:00.000Z, and may be in use there/),
    },
  ]);
  expect(lost.find(({ id }) => id === young.id)).toMatchObject({ staysUntilExpiry: true });
});

it.each(['the lock', 'a certificate'])('touches nothing while a process works on %s', async (what) => {
  const world = await createWorld();
  await world.issue();
  const lease = { id: 'x', holder: world.engine(7).processes.self(), beat: 0 };
  if (what === 'the lock') await world.lock({ lease });
  else
    await world.editLineage((lineage) => ({
      ...lineage,
      work: { step: 'deploy', version: '', directory: '', startedAt: '', challenges: [], lease },
    }));
  const removal = { owner: ours, olderThanMs: 0 };
  const { removed, lost } = await world.sweep(removal);
  const inWork = ['certificate-7', ...(what === 'the lock' ? ['rule-1', 'group-4'] : [])];
  expect(ids(lost.filter((one) => one.isInWork && one.isOurs)).sort()).toEqual(inWork.sort());
  for (const id of inWork) expect(world.left()).toContain(id);
  world.dead.add(7);
  await world.sweep(removal);
  expect([removed.length, world.left()]).toEqual([
    what === 'the lock' ? 0 : 2,
    ['rule-2', 'rule-3', 'rule-5', 'certificate-6'],
  ]);
});

it('says what it could not list or remove, and goes on', async () => {
  const world = await createWorld();
  const refused = fail('dns/refused', { provider: 'sim', name: 'x', reason: 'no permission', advice: 'Check it.' });
  world.hooks.remove = async ({ id }) => {
    if (id === 'rule-1') throw refused;
  };
  world.hooks.inUse = 'certificate-7';
  const { removed, failed } = await world.sweep({ owner: ours, olderThanMs: 0 });
  expect(failed).toMatchObject([
    { what: expect.stringContaining('the rule cf-'), code: 'dns/refused' },
    { what: expect.stringContaining('the certificate cf-'), reason: 'something still refers to it' },
  ]);
  expect(removed).toHaveLength(2);
  await world.store.put({ kind: 'lineage', name: 'bad' }, new Uint8Array([1]), { ifRevision: null, signal });
  await expect(world.sweep()).rejects.toMatchObject({ code: 'store/corrupt' });
});
