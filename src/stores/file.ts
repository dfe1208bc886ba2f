import { join, resolve } from 'node:path';
import { checkDocument } from '../core/document-limits.ts';
import { toBase64url } from '../core/encoding.ts';
import { type CertfleetError, fail } from '../core/errors.ts';
import { defineStore, wholePath, z } from '../define.ts';
import type { Entry, Key, Kind, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import { decodeStored, encodeStored, noPredecessor, type StoredDocument } from './file/document.ts';
import { groupByStem, isShard, numbersOf, type Place, pathOf, placeOf } from './file/layout.ts';
import { refused, unusable } from './file/unusable.ts';
import { checkFolder, fileMode, folderMode, tidyFolders } from './file/upkeep.ts';

/** How often other processes may replace a document between listing and reading it; ten in a row mean another fault. */
const maxRereads = 10;

/** How many documents `scan` reads at a time. */
const pageSize = 256;

interface Current {
  readonly number: number;
  readonly document: StoredDocument;
}

export default defineStore({
  id: 'file',
  title: 'Files in a folder',
  since: '0.1.0',
  options: z.object({
    path: wholePath().meta({
      title: 'The folder; created with mode 0700 if it does not exist',
      examples: ['/var/lib/certfleet'],
    }),
  }),
  notes:
    'Several processes may share the folder, also from several containers. The file system must support hard links and fsync, as local file systems and NFS do. To back the store up, copy the folder.',
  connect: ({ options, world }) => openFileStore(resolve(options.path), world),
});

/**
 * Compare-and-set without a lock: each revision is a file, a hard link takes the next number, and link(2) lets exactly
 * one process win.
 *
 * `put` on revision r: rename r-1 to be the temporary file, write and fsync it → link it to r+1 → check that r still
 * exists → remove the temporary name → fsync the folder. Revisions are removed from the lowest up, so if r+1 was ever
 * removed, r was removed before it. `settle` relies on this: if r still exists, the link was made in time. r-1 is
 * renamed only if r has a single name: then r's writer has checked r-1, and it is no longer needed. If r has two names
 * (its writer was killed), or there is a file below r-1, a new file is created, and the files below r are removed after
 * the link. A slow reader may find that its revision is being written over: the line has another number, or the digest
 * is wrong, and the name is gone.
 *
 * Known flaws: (1) A process that is stopped between its link and the check, while others write twice, gets
 * `store/conflict` although its write succeeded. (2) A process is stopped for more than a day before it writes its
 * temporary file, or briefly while it creates on a tombstone of that age, and its document is tidied and created anew:
 * readers may see its revision for a moment before it withdraws it, and the file that it renames may be the new
 * document's. (3) A process that is killed between a late link and its removal leaves that file until the next tidy; a
 * second one that was stopped as long could build on it.
 */
function openFileStore(root: string, world: World): Store {
  const { files, random } = world;

  const corrupt = (key: Key, path: string, reason: string, numbers: readonly number[]): CertfleetError => {
    const number = Number(path.slice(path.lastIndexOf('@') + 1));
    // Only reported, never used: an older lineage has forgotten its order and would buy a second certificate.
    const older = numbers.filter((other) => other < number).at(-1);
    const beside =
      older === undefined ? '' : ` (the previous revision still exists: ${path.replace(/\d+$/, '')}${older})`;
    return fail('store/corrupt', { key: `${key.kind}/${key.name}`, reason, file: `${path}${beside}` });
  };

  const conflict = (key: Key): CertfleetError => fail('store/conflict', { key: `${key.kind}/${key.name}` });

  /** The document of one number, or why it cannot be trusted; undefined if the file is gone. */
  async function readFile(path: string, number: number): Promise<StoredDocument | string | undefined> {
    const file = await files.read(path);
    if (!file) return undefined;
    const document = decodeStored(file);
    if (typeof document !== 'string' && document.number === number) return document;
    // A writer may have renamed it during the read, and begun to write over it.
    if (!(await files.stat(path))) return undefined;
    return typeof document === 'string' ? document : `it contains revision ${document.number}`;
  }

  /** The document of one number; undefined if the file is gone. Fails with `store/corrupt` if it cannot be trusted. */
  async function read(key: Key, place: Place, number: number, numbers: readonly number[]) {
    const path = pathOf(place, number);
    const document = await readFile(path, number);
    if (document === undefined) return undefined;
    if (typeof document === 'string') throw corrupt(key, path, document, numbers);
    if (document.name !== key.name) {
      throw corrupt(
        key,
        path,
        `it belongs to ${key.kind}/${document.name} (a file system that ignores case?)`,
        numbers,
      );
    }
    return document;
  }

  async function current(key: Key, place: Place): Promise<Current | undefined> {
    for (let tries = 0; tries < maxRereads; tries += 1) {
      const numbers = numbersOf(place.stem, (await files.list(place.folder)) ?? []);
      const number = numbers.at(-1);
      if (number === undefined) return undefined;
      const document = await read(key, place, number, numbers);
      if (document) return { number, document };
    }
    throw refused(
      root,
      `${pathOf(place, 0)} and similar files are listed but cannot be read`,
      'Check the file system.',
    );
  }

  async function draft(place: Place, document: StoredDocument, spare: string | undefined): Promise<string> {
    const content = encodeStored(document);
    if (document.number > 1 || (await files.stat(place.folder))) {
      try {
        return await files.draft(place.folder, content, fileMode, spare);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    await files.makeFolders(place.folder, folderMode);
    return files.draft(place.folder, content, fileMode);
  }

  /** The predecessor of `base`, if it is the lowest one and the writer of `base` has checked it. */
  async function spareOf(place: Place, base: Current | undefined): Promise<string | undefined> {
    if (!base || base.number < 2) return undefined;
    if ((await files.stat(pathOf(place, base.number)))?.links !== 1) return undefined;
    if (base.number > 2 && (await files.stat(pathOf(place, base.number - 2)))) return undefined;
    return pathOf(place, base.number - 1);
  }

  /** Whether the link to `number` was made in time, on `base`, and not after others had continued. */
  async function settle(
    key: Key,
    place: Place,
    base: Current | undefined,
    { number, nonce }: StoredDocument,
    create: boolean,
    knowsLower: boolean,
  ) {
    if (base && knowsLower && (await files.stat(pathOf(place, base.number))))
      return { won: true, numbers: [base.number] };
    const numbers = numbersOf(place.stem, (await files.list(place.folder)) ?? []);
    if (base && numbers.includes(base.number)) return { won: true, numbers };
    const higher = numbers.some((other) => other > number);
    if (higher) {
      // The next writer has already removed the base; it names the revision that it built on.
      const next = await read(key, place, number + 1, numbers);
      return { won: next?.after === nonce, numbers };
    }
    if (!base) return { won: true, numbers };
    // The base is gone and nothing is above it. In a creation, the base was a tombstone that `tidy` removed, which is
    // fine unless another creation began below meanwhile.
    return { won: create && !numbers.some((other) => other < number), numbers };
  }

  /** False if the number is taken, or if a tidy removed the temporary file of a writer that was stopped for an hour. */
  async function linkDraft(temporary: string, path: string): Promise<boolean> {
    try {
      return await files.link(temporary, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
      throw error;
    }
  }

  /** Links `document` as the revision after `base`; undefined if another process was faster. */
  async function advance(key: Key, place: Place, base: Current | undefined, document: StoredDocument, create: boolean) {
    const { number } = document;
    const path = pathOf(place, number);
    const spare = await spareOf(place, base);
    const knowsLower = number === 2 || spare !== undefined;
    const temporary = await draft(place, document, spare);
    let settled: Awaited<ReturnType<typeof settle>>;
    try {
      if (!(await linkDraft(temporary, path))) return undefined;
      settled = await settle(key, place, base, document, create, knowsLower);
      if (!settled.won) await files.remove(path);
    } finally {
      await files.remove(temporary);
    }
    if (!settled.won) return undefined;
    await files.syncFolder(place.folder);
    // Keep the predecessor, in case the disk damages this one; of a deleted document, keep nothing.
    const keep = document.state === 'live' ? (base?.number ?? 0) : number;
    for (const other of settled.numbers) if (other < keep) await files.remove(pathOf(place, other));
    return `${number}-${document.nonce}`;
  }

  /** The revision that a caller names, if its file exists; link(2) will find any above it. */
  async function named(key: Key, place: Place, revision: string): Promise<Current | undefined> {
    const [, digits, nonce] = /^([1-9]\d{0,15})-([\w-]+)$/.exec(revision) ?? [];
    if (digits === undefined) return undefined;
    const document = await read(key, place, Number(digits), []);
    return document?.nonce === nonce && document?.state === 'live' ? { number: Number(digits), document } : undefined;
  }

  const guarded = async <T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    try {
      return await call();
    } catch (error) {
      throw unusable(root, error);
    }
  };

  const newNonce = (): string => toBase64url(random.bytes(6));

  async function entryOf(
    kind: Kind,
    folder: string,
    stem: string,
    listed: readonly number[],
  ): Promise<Entry | undefined> {
    const place = { folder, stem };
    let numbers = listed;
    for (let tries = 0; tries < maxRereads; tries += 1) {
      const number = numbers.at(-1);
      if (number === undefined) return undefined;
      const document = await readFile(pathOf(place, number), number);
      if (document !== undefined) return toEntry(kind, place, numbers, document);
      // Replaced since the listing. A scan may miss what changes meanwhile, but not what exists all the time.
      numbers = numbersOf(stem, (await files.list(folder)) ?? []);
    }
    return toEntry(kind, place, numbers, 'it is listed but cannot be read');
  }

  function toEntry(kind: Kind, place: Place, numbers: readonly number[], document: StoredDocument | string) {
    const number = numbers.at(-1) ?? 0;
    if (typeof document === 'string') {
      // The true name was in the file; only the file's name is left.
      const key = { kind, name: place.stem };
      const error = corrupt(key, pathOf(place, number), document, numbers);
      return { key, revision: `${number}-`, bytes: new Uint8Array(), corrupt: error };
    }
    if (document.state === 'deleted') return undefined;
    return { key: { kind, name: document.name }, revision: `${number}-${document.nonce}`, bytes: document.bytes };
  }

  async function* scan(kind: Kind, signal: AbortSignal): AsyncIterable<readonly Entry[]> {
    let page: Entry[] = [];
    for (const shard of await guarded(signal, async () => (await files.list(join(root, kind))) ?? [])) {
      if (!isShard(shard)) continue;
      const folder = join(root, kind, shard);
      const groups = groupByStem(await guarded(signal, async () => (await files.list(folder)) ?? []));
      for (const [stem, numbers] of groups) {
        const entry = await guarded(signal, () => entryOf(kind, folder, stem, numbers));
        if (entry) page.push(entry);
        if (page.length >= pageSize) {
          yield page;
          page = [];
        }
      }
    }
    if (page.length > 0) yield page;
  }

  return {
    location: root,
    deployed: join(root, 'deployed'),
    get: (key, signal) =>
      guarded(signal, async () => {
        checkDocument(key);
        const found = await current(key, placeOf(root, key));
        if (found?.document.state !== 'live') return undefined;
        const { number, document } = found;
        return { key, revision: `${number}-${document.nonce}`, bytes: document.bytes };
      }),
    put: (key, bytes, { ifRevision, signal }) =>
      guarded(signal, async () => {
        checkDocument(key, bytes);
        const place = placeOf(root, key);
        const create = ifRevision === null;
        const base = create ? await current(key, place) : await named(key, place, ifRevision);
        if (create ? base?.document.state === 'live' : !base) throw conflict(key);
        signal.throwIfAborted();
        const document: StoredDocument = {
          state: 'live',
          number: (base?.number ?? 0) + 1,
          name: key.name,
          nonce: newNonce(),
          after: base?.document.nonce ?? noPredecessor,
          bytes,
        };
        const revision = await advance(key, place, base, document, create);
        if (revision === undefined) throw conflict(key);
        return revision;
      }),
    delete: (key, { ifRevision, signal }) =>
      guarded(signal, async () => {
        checkDocument(key);
        const place = placeOf(root, key);
        const found = await current(key, place);
        if (found?.document.state !== 'live') return;
        if (ifRevision !== `${found.number}-${found.document.nonce}`) throw conflict(key);
        signal.throwIfAborted();
        const tombstone: StoredDocument = {
          state: 'deleted',
          number: found.number + 1,
          name: key.name,
          nonce: newNonce(),
          after: found.document.nonce,
          bytes: new Uint8Array(),
        };
        if ((await advance(key, place, found, tombstone, false)) === undefined) throw conflict(key);
      }),
    scan,
    // An empty folder may be the mount point of a missing volume, but every store contains its own id.
    exists: (signal) => guarded(signal, async () => (await files.list(join(root, 'meta'))) !== undefined),
    check: (signal) => guarded(signal, () => checkFolder(root, world)),
    tidy: (signal) => guarded(signal, () => tidyFolders(root, world, signal)),
  };
}
