import { expect, it } from 'vitest';
import { memoryFiles } from '../../test/support/memory-files.ts';
import { Killed, mortalFiles } from '../../test/support/mortal-files.ts';
import { storeWorld } from '../../test/support/store-world.ts';
import { encodeDocument } from '../core/lineage.ts';
import { testLineage, testSpec } from '../core/test-lineages.ts';
import type { Files } from '../ports/files.ts';
import type { Key, Store } from '../ports/store.ts';
import fileStore from '../stores/file.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { fakeClock } from '../testing/fake-clock.ts';
import { type Backup, backUp, readBackup, restoreAll } from './backup.ts';

const { signal } = new AbortController();
const at = new Date('2026-11-26T02:00:00Z');

async function write(store: Store, key: Key, document: object): Promise<void> {
  const ifRevision = (await store.get(key, signal))?.revision ?? null;
  await store.put(key, encodeDocument(document), { ifRevision, signal });
}
async function remove(store: Store, key: Key): Promise<void> {
  await store.delete(key, { ifRevision: (await store.get(key, signal))!.revision, signal });
}

/** Makes a version the current one, as a renewal does: its key and chain first, the old ones go last. */
async function renewed(store: Store, id: string, before?: string): Promise<void> {
  for (const kind of ['key', 'version'] as const) await write(store, { kind, name: `abc~${id}` }, { id });
  const lineage = { schema: 1, name: 'abc', origin: 'configuration', spec: testSpec, deployments: {} };
  await write(store, { kind: 'lineage', name: 'abc' }, { ...lineage, current: { id } });
  for (const kind of ['key', 'version'] as const) if (before) await remove(store, { kind, name: `abc~${before}` });
}

const namesIn = (text: string) =>
  readBackup(Buffer.from(text), 'backup').map(({ key: { kind, name } }) => `${kind}/${name}`);

it.each(['key', 'version', 'meta'] as const)(
  'a certificate that is renewed while the backup reads %s has its new key and chain',
  async (kind) => {
    const inner = createMemoryStore();
    await renewed(inner, 'v1');
    const store: Store = {
      ...inner,
      async *scan(scanned, s) {
        if (scanned === kind) await renewed(inner, 'v2', 'v1');
        yield* inner.scan(scanned, s);
      },
    };
    const { text } = await backUp(store, at, signal);
    const lineage = readBackup(Buffer.from(text), 'backup').find(({ key }) => key.kind === 'lineage');
    const { current } = JSON.parse(Buffer.from(lineage!.bytes).toString()) as { current: { id: string } };
    expect(namesIn(text)).toEqual(expect.arrayContaining([`key/abc~${current.id}`, `version/abc~${current.id}`]));
  },
);

it('a certificate that is deleted meanwhile is not in it', async () => {
  const inner = createMemoryStore();
  await renewed(inner, 'v1');
  const store: Store = {
    ...inner,
    async *scan(kind, s) {
      if (kind === 'key')
        for (const key of ['key', 'version', 'lineage'] as const)
          await remove(inner, { kind: key, name: key === 'lineage' ? 'abc' : 'abc~v1' });
      yield* inner.scan(kind, s);
    },
  };
  expect(namesIn((await backUp(store, at, signal)).text)).toEqual([]);
});

it.each<[string, Key, Partial<Backup>]>([
  ['a lineage', { kind: 'lineage', name: 'abc' }, { missing: ['lineage/abc'], certificates: 0 }],
  ['a current key', { kind: 'key', name: 'abc~v1' }, { missing: ['key/abc~v1'] }],
  ['a current version', { kind: 'version', name: 'abc~v1' }, { missing: ['version/abc~v1'] }],
  ['nothing', { kind: 'meta', name: 'store' }, { missing: [] }],
])('a backup names what the store lacks: %s', async (_what, key, words) => {
  const store = createMemoryStore();
  await renewed(store, 'v1');
  await write(store, { kind: 'meta', name: 'store' }, { schema: 1, id: 'x' });
  await remove(store, key);
  expect(await backUp(store, at, signal)).toMatchObject({ damaged: [], ...words });
});

it('a backup leaves out a lineage that is not one, and has the others', async () => {
  const store = createMemoryStore();
  await renewed(store, 'v1');
  for (const [name, document] of [
    ['copied', { ...testLineage, name: 'abc' }],
    ['bad', { schema: 1 }],
  ] as const)
    await write(store, { kind: 'lineage', name }, document);
  const made = await backUp(store, at, signal);
  expect([made.certificates, [...made.damaged].sort()]).toEqual([1, ['lineage/bad', 'lineage/copied']]);
  expect(namesIn(made.text)).not.toContain('lineage/copied');
});

it('a restore that is killed before any change of a file can be repeated', async () => {
  const source = createMemoryStore();
  await renewed(source, 'v1');
  for (const name of ['store', 'responder']) await write(source, { kind: 'meta', name }, { schema: 1, id: name });
  const { text } = await backUp(source, at, signal);
  const documents = readBackup(Buffer.from(text), 'backup');
  const clock = fakeClock();
  const open = (files: Files) =>
    fileStore.connect({ options: { path: '/s' }, name: 'store', world: storeWorld({ files, clock }) });
  const whole = mortalFiles(
    memoryFiles(() => clock.now()),
    Number.POSITIVE_INFINITY,
  );
  await restoreAll(open(whole.files), documents, signal);
  for (let killAt = 0; killAt < whole.changes(); killAt += 1) {
    const disk = memoryFiles(() => clock.now());
    const { files } = mortalFiles(disk, killAt);
    await expect(restoreAll(open(files), documents, signal)).rejects.toThrow(Killed);
    const store = open(disk);
    // Killed after the very last document: it is there already.
    if (!(await store.get({ kind: 'meta', name: 'store' }, signal))) await restoreAll(store, documents, signal);
    expect(namesIn((await backUp(store, at, signal)).text).sort()).toEqual(namesIn(text).sort());
  }
});
