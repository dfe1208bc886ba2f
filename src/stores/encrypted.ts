import { createCipheriv, createDecipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { createBatches } from '../core/async/batches.ts';
import { fail, isFailure } from '../core/errors/errors.ts';
import { decodeDocument, encodeDocument } from '../core/lineage/lineage.ts';
import { spreadable } from '../lib/spreadable.ts';
import type { Random } from '../ports/random.ts';
import type { Entry, Key, Kind, Store } from '../ports/store.ts';

/**
 * Encryption at rest, around any store (decision 0031). Documents with secrets are stored as
 *
 * ```
 * certfleet-sealed 1 8c1f0a…(16 hex)
 * <12 bytes nonce> <AES-256-GCM ciphertext> <16 bytes tag>
 * ```
 *
 * The line contains the version of the format and the ID of the key. The additional data is the line with the kind and
 * the name of the document, so a sealed document can only be opened under its own name, although an older revision of
 * the same document can be, too. An unsealed document is JSON and never begins like the line. Unsealed secrets are read
 * as they are until all secrets of the store are sealed, because a store may be encrypted while others use it. After
 * that, a secret in plain text is a forgery.
 */
const magic = 'certfleet-sealed 1 ';
const linePattern = /^certfleet-sealed 1 ([0-9a-f]{16})\n/;
const lineLength = magic.length + 17;
const nonceLength = 12;
const tagLength = 16;

/** A store key. Its ID is public: it says which key opens a document, but reveals nothing about the key. */
export interface StoreKey {
  readonly id: string;
  readonly key: KeyObject;
}

export function storeKeyOf(bytes: Uint8Array): StoreKey {
  const id = createHmac('sha256', bytes).update('certfleet store key').digest('hex').slice(0, 16);
  return { id, key: createSecretKey(bytes) };
}

/** The seal also proves that who wrote a user or a token had the key. */
export const secretKinds: readonly Kind[] = ['access', 'account', 'credential', 'declared', 'key', 'login', 'user'];
const isSecretKind: ReadonlySet<string> = new Set(secretKinds);
const secretMeta: ReadonlySet<string> = new Set(['literals', 'responder']);

/**
 * Reports whether documents with this name have secrets. All others can be read without the key: certificates are
 * public, and so is a key authorization once it is served.
 */
export const isSecret = ({ kind, name }: Key): boolean =>
  isSecretKind.has(kind) || (kind === 'meta' && secretMeta.has(name));

/** Returns the ID of the key that a document was sealed with, or undefined if the document is not sealed. */
export function sealedWith(bytes: Uint8Array): string | undefined {
  return linePattern.exec(
    Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, lineLength)).toString(),
  )?.[1];
}

const aboutOf = (line: string, { kind, name }: Key): Buffer => Buffer.from(`${line}${JSON.stringify([kind, name])}`);

function seal(of: Key, bytes: Uint8Array, { id, key }: StoreKey, nonce: Uint8Array): Uint8Array {
  const line = `${magic}${id}\n`;
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aboutOf(line, of));
  const sealed = [cipher.update(bytes), cipher.final()];
  return Buffer.concat([Buffer.from(line), nonce, ...sealed, cipher.getAuthTag()]);
}

/** Returns undefined if the document was changed, or sealed under another kind or name. */
function open(of: Key, bytes: Uint8Array, { id, key }: StoreKey): Uint8Array | undefined {
  const body = bytes.subarray(lineLength);
  if (body.length < nonceLength + tagLength) return undefined;
  const decipher = createDecipheriv('aes-256-gcm', key, body.subarray(0, nonceLength))
    .setAAD(aboutOf(`${magic}${id}\n`, of))
    .setAuthTag(body.subarray(-tagLength));
  try {
    return Buffer.concat([decipher.update(body.subarray(nonceLength, -tagLength)), decipher.final()]);
  } catch {
    return undefined;
  }
}

export const notSealed = 'it is not encrypted, although all secrets of the store are';

/**
 * Returns the secrets in plain text among documents whose marker says that there are none.
 *
 * @param marker the content of `meta/encryption`, if it exists
 */
export function forgedAmong(
  keys: readonly (readonly [Key, Uint8Array])[],
  marker: Uint8Array | undefined,
): readonly Key[] {
  const where = { key: 'meta/encryption', file: '' };
  if (!marker || !decodeDocument<Marker>(marker, where, ['schema', 'keys']).whole) return [];
  return keys.flatMap(([key, bytes]) => (isOpenSecret(key, bytes) ? [key] : []));
}

/** Reports whether a document is a secret in plain text. */
export const isOpenSecret = (key: Key, bytes: Uint8Array): boolean => isSecret(key) && sealedWith(bytes) === undefined;

/**
 * `meta/encryption`: the keys that documents of the store may be sealed with. Written before the first document is
 * sealed.
 */
interface Marker {
  readonly schema: 1;
  readonly keys: readonly string[];
  /** Set if no secret was stored before the store was encrypted, or if `store encrypt` has sealed them all. */
  readonly whole?: true;
}

const markerKey: Key = { kind: 'meta', name: 'encryption' };

async function readMarker(store: Store, signal: AbortSignal) {
  const entry = await store.get(markerKey, signal);
  if (!entry) return undefined;
  const where = { key: 'meta/encryption', file: store.location };
  return { revision: entry.revision, marker: decodeDocument<Marker>(entry.bytes, where, ['schema', 'keys']) };
}

/** Reports whether a store has no secret in plain text. */
export const isSealed = async (store: Store, signal: AbortSignal): Promise<boolean> =>
  (await readMarker(store, signal))?.marker.whole === true;

