import { isFailure } from '../core/errors/errors.ts';
import { decodeDocument, encodeDocument } from '../core/lineage/lineage.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { Random } from '../ports/random.ts';
import type { Store } from '../ports/store.ts';

/** The key of the store ID, with which the store marks what it creates elsewhere. */
export const storeIdKey = { kind: 'meta', name: 'store' } as const;

/** `meta/store`. */
export interface StoreId {
  readonly schema: 1;
  readonly id: string;
  /**
   * The store was moved, or is being moved. Processes that opened it before hold on to this document as it was
   * (`Store.anchor`), so they fail at their next call.
   */
  readonly move?: Move | undefined;
}

/** A move of a store, as both stores know it. */
export interface Move {
  readonly id: string;
  /** The two places, without passwords. */
  readonly from: string;
  readonly to: string;
  /** The command that continues it. */
  readonly command: string;
  /** The document was written once more, so that a file store that holds on to the file of the ID has lost it. */
  readonly isFenced?: true | undefined;
  /** RFC 3339. Undefined until every document is in the new store. */
  readonly endedAt?: string | undefined;
}

export interface FoundStoreId {
  readonly revision: string;
  readonly document: StoreId;
}

export async function readStoreId(store: Store, signal: AbortSignal): Promise<FoundStoreId | undefined> {
  const entry = await store.get(storeIdKey, signal);
  if (!entry) return undefined;
  const where = { key: 'meta/store', file: store.location };
  return { revision: entry.revision, document: decodeDocument<StoreId>(entry.bytes, where, ['id']) };
}

/** Gives a store an ID. Resolves with undefined if the store has one, even a damaged one. */
export async function makeStoreId(store: Store, random: Random, signal: AbortSignal): Promise<string | undefined> {
  const id = newId(random);
  try {
    await store.put(storeIdKey, encodeDocument({ schema: 1, id } satisfies StoreId), { ifRevision: null, signal });
    return id;
  } catch (error) {
    if (isFailure(error, 'store/conflict')) return undefined;
    throw error;
  }
}

export const newId = (random: Random): string => toBase64url(random.bytes(12));
