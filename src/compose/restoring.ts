import { fail, isFailure } from '../core/errors/errors.ts';
import { decodeDocument } from '../core/lineage/lineage.ts';
import { shellWord } from '../core/text/shell-word.ts';
import type { Key, Store } from '../ports/store.ts';

/**
 * `meta/restore`: the first document that a restore writes, and deletes at its end. Until then, the store lacks
 * documents, and a run on it would order again what the backup already has.
 */
export interface RestoreMark {
  readonly schema: 1;
  /** The hash of the backup's documents. */
  readonly sha256: string;
  /** The path of the backup. */
  readonly file: string;
}

export const restoreMarkKey: Key = { kind: 'meta', name: 'restore' };

export async function readRestoreMark(store: Store, signal: AbortSignal) {
  const entry = await store.get(restoreMarkKey, signal);
  if (!entry) return undefined;
  const where = { key: 'meta/restore', file: store.location };
  return { revision: entry.revision, mark: decodeDocument<RestoreMark>(entry.bytes, where, ['sha256', 'file']) };
}

/** The error for a store in which a restore has begun but not finished. */
export const restoring = ({ location: path }: Pick<Store, 'location'>, { file }: RestoreMark) =>
  fail('store/restoring', {
    path,
    file,
    command: `certfleet restore ${file === '/dev/stdin' ? '-' : shellWord(file)} --store ${shellWord(path)}`,
  });

/** Fails with `store/restoring` if a restore into the store has begun but not finished. */
export async function refuseHalfRestored(store: Store, signal: AbortSignal): Promise<void> {
  try {
    const found = await readRestoreMark(store, signal);
    if (found) throw restoring(store, found.mark);
  } catch (error) {
    // A restore writes the store ID last, so a damaged mark does not matter in a store with an ID. `store check`
    // reports it.
    const hasId = async () => (await store.list('meta', signal)).has('store');
    if (!isFailure(error, 'store/corrupt') || !(await hasId())) throw error;
  }
}
