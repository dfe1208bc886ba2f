import { type CertfleetError, fail, isFailure } from '../core/errors/errors.ts';
import type { Key, Kind, Store } from '../ports/store.ts';
import {
  changeMarker,
  type Encryption,
  isSecret,
  openEncrypted,
  sealedWith,
  secretKinds,
  unmark,
} from '../stores/encrypted.ts';

const kinds: readonly Kind[] = [...secretKinds, 'meta'];

/** How many times to retry documents that other processes write at the same time. */
const rounds = 5;

/**
 * Seals every secret of a store with the first key, and removes older copies from the store's files, in plain text or
 * under another key. May be killed at any point: unsealed secrets stay readable, and the next call continues.
 *
 * @returns how many documents were sealed
 */
export async function sealAll(plain: Store, encryption: Encryption, signal: AbortSignal): Promise<number> {
  const { store } = await openEncrypted(plain, { ...encryption, isNew: false }, signal);
  const id = encryption.keys[0]!.id;
  const isDone = (key: Key, bytes: Uint8Array) => !isSecret(key) || sealedWith(bytes) === id;
  // From here on, no other process writes a secret in plain text.
  await changeMarker(
    plain,
    (marker) => ({ schema: 1, keys: [id, ...(marker?.keys ?? []).filter((other) => other !== id)] }),
    signal,
  );
  const count = await rewriteAll({ plain, store, to: store, isDone }, signal);
  await changeMarker(plain, () => ({ schema: 1, keys: [id], whole: true }), signal);
  return count;
}

/** Writes every secret back in plain text, and removes the record that the store was encrypted. */
export async function unsealAll(plain: Store, encryption: Encryption, signal: AbortSignal): Promise<number> {
  const { store } = await openEncrypted(plain, { ...encryption, isNew: false }, signal);
  const isDone = (_key: Key, bytes: Uint8Array) => sealedWith(bytes) === undefined;
  // From here on, a secret in plain text is not a forgery.
  await changeMarker(plain, (marker) => marker && { schema: 1, keys: marker.keys }, signal);
  const count = await rewriteAll({ plain, store, to: plain, isDone }, signal);
  await unmark(plain, signal);
  return count;
}

interface Rewriting {
  readonly plain: Store;
  /** The store that opens sealed documents. */
  readonly store: Store;
  readonly to: Store;
  readonly isDone: (key: Key, bytes: Uint8Array) => boolean;
}

async function rewriteAll(rewriting: Rewriting, signal: AbortSignal): Promise<number> {
  let count = 0;
  for (const kind of kinds) {
    for await (const page of rewriting.plain.scan(kind, signal)) {
      const undone = page.filter(({ key, bytes, corrupt }) => corrupt !== undefined || !rewriting.isDone(key, bytes));
      await Promise.all(undone.map(({ key, corrupt }) => rewrite(rewriting, key, corrupt, signal)));
      count += undone.length;
    }
    await scrub(rewriting, kind, signal);
  }
  return count;
}

async function rewrite(
  { store, to }: Rewriting,
  key: Key,
  corrupt: CertfleetError | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (corrupt) throw corrupt;
  for (;;) {
    const found = await store.get(key, signal);
    if (!found) return; // deleted since
    try {
      await to.put(key, found.bytes, { ifRevision: found.revision, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

async function scrub(rewriting: Rewriting, kind: Kind, signal: AbortSignal): Promise<void> {
  const { plain, isDone } = rewriting;
  await scrubKind({ plain, kind, mayStay: isDone }, (key) => rewrite(rewriting, key, undefined, signal), signal);
}

/** Removes earlier content of a kind from a store's files. `again` rewrites a document that blocks the removal. */
export async function scrubKind(
  { plain, kind, mayStay }: { plain: Store; kind: Kind; mayStay: (key: Key, bytes: Uint8Array) => boolean },
  again: (key: Key) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  for (let round = 1; ; round += 1) {
    const scrubbed = await plain.scrub?.(kind, mayStay, signal);
    if (!scrubbed || (scrubbed.blocked.length === 0 && !scrubbed.isTorn)) return;
    if (round === rounds) throw fail('store/in-use', { path: plain.location });
    for (const key of scrubbed.blocked) await again(key);
  }
}
