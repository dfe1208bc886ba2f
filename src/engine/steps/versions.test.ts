import { expect, it } from 'vitest';
import type { VersionDocument } from '../bundles.ts';
import type { Engine } from '../engine.ts';
import { obtainKey, storeVersion } from './versions.ts';

it('keeps no key and no version without an id', async () => {
  // Nothing of the engine is touched.
  const engine = {} as Engine;
  const version = { lineage: 'abc', id: '' };
  const { signal } = new AbortController();
  const said = { code: 'bug/unexpected', message: expect.stringContaining('a version of abc has no id') };
  await expect(obtainKey(engine, version, { type: 'p256' }, signal)).rejects.toMatchObject(said);
  await expect(storeVersion(engine, version, {} as VersionDocument, signal)).rejects.toMatchObject(said);
});
