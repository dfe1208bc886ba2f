import { type CertfleetError, fail, isFailure } from '../core/errors/errors.ts';
import { decodeDocument } from '../core/lineage/lineage.ts';
import { shellWord } from '../core/text/shell-word.ts';
import type { Key, Store } from '../ports/store.ts';
import { type Move, readStoreId } from './store-id.ts';

/**
 * `meta/restore`: the first document that a restore or a move writes into a store, and deletes at its end. Until then,
 * the store lacks documents, and a run on it would order again what the backup, or the other store, already has.
 */
export type RestoreMark = OfBackup | OfMove;

interface OfBackup {
  readonly schema: 1;
  /** The hash of the backup's documents. */
  readonly sha256: string;
  /** The path of the backup. */
  readonly file: string;
}

interface OfMove {
  readonly schema: 1;
  readonly move: Move;
}

export const restoreMarkKey: Key = { kind: 'meta', name: 'restore' };

export async function readRestoreMark(store: Store, signal: AbortSignal) {
  const entry = await store.get(restoreMarkKey, signal);
  if (!entry) return undefined;
  const where = { key: 'meta/restore', file: store.location };
  const { move } = decodeDocument<{ readonly move?: Move }>(entry.bytes, where, []);
  const mark: RestoreMark = move
    ? { schema: 1, move }
    : decodeDocument<OfBackup>(entry.bytes, where, ['sha256', 'file']);
  return { revision: entry.revision, mark };
}

/** The error for a store in which a restore or a move has begun but not finished. */
export function unfinished({ location: path }: Pick<Store, 'location'>, mark: RestoreMark): CertfleetError {
  if ('move' in mark) return moving(mark.move);
  const { file } = mark;
  const command = `certfleet restore ${file === '/dev/stdin' ? '-' : shellWord(file)} --store ${shellWord(path)}`;
  return fail('store/restoring', { path, file, command });
}

/** The error for both stores of a move that has not finished. */
const moving = ({ from, to, command }: Move): CertfleetError => fail('store/moving', { from, to, command });

/** The error for a store that was moved, or is being moved. */
export const moved = (move: Move): CertfleetError =>
  move.endedAt === undefined
    ? moving(move)
    : fail('store/moved', { path: move.from, to: move.to, date: move.endedAt.slice(0, 10) });

/**
 * Fails with `store/restoring` or `store/moving` if the store is not whole, or with `store/moved` if another one has taken
 * its place.
 */
export async function refuseUnready(store: Store, signal: AbortSignal): Promise<void> {
  await Promise.all([refuseHalf(store, signal), refuseMoved(store, signal)]);
}

async function refuseHalf(store: Store, signal: AbortSignal): Promise<void> {
  try {
    const found = await readRestoreMark(store, signal);
    if (found) throw unfinished(store, found.mark);
  } catch (error) {
    // A restore writes the store ID last, so a damaged mark does not matter in a store with an ID. `store check`
    // reports it.
    const hasId = async () => (await store.list('meta', signal)).has('store');
    if (!isFailure(error, 'store/corrupt') || !(await hasId())) throw error;
  }
}

async function refuseMoved(store: Store, signal: AbortSignal): Promise<void> {
  // What needs the ID reports a damaged one.
  const found = await readStoreId(store, signal).catch((error: unknown) => {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return undefined;
  });
  if (found?.document.move) throw moved(found.document.move);
}
