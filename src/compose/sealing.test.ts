import { describe, expect, it } from 'vitest';
import { type MemoryFiles, memoryFiles } from '../../test/support/memory-files.ts';
import { Killed, mortalFiles } from '../../test/support/mortal-files.ts';
import { randomOf, sampled, seeded } from '../../test/support/seeded.ts';
import { storeWorld } from '../../test/support/store-world.ts';
import type { Files } from '../ports/files.ts';
import type { Key, Store } from '../ports/store.ts';
import { openEncrypted, type StoreKey, storeKeyOf } from '../stores/encrypted.ts';
import fileStore from '../stores/file.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { sealAll, unsealAll } from './sealing.ts';

// `store encrypt` on the file store, on a disk in memory: killed before every change of a file, and run again.

const { signal } = new AbortController();
const random = randomOf(seeded('sealing'));
const [ours, theirs] = [storeKeyOf(new Uint8Array(32).fill(1)), storeKeyOf(new Uint8Array(32).fill(2))];

const account: Key = { kind: 'account', name: 'https://ca.test/directory' };
const credential: Key = { kind: 'credential', name: 'abc' };
const secrets: readonly Key[] = [
  account,
  credential,
  { kind: 'key', name: 'abc~1' },
  { kind: 'key', name: 'abc~2' },
  { kind: 'meta', name: 'responder' },
];
const lineage: Key = { kind: 'lineage', name: 'abc' };

type Clock = ReturnType<typeof fakeClock>;
const opened = (files: Files, clock: Clock): Store =>
  fileStore.connect({ options: { path: '/s' }, name: 'store', world: storeWorld({ files, clock }) });
const textOf = async (store: Store, key: Key) => Buffer.from((await store.get(key, signal))?.bytes ?? []).toString();

async function write(store: Store, key: Key, text: string): Promise<void> {
  const ifRevision = (await store.get(key, signal))?.revision ?? null;
  await store.put(key, Buffer.from(text), { ifRevision, signal });
}

/** A store with secrets of which there were others before, some of them deleted, and a killed writer's file. */
async function planted(keys: readonly StoreKey[] = []) {
  const clock = fakeClock();
  const disk = memoryFiles(() => clock.now());
  await disk.makeFolders('/s', 0o700);
  const { store } = await openEncrypted(opened(disk, clock), { keys, random, isNew: true }, signal);
  for (const text of ['planted-1', 'planted-2', 'planted-3'])
    for (const key of [account, credential]) await write(store, key, `${text}-of-${key.kind}`);
  for (const key of secrets.slice(2)) await write(store, key, `planted-of-${key.name}`);
  await write(store, lineage, 'no secret');
  await write(store, { kind: 'credential', name: 'gone' }, 'planted-gone');
  const gone = await store.get({ kind: 'credential', name: 'gone' }, signal);
  await store.delete({ kind: 'credential', name: 'gone' }, { ifRevision: gone!.revision, signal });
  const folder = (await disk.list('/s/key'))![0]!;
  await disk.replace(`/s/key/${folder}/.certfleet-9-9-9.tmp`, 'planted, torn', { mode: 0o600 });
  await clock.advance(61_000);
  return { disk, clock, before: await Promise.all(secrets.map((key) => textOf(store, key))) };
}

const plainIn = (disk: MemoryFiles) =>
  Object.entries(disk.contents('/s'))
    .filter(([, content]) => content.includes('planted'))
    .map(([path]) => path);

async function isWhole(disk: MemoryFiles, clock: Clock, before: readonly string[]): Promise<void> {
  expect(plainIn(disk)).toEqual([]);
  const { store, isPartly } = await openEncrypted(opened(disk, clock), { keys: [ours], random, isNew: false }, signal);
  expect(isPartly).toBe(false);
  expect(await Promise.all(secrets.map((key) => textOf(store, key)))).toEqual(before);
  expect(await textOf(store, lineage)).toBe('no secret');
}

