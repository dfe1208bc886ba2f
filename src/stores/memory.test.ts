import { describe, expect, it } from 'vitest';
import { storeContract } from '../testing/store-contract.ts';
import { createMemoryStore } from './memory.ts';

storeContract({ describe, it, expect }, async () => ({ store: createMemoryStore() }));

it('shares nothing between two stores', async () => {
  const { signal } = new AbortController();
  await createMemoryStore().put({ kind: 'meta', name: 'x' }, new Uint8Array(1), { ifRevision: null, signal });
  expect(await createMemoryStore().get({ kind: 'meta', name: 'x' }, signal)).toBeUndefined();
});
