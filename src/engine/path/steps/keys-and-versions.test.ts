import { expect, it } from 'vitest';
import { encodeDocument } from '../../../core/lineage/lineage.ts';
import { testLineage } from '../../../core/lineage/test-lineages.ts';
import { createMemoryStore } from '../../../stores/memory.ts';
import type { Engine } from '../../engine.ts';
import { keyOf, type VersionDocument } from '../../run/bundles.ts';
import { obtainKey, removeRetired, storeVersion } from './keys-and-versions.ts';

it('keeps no key and no version without an id', async () => {
  // Nothing of the engine is touched.
  const engine = {} as Engine;
  const version = { lineage: 'abc', id: '' };
  const { signal } = new AbortController();
  const said = { code: 'bug/unexpected', message: expect.stringContaining('a version of abc has no id') };
  await expect(obtainKey(engine, version, { type: 'p256' }, signal)).rejects.toMatchObject(said);
  await expect(storeVersion(engine, version, {} as VersionDocument, signal)).rejects.toMatchObject(said);
});

it('removes retired versions, but never the current and the previous one', async () => {
  const store = createMemoryStore();
  const { signal } = new AbortController();
  const key = (id: string) => keyOf('key', { lineage: 'abc', id });
  for (const id of ['v0', 'v1', 'v2']) await store.put(key(id), encodeDocument({ id }), { ifRevision: null, signal });
  const { current } = testLineage;
  const lineage = { ...testLineage, previous: { ...current, id: 'v0' }, retired: ['v0', 'v1', 'v2'] };
  expect(await removeRetired({ store } as Partial<Engine> as Engine, lineage, signal)).toEqual([]);
  const left = await Promise.all(
    ['v0', 'v1', 'v2'].map(async (id) => (await store.get(key(id), signal)) !== undefined),
  );
  expect(left).toEqual([true, true, false]);
});
