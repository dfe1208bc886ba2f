import { fail, isFailure } from '../core/errors/errors.ts';
import { decodeDocument } from '../core/lineage/lineage.ts';
import { shellWord } from '../core/text/shell-word.ts';
import type { Key, Store } from '../ports/store.ts';

/**
 * `meta/restore`: a restore writes it before every other document, and deletes it at its end. While it is there, the store
 * lacks documents, and what would run on it would order again what the backup has.
 */
export interface RestoreMark {
  readonly schema: 1;
  /** Of the documents of the backup. */
  readonly sha256: string;
  /** The backup. */
  readonly file: string;
}

export const restoreMarkKey: Key = { kind: 'meta', name: 'restore' };

export async function readRestoreMark(store: Store, signal: AbortSignal) {
  const entry = await store.get(restoreMarkKey, signal);
  if (!entry) return undefined;
  const where = { key: 'meta/restore', file: store.location };
  return { revision: entry.revision, mark: decodeDocument<RestoreMark>(entry.bytes, where, ['sha256', 'file']) };
}

/** The failure of a store in which a restore has begun and not ended. */
export const restoring = ({ location: path }: Pick<Store, 'location'>, { file }: RestoreMark) =>
  fail('store/restoring', {
    path,
    file,
    command: `certfleet restore ${file === '/dev/stdin' ? '-' : shellWord(file)} --store ${shellWord(path)}`,
  });

/** Fails with `store/restoring` if a restore into the store has begun and not ended. */
export async function refuseHalfRestored(store: Store, signal: AbortSignal): Promise<void> {
  try {
    const found = await readRestoreMark(store, signal);
    if (found) throw restoring(store, found.mark);
  } catch (error) {
    // A damaged mark says nothing of a store with an id, which a restore writes last. `store check` names it.
    const hasId = async () => (await store.list('meta', signal)).has('store');
    if (!isFailure(error, 'store/corrupt') || !(await hasId())) throw error;
  }
}
