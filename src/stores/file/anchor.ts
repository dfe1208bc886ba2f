import type { Files } from '../../ports/files.ts';
import type { Key } from '../../ports/store.ts';
import { decodeStored, type StoredDocument } from './document.ts';
import { numbersOf, pathOf, placeOf } from './layout.ts';
import type { Trust } from './trust.ts';
import { refused } from './unusable.ts';

/**
 * Knows by one document whether the store is still there. The volume of a store may go while a process uses it, and its
 * empty mount point looks like a store in which nothing was ever stored.
 */
export interface Anchor {
  /** From now on, `check` expects this document as it is now, if it exists. */
  hold(key: Key): Promise<void>;
  /** Fails with `store/unusable` if the document is not there, or another one. Costs one call of the file system. */
  check(): Promise<void>;
}

/** The file of the document, and what changes when another file takes its place. */
interface Found {
  readonly path: string;
  readonly stamp: string;
  /** Or why it cannot be read. */
  readonly document: StoredDocument | string;
}

export function createAnchor(root: string, files: Files, trust: Trust): Anchor {
  let held: { readonly key: Key; readonly found: Found } | undefined;

  async function stampOf(path: string): Promise<string | undefined> {
    const stat = await files.stat(path);
    return stat && `${stat.size} ${stat.changedMs}`;
  }

  async function find(key: Key): Promise<Found | undefined> {
    const place = placeOf(root, key);
    const number = numbersOf(place.stem, (await files.list(place.folder)) ?? []).at(-1);
    if (number === undefined) return undefined;
    const path = pathOf(place, number);
    const stamp = await stampOf(path);
    const file = await files.read(path, trust.file);
    return stamp !== undefined && file ? { path, stamp, document: decodeStored(file) } : undefined;
  }

  return {
    async hold(key) {
      const found = await find(key);
      held = found && { key, found };
    },
    async check() {
      if (!held || (await stampOf(held.found.path)) === held.found.stamp) return;
      const { key, found } = held;
      // Another file system may be there now.
      trust.forget();
      await trust.folder(root);
      const now = await find(key);
      if (!now) throw gone(root, 'it is gone (the folder is missing, or empty)');
      if (!isSame(found.document, now.document)) throw gone(root, 'another store is in its place');
      held = { key, found: now };
    },
  };
}

/** Reports whether two files have the same document. A damaged one proves no other store. */
const isSame = (before: StoredDocument | string, now: StoredDocument | string): boolean =>
  typeof before === 'string' || typeof now === 'string' || Buffer.compare(before.bytes, now.bytes) === 0;

const gone = (root: string, reason: string) =>
  refused(
    root,
    reason,
    'Mount its volume again, or restore it from a backup. A running process orders nothing meanwhile, makes no new store, and goes on by itself once the store is back.',
  );
