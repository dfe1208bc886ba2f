import { join } from 'node:path';
import { type CertfleetError, fail, reasonOf } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Files } from '../../ports/files.ts';
import type { Entry, IsKnown, Key, Kind, Listing } from '../../ports/store.ts';
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

/**
 * How many times other processes may replace a document between listing and reading it. After ten in a row, the cause
 * is a different fault.
 */
export const maxRereads = 10;

/** Errors that make one file unreadable, but say nothing about others: another object in its place, or a bad block. */
const badFile: ReadonlySet<unknown> = new Set(['EISDIR', 'EFTYPE', 'EFBIG', 'EIO']);

/** File systems count time in steps of up to two seconds. */
const settledMs = 2_000;

/** How many documents a page of a scan has at most. What is read of a page lives until it is done with. */
const pageSize = 32;

/** A revision that was read, and that a write can be based on. */
export interface Current {
  readonly number: number;
  readonly document: StoredDocument;
}

/** Creates the functions that read the folders of a file store and change nothing. */
export function createReader(
  root: string,
  { files, clock }: { readonly files: Files; readonly clock: Pick<Clock, 'now'> },
  trust: Trust,
  guarded: ReturnType<typeof createGuard>,
) {
  const corrupt = (key: Key, path: string, reason: string, numbers: readonly number[]): CertfleetError => {
    const number = Number(path.slice(path.lastIndexOf('@') + 1));
    // Only reported, never used: an older lineage does not record its latest order, and would buy a second certificate.
    const older = numbers.filter((other) => other < number).at(-1);
    const beside =
      older === undefined ? '' : ` (the previous revision still exists: ${path.replace(/\d+$/, '')}${older})`;
    return fail('store/corrupt', { key: `${key.kind}/${key.name}`, reason, file: `${path}${beside}` });
  };

  /** Returns the document in a file, or the reason why there is none, or undefined if the file is gone. */
  async function decoded(path: string): Promise<StoredDocument | string | undefined> {
    try {
      const file = await files.read(path, trust.file);
      return file && decodeStored(file);
    } catch (error) {
      if (badFile.has((error as NodeJS.ErrnoException).code)) return reasonOf(error);
      throw error;
    }
  }

  /** Returns the document with a number, or the reason why it cannot be trusted, or undefined if the file is gone. */
  async function readFile(path: string, number: number): Promise<StoredDocument | string | undefined> {
    const document = await decoded(path);
    if (document === undefined) return undefined;
    if (typeof document !== 'string' && document.number === number) return document;
    // A writer may have renamed the file during the read, and begun to overwrite it.
    if (!(await files.stat(path))) return undefined;
    return typeof document === 'string' ? document : `it contains revision ${document.number}`;
  }

  /**
   * Returns the document with a number, or undefined if the file is gone. Fails with `store/corrupt` if it cannot be
   * trusted.
   */
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
      // Replaced since the listing. A scan may miss documents that change meanwhile, but not those that exist
      // throughout.
      numbers = numbersOf(place.stem, (await files.list(place.folder)) ?? []);
    }
    return toEntry(kind, place, numbers, 'it is listed but cannot be read');
  }

  function toEntry(kind: Kind, place: Place, numbers: readonly number[], document: StoredDocument | string) {
    const number = numbers.at(-1) ?? 0;
    const damage =
      typeof document === 'string' || stemOf(document.name) === place.stem ? document : ofAnother(kind, document);
    if (typeof damage === 'string') {
      // The document cannot be read, and neither can its name, so this uses the file's name.
      const key = { kind, name: place.stem };
      const error = corrupt(key, pathOf(place, number), damage, numbers);
      return { key, revision: `${number}-`, bytes: new Uint8Array(), corrupt: error };
    }
    const { state, name, nonce, bytes } = damage;
    return state === 'deleted' ? undefined : { key: { kind, name }, revision: `${number}-${nonce}`, bytes };
  }

  /**
   * Returns what changes with a file's content, name, owner and mode, or undefined if the file has just changed: the
   * clock of a file system stands still for some milliseconds, so a second change may not show.
   */
  async function stampOf(path: string, number: number): Promise<string | undefined> {
    const stat = await files.stat(path);
    if (!stat || stat.changedMs > clock.now().getTime() - settledMs) return undefined;
    return `${number} ${stat.size} ${stat.changedMs}`;
  }

  type Listed = readonly [stem: string, numbers: readonly number[]];

  async function listedIn(folder: string): Promise<readonly Listed[]> {
    await trust.folder(folder);
    return [...groupByStem((await files.list(folder)) ?? [])];
  }

  async function entriesOf(
    { kind, folder, listed }: { readonly kind: Kind; readonly folder: string; readonly listed: readonly Listed[] },
    isKnown: IsKnown | undefined,
  ): Promise<readonly Entry[]> {
    const entries: Entry[] = [];
    for (const [stem, numbers] of listed) {
      const place = { folder, stem };
      const number = numbers.at(-1) ?? 0;
      // The stamp comes first, so that it is too old rather than too young for the content.
      const stamp = isKnown && !isHashed(place) ? await stampOf(pathOf(place, number), number) : undefined;
      if (stamp !== undefined && isKnown?.(stem, stamp)) continue;
      // Nearly all of thousands of documents are intact. Two asynchronous calls less for each save a tenth of a scan.
      const document = await decoded(pathOf(place, number));
      const isWhole = typeof document === 'object' && document.number === number;
      const entry = isWhole ? toEntry(kind, place, numbers, document) : await entryOf(kind, place, numbers);
      if (entry) entries.push(stamp === undefined ? entry : { ...entry, stamp });
    }
    return entries;
  }

  async function* scan(kind: Kind, signal: AbortSignal, isKnown?: IsKnown): AsyncIterable<readonly Entry[]> {
    for (const shard of await guarded(signal, async () => (await files.list(join(root, kind))) ?? [])) {
      if (!isShard(shard)) continue;
      const folder = join(root, kind, shard);
      const all = await guarded(signal, () => listedIn(folder));
      for (let from = 0; from < all.length; from += pageSize) {
        const listed = all.slice(from, from + pageSize);
        const page = await guarded(signal, () => entriesOf({ kind, folder, listed }, isKnown));
        if (page.length > 0) yield page;
      }
    }
  }

  /** Reports whether the latest revision is a document. Any but the first may be a deletion marker. */
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
      // Nearly all names are their own stems. A name that looks like a digest is not.
      has: (name) => (!isHashed({ stem: name }) && stems.has(name)) || stems.has(stemOf(name)),
      names: [...stems].filter((stem) => !isHashed({ stem })),
    };
  }

  return { decoded, readFile, read, current, entryOf, scan, list };
}
