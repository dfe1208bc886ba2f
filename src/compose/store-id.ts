import { isFailure } from '../core/errors/errors.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';

/** Where the id of the store is, under which it marks what it makes elsewhere. */
export const storeIdKey = { kind: 'meta', name: 'store' } as const;

/** Gives a store without an id one. Resolves with undefined if it has one, even if it is damaged. */
export async function makeStoreId(store: Store, random: Random, signal: AbortSignal): Promise<string | undefined> {
  const id = Buffer.from(random.bytes(12)).toString('base64url');
  try {
    await store.put(storeIdKey, encodeDocument({ schema: 1, id }), { ifRevision: null, signal });
    return id;
  } catch (error) {
    if (isFailure(error, 'store/conflict')) return undefined;
    throw error;
  }
}
