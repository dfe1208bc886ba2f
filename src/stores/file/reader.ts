import { join } from 'node:path';
import { type CertfleetError, fail, reasonOf } from '../../core/errors/errors.ts';
import type { Files } from '../../ports/files.ts';
import type { Entry, Key, Kind, Listing } from '../../ports/store.ts';
import { decodeStored, type StoredDocument } from './document.ts';
import {
  groupByStem,
  isHashed,
  isShard,
  latestByStem,
  longestMarker,
  numbersOf,
  type Place,
  pathOf,
  stemOf,
} from './layout.ts';
import type { Trust } from './trust.ts';
import { type createGuard, refused } from './unusable.ts';

/** How often other processes may replace a document between listing and reading it; ten in a row mean another fault. */
export const maxRereads = 10;

/** What makes one file unreadable, and says nothing of the others: another thing in its place, or a bad block. */
const badFile: ReadonlySet<unknown> = new Set(['EISDIR', 'EFTYPE', 'EFBIG', 'EIO']);

/** A revision that was read: what a write is built on. */
export interface Current {
  readonly number: number;
  readonly document: StoredDocument;
}

/** What looks into the folders of a file store, and changes nothing. */
export function createReader(root: string, files: Files, trust: Trust, guarded: ReturnType<typeof createGuard>) {
  const corrupt = (key: Key, path: string, reason: string, numbers: readonly number[]): CertfleetError => {
    const number = Number(path.slice(path.lastIndexOf('@') + 1));
    // Only reported, never used: an older lineage has forgotten its order and would buy a second certificate.
    const older = numbers.filter((other) => other < number).at(-1);
    const beside =
      older === undefined ? '' : ` (the previous revision still exists: ${path.replace(/\d+$/, '')}${older})`;
    return fail('store/corrupt', { key: `${key.kind}/${key.name}`, reason, file: `${path}${beside}` });
  };

  /** The document in a file, or why there is none; undefined if the file is gone. */
  async function decoded(path: string): Promise<StoredDocument | string | undefined> {
    try {
      const file = await files.read(path, trust.file);
      return file && decodeStored(file);
    } catch (error) {
      if (badFile.has((error as NodeJS.ErrnoException).code)) return reasonOf(error);
      throw error;
    }
  }

  /** The document of one number, or why it cannot be trusted; undefined if the file is gone. */
  async function readFile(path: string, number: number): Promise<StoredDocument | string | undefined> {
    const document = await decoded(path);
    if (document === undefined) return undefined;
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
    if (document.name !== key.name) throw corrupt(key, path, ofAnother(key.kind, document), numbers);
    return document;
  }

  const ofAnother = (kind: Kind, { name }: StoredDocument): string =>
    `it belongs to ${kind}/${name} (a copied file, or a file system that ignores case?)`;

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

  async function entryOf(kind: Kind, place: Place, listed: readonly number[]): Promise<Entry | undefined> {
    let numbers = listed;
    for (let tries = 0; tries < maxRereads; tries += 1) {
      const number = numbers.at(-1);
      if (number === undefined) return undefined;
      const document = await readFile(pathOf(place, number), number);
      if (document !== undefined) return toEntry(kind, place, numbers, document);
      // Replaced since the listing. A scan may miss what changes meanwhile, but not what exists all the time.
      numbers = numbersOf(place.stem, (await files.list(place.folder)) ?? []);
    }
    return toEntry(kind, place, numbers, 'it is listed but cannot be read');
  }

  function toEntry(kind: Kind, place: Place, numbers: readonly number[], document: StoredDocument | string) {
    const number = numbers.at(-1) ?? 0;
    const damage =
      typeof document === 'string' || stemOf(document.name) === place.stem ? document : ofAnother(kind, document);
    if (typeof damage === 'string') {
      // The document cannot be read, and so neither its name: use the name of the file.
      const key = { kind, name: place.stem };
      const error = corrupt(key, pathOf(place, number), damage, numbers);
      return { key, revision: `${number}-`, bytes: new Uint8Array(), corrupt: error };
    }
    const { state, name, nonce, bytes } = damage;
    return state === 'deleted' ? undefined : { key: { kind, name }, revision: `${number}-${nonce}`, bytes };
  }

  async function entriesOf(kind: Kind, folder: string): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    await trust.folder(folder);
    for (const [stem, numbers] of groupByStem((await files.list(folder)) ?? [])) {
      const place = { folder, stem };
      const number = numbers.at(-1) ?? 0;
      // Of thousands of documents, nearly all are whole: two asynchronous calls less for each save a tenth of a scan.
      const document = await decoded(pathOf(place, number));
      const isWhole = typeof document === 'object' && document.number === number;
      const entry = isWhole ? toEntry(kind, place, numbers, document) : await entryOf(kind, place, numbers);
      if (entry) entries.push(entry);
    }
    return entries;
  }

  /** A page is one shard. */
  async function* scan(kind: Kind, signal: AbortSignal): AsyncIterable<readonly Entry[]> {
    for (const shard of await guarded(signal, async () => (await files.list(join(root, kind))) ?? [])) {
      if (!isShard(shard)) continue;
      const page = await guarded(signal, () => entriesOf(kind, join(root, kind, shard)));
      if (page.length > 0) yield page;
    }
  }

  /** Whether the latest revision is a document; one after the first may be a deletion marker. */
  async function isLive(place: Place, number: number): Promise<boolean> {
    const path = pathOf(place, number);
    if (!isHashed(place) && ((await files.stat(path))?.size ?? 0) > longestMarker) return true;
    const document = await readFile(path, number);
    return typeof document === 'string' || document?.state === 'live';
  }

  async function list(kind: Kind, signal: AbortSignal): Promise<Listing> {
    const stems = new Set<string>();
    for (const shard of await guarded(signal, async () => (await files.list(join(root, kind))) ?? [])) {
      if (!isShard(shard)) continue;
      await guarded(signal, async () => {
        const folder = join(root, kind, shard);
        await trust.folder(folder);
        for (const [stem, number] of latestByStem((await files.list(folder)) ?? []))
          if (number === 1 || (await isLive({ folder, stem }, number))) stems.add(stem);
      });
    }
    return {
      // Nearly all names are their own stems, and those that look like a digest are not.
      has: (name) => (!isHashed({ stem: name }) && stems.has(name)) || stems.has(stemOf(name)),
      names: [...stems].filter((stem) => !isHashed({ stem })),
    };
  }

  return { decoded, readFile, read, current, scan, list };
}
