import { expect, it } from 'vitest';
import type { EngineContext } from '../engine.ts';
import { obtainKey, storeVersion, type VersionDocument } from './versions.ts';

it('keeps no key and no version without an id', async () => {
  // Nothing of the context is touched.
  const context = {} as EngineContext;
  const { signal } = new AbortController();
  const said = { code: 'bug/unexpected', message: expect.stringContaining('a version of abc has no id') };
  await expect(obtainKey(context, 'abc', '', signal)).rejects.toMatchObject(said);
  await expect(storeVersion(context, 'abc', '', {} as VersionDocument, signal)).rejects.toMatchObject(said);
});