/** Fails with `store/key-missing` or `store/wrong-key` unless all keys of the store are given. */
function checkKeys({ location: path }: Store, ids: readonly string[], given: readonly StoreKey[]): void {
  const missing = ids.find((id) => !given.some((one) => one.id === id));
  if (missing === undefined) return;
  if (given.length === 0) throw fail('store/key-missing', { path });
  const all = ids.length === 1 ? `the key ${missing}` : `the keys ${ids.join(' and ')}`;
  const advice =
    ids.length === 1 ? '' : ' With all of the keys, `certfleet store encrypt` finishes the change of keys.';
  throw fail('store/wrong-key', { path, keys: all, missing, given: given.map(({ id }) => id).join(', '), advice });
}

export interface Encryption {
  /** The first key seals, and all keys open. Without keys, the store is used as it is. */
  readonly keys: readonly StoreKey[];
  readonly random: Random;
}

/**
 * Opens a store with its keys, and changes nothing unless it is new. Fails with `store/key-missing` or
 * `store/wrong-key`.
 *
 * @param isNew whether the store is still empty, so that everything in it will be sealed
 * @returns the store, and whether it may still have secrets in plain text although there is a key
 */
export async function openEncrypted(
  inner: Store,
  { keys, random, isNew }: Encryption & { readonly isNew: boolean },
  signal: AbortSignal,
): Promise<{ readonly store: Store; readonly isPartly: boolean }> {
  const [first] = keys;
  if (isNew && first)
    await changeMarker(inner, (marker) => marker ?? { schema: 1, keys: [first.id], whole: true }, signal);
  const found = await readMarker(inner, signal);
  checkKeys(inner, found?.marker.keys ?? [], keys);
  return { store: encrypted(inner, { keys, random }), isPartly: first !== undefined && !found?.marker.whole };
}

/** Changes the marker with compare-and-set. Writes nothing if `change` returns undefined or the unchanged marker. */
export async function changeMarker(
  store: Store,
  change: (marker: Marker | undefined) => Marker | undefined,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const found = await readMarker(store, signal);
    const next = change(found?.marker);
    if (next === undefined || next === found?.marker) return;
    try {
      await store.put(markerKey, encodeDocument(next), { ifRevision: found?.revision ?? null, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

/** Removes the marker, once nothing is sealed any longer. */
export async function unmark(store: Store, signal: AbortSignal): Promise<void> {
  const entry = await store.get(markerKey, signal);
  if (entry) await store.delete(markerKey, { ifRevision: entry.revision, signal });
}

/** Returns a store that seals secrets when it writes them, and opens them when it reads them. */
function encrypted(inner: Store, { keys, random }: Encryption): Store {
  const [writing] = keys;

  /**
   * Checks the marker before a secret is written. Another process may have encrypted the store since it was opened, or
   * changed its key. Otherwise, the secret would be stored in plain text, or its key would be lost. Secrets that are
   * written together share a check that begins after all of them.
   */
  const admit = createBatches<undefined, undefined>(async (asks, signal) => {
    await (writing
      ? changeMarker(
          inner,
          (marker) => {
            checkKeys(inner, marker?.keys ?? [], keys);
            if (marker?.keys.includes(writing.id)) return marker;
            return { schema: 1, ...marker, keys: [writing.id, ...(marker?.keys ?? [])] };
          },
          signal,
        )
      : readMarker(inner, signal).then((found) => checkKeys(inner, found?.marker.keys ?? [], keys)));
    return asks;
  });

  const corrupt = ({ kind, name }: Key, reason: string) =>
    fail('store/corrupt', { key: `${kind}/${name}`, reason, file: inner.location });

  async function opened(entry: Entry, signal: AbortSignal): Promise<Entry> {
    const id = sealedWith(entry.bytes);
    if (id === undefined) {
      // The marker is read after the document: `store decrypt` changes it first.
      const isForged = writing && isSecret(entry.key) && (await readMarker(inner, signal))?.marker.whole;
      if (isForged) throw corrupt(entry.key, notSealed);
      return entry;
    }
    checkKeys(inner, [id], keys);
    const key = keys.find((one) => one.id === id)!;
    const bytes = open(entry.key, entry.bytes, key);
    if (bytes) return { ...entry, bytes };
    throw corrupt(entry.key, 'it was changed, or belongs to another name (its seal is broken)');
  }

  /**
   * Returns an entry that is marked as corrupt if it cannot be opened, so that one document does not hide the others.
   */
  async function openedOrCorrupt(entry: Entry, signal: AbortSignal): Promise<Entry> {
    if (entry.corrupt) return entry;
    try {
      return await opened(entry, signal);
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
      return { ...entry, bytes: new Uint8Array(), corrupt: error };
    }
  }

  return {
    ...spreadable(inner),
    async get(key, signal) {
      const entry = await inner.get(key, signal);
      return entry && opened(entry, signal);
    },
    async put(key, bytes, options) {
      if (!isSecret(key)) return inner.put(key, bytes, options);
      await admit(undefined, options.signal);
      return inner.put(key, writing ? seal(key, bytes, writing, random.bytes(nonceLength)) : bytes, options);
    },
    async *scan(kind, signal, isKnown) {
      for await (const page of inner.scan(kind, signal, isKnown))
        yield await Promise.all(page.map((entry) => openedOrCorrupt(entry, signal)));
    },
    async changes(kind, cursor, signal) {
      const found = await inner.changes(kind, cursor, signal);
      const entries = found.entries.map((entry) => ('gone' in entry ? entry : openedOrCorrupt(entry, signal)));
      return { ...found, entries: await Promise.all(entries) };
    },
  };
}