describe('sealAll', () => {
  it('leaves no secret in the clear: no revision, spare, deletion marker or temporary file', async () => {
    const { disk, clock, before } = await planted();
    expect(plainIn(disk).length).toBeGreaterThan(6);
    expect(await sealAll(opened(disk, clock), { keys: [ours], random }, signal)).toBe(secrets.length);
    await isWhole(disk, clock, before);
    expect(await sealAll(opened(disk, clock), { keys: [ours], random }, signal)).toBe(0);
  });

  it('killed before any change: all is readable, and the next run finishes', async () => {
    const all = await planted();
    const whole = mortalFiles(all.disk, Number.POSITIVE_INFINITY);
    await sealAll(opened(whole.files, all.clock), { keys: [ours], random }, signal);
    expect(whole.changes()).toBeGreaterThan(30);
    for (const killAt of sampled([...Array(whole.changes()).keys()], 12, 'seal')) {
      const { disk, clock, before } = await planted();
      const { files } = mortalFiles(disk, killAt);
      await expect(sealAll(opened(files, clock), { keys: [ours], random }, signal)).rejects.toThrow(Killed);
      const { store } = await openEncrypted(opened(disk, clock), { keys: [ours], random, isNew: false }, signal);
      expect(await Promise.all(secrets.map((key) => textOf(store, key)))).toEqual(before);
      await clock.advance(61_000); // until a torn file of a killed process is taken for one
      await sealAll(opened(disk, clock), { keys: [ours], random }, signal);
      await isWhole(disk, clock, before);
    }
  });

  it('changes the key: afterwards the old one opens nothing, and is not needed', async () => {
    const { disk, clock, before } = await planted([theirs]);
    expect(await sealAll(opened(disk, clock), { keys: [ours, theirs], random }, signal)).toBe(secrets.length);
    await isWhole(disk, clock, before);
    for (const content of Object.values(disk.contents('/s'))) expect(content).not.toContain(`sealed 1 ${theirs.id}`);
  });

  it.each([
    ['the wrong key', [theirs], 'store/wrong-key'],
    ['no key', [], 'store/key-missing'],
  ])('with %s changes nothing', async (_what, keys, code) => {
    const { disk, clock } = await planted([ours]);
    const before = disk.contents('/s');
    await expect(unsealAll(opened(disk, clock), { keys, random }, signal)).rejects.toMatchObject({ code });
    expect(disk.contents('/s')).toEqual(before);
  });

  it('seals what another process writes at the same time', async () => {
    const { disk, clock } = await planted();
    const store = opened(disk, clock);
    let hasRaced = false;
    const racing: Store = {
      ...store,
      async put(key, bytes, options) {
        if (key.kind === 'account' && !hasRaced) {
          hasRaced = true;
          await store.put(key, Buffer.from('planted, raced'), options);
        }
        return store.put(key, bytes, options);
      },
    };
    await sealAll(racing, { keys: [ours], random }, signal);
    expect(plainIn(disk)).toEqual([]);
    const after = await openEncrypted(opened(disk, clock), { keys: [ours], random, isNew: false }, signal);
    expect(await textOf(after.store, account)).toBe('planted, raced');
  });

  it('says so if a file may still be half written by a process that is alive', async () => {
    const { disk, clock } = await planted();
    const folder = (await disk.list('/s/key'))![0]!;
    await disk.replace(`/s/key/${folder}/.certfleet-8-8-8.tmp`, 'planted, now', { mode: 0o600 });
    await expect(sealAll(opened(disk, clock), { keys: [ours], random }, signal)).rejects.toMatchObject({
      code: 'store/in-use',
    });
    await clock.advance(61_000);
    await sealAll(opened(disk, clock), { keys: [ours], random }, signal);
    expect(plainIn(disk)).toEqual([]);
  });
});

it('unsealAll killed before any change: all is readable with the key, and the next run finishes', async () => {
  const all = await planted([ours]);
  const whole = mortalFiles(all.disk, Number.POSITIVE_INFINITY);
  await unsealAll(opened(whole.files, all.clock), { keys: [ours], random }, signal);
  expect(whole.changes()).toBeGreaterThan(30);
  for (const killAt of sampled([...Array(whole.changes()).keys()], 12, 'unseal')) {
    const { disk, clock, before } = await planted([ours]);
    const { files } = mortalFiles(disk, killAt);
    await expect(unsealAll(opened(files, clock), { keys: [ours], random }, signal)).rejects.toThrow(Killed);
    const { store } = await openEncrypted(opened(disk, clock), { keys: [ours], random, isNew: false }, signal);
    expect(await Promise.all(secrets.map((key) => textOf(store, key)))).toEqual(before);
    await clock.advance(61_000);
    await unsealAll(opened(disk, clock), { keys: [ours], random }, signal);
    const { store: plain } = await openEncrypted(opened(disk, clock), { keys: [], random, isNew: false }, signal);
    expect(await Promise.all(secrets.map((key) => textOf(plain, key)))).toEqual(before);
  }
});

it('unsealAll writes everything in the clear again, and no key is needed', async () => {
  const { disk, clock, before } = await planted([ours]);
  await unsealAll(opened(disk, clock), { keys: [ours], random }, signal);
  const { store } = await openEncrypted(opened(disk, clock), { keys: [], random, isNew: false }, signal);
  expect(await Promise.all(secrets.map((key) => textOf(store, key)))).toEqual(before);
});
