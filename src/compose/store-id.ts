import { isFailure } from '../core/errors/errors.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';

/** The key of the store ID, with which the store marks what it creates elsewhere. */
export const storeIdKey = { kind: 'meta', name: 'store' } as const;

/** Gives a store an ID. Resolves with undefined if the store has one, even a damaged one. */
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
