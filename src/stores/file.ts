import { join, resolve } from 'node:path';
import { createBatches } from '../core/async/batches.ts';
import { createTurns } from '../core/async/turns.ts';
import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { checkDocument } from '../core/lineage/document-limits.ts';
import { toBase64url } from '../core/text/encoding.ts';
import { defineStore, wholePath, z } from '../define.ts';
import type { Key, SetAside, Store } from '../ports/store.ts';
import type { World } from '../ports/world.ts';
import { createAnchor } from './file/anchor.ts';
import { createChanges } from './file/changes.ts';
import { encodeStored, noPredecessor, type StoredDocument } from './file/document.ts';
import { type Content, type First, writeFirsts } from './file/first-revisions.ts';
import { numbersOf, type Place, pathOf, placeOf } from './file/layout.ts';
import { type Current, createReader, maxRereads } from './file/reader.ts';
import { scrubKind } from './file/scrub.ts';
import { createTrust } from './file/trust.ts';
import { createGuard } from './file/unusable.ts';
import { bury, checkFolder, checkUnused, fileMode, folderMode, isUsedOnce, tidyFolders } from './file/upkeep.ts';

function resultOf<T>(result: PromiseSettledResult<T>): T {
  if (result.status === 'rejected') throw result.reason;
  return result.value;
}

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';
function unlessMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
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
    'Several processes may share the folder, also from several containers. The file system must support hard links and fsync, as local file systems and NFS do. To back the store up, use `certfleet backup`. Who can write it can run commands as the user that runs certfleet, so it and the folders above it must belong to that user or root, and no group or others may write them; a sticky folder above it, as `/tmp`, is allowed.',
  connect: ({ options, world }) => openFileStore(resolve(options.path), world),
});

/** How many deletion markers a process leaves at most. One that runs for months makes some with each renewal. */
const mostMarkers = 256;

/**
 * Compare-and-set without a lock: each revision is a file, a hard link takes the next number, and link(2) lets exactly
 * one process win.
 *
 * `put` on revision r: rename r-1 to be the temporary file, write and fsync it → link it to r+1 → check that r still
 * exists → fsync the folder → remove the files below r, and last the temporary name. Revisions are removed from the
 * lowest up, so if r+1 was ever removed, r was removed before it. `settle` relies on this: if r still exists, the link
 * was made in time. r-1 is renamed only if r has a single name: then r's writer has checked r-1, which is no longer
 * needed. If r has two names (its writer was killed), or there is a file below r-1, a new file is created, and the
 * files below r are removed after the link. A slow reader may find that its revision is being overwritten: the line has
 * another number, or the digest is wrong, and the name is gone.
 *
 * A first revision is not based on another one. First revisions that are created in one folder at the same time share
 * its listings and its fsync (`createAll`).
 *
 * A deletion is also a revision, the marker. Markers of names that are used once are removed early (`bury`, decision
 * 0019), and the numbers of such a name may start over. So no file of such a name is overwritten, and the nonce
 * identifies a base.
 *
 * Known flaws: (1) A process that is stopped between its link and the check, while others write twice, gets
 * `store/conflict` although its write succeeded. (2) If a process is stopped for more than a day before it writes its
 * temporary file, or briefly while it creates on a marker that is being removed, and its document is created again,
 * readers may see its revision for a moment before it withdraws the revision, and the file that it renames may be the
 * new document's. (3) A process that is killed between a late link and its removal leaves that file until the next
 * tidy. A second process that was stopped for as long could base a revision on it.
 */
function openFileStore(root: string, world: World): Store {
  const { files, random } = world;
  const trust = createTrust(root, files);
  const anchor = createAnchor(root, files, trust);
  const guarded = createGuard(root, files, async () => {
    await trust.folder(root);
    await anchor.check();
  });
  const { decoded, readFile, read, current, entryOf, scan, list } = createReader(root, world, trust, guarded);
  const changes = createChanges(root, world, trust, guarded, { entryOf });
  /** The deletion markers that this process made, and removes once there are many, or when the store is closed. */
  const markers: (readonly [Place, number])[] = [];

  const conflict = (key: Key): CertfleetError => fail('store/conflict', { key: `${key.kind}/${key.name}` });

  /** Each write has an open file, and a process may have 1,024. */
  const drafts = createTurns(64);
  /** The creations to come, by folder: those that are requested while others run are made together. */
  const creations = new Map<
    string,
    ReturnType<typeof createBatches<Content, PromiseSettledResult<string | undefined>>>
  >();
  function creating(folder: string) {
    // A moment later, so that creations that are requested together share one batch.
    const batches = creations.get(folder) ?? createBatches(createAll, () => Promise.resolve());
    creations.set(folder, batches);
    return batches;
  }

  /** Makes a folder of the store, but not the store itself if that has gone during the call. */
  async function makeFolder(folder: string): Promise<void> {
    await anchor.check();
    await files.makeFolders(folder, folderMode);
  }

  async function draft(place: Place, document: StoredDocument, spare?: string): Promise<string> {
    const content = encodeStored(document);
    for (let tries = 1; ; tries += 1) {
      try {
        if (tries > 1) await makeFolder(place.folder);
        return await files.draft(place.folder, content, fileMode, spare);
      } catch (error) {
        // Another process has just removed the folder because it was empty.
        if (!isMissing(error) || tries === maxRereads) throw error;
      }
    }
  }

  /**
   * Reports whether the writer of `base` has checked that it was in time and has ended, and returns the file below
   * `base` that can be overwritten, if nothing is left below that.
   */
  async function standing(place: Place, base: Current): Promise<{ isSettled: boolean; spare?: string }> {
    if ((await files.stat(pathOf(place, base.number)))?.links !== 1) return { isSettled: false };
    if (base.number < 2) return { isSettled: true };
    if (base.number > 2 && (await files.stat(pathOf(place, base.number - 2)))) return { isSettled: false };
    return { isSettled: true, spare: pathOf(place, base.number - 1) };
  }

  /**
   * Reports whether the base is still there, by its nonce: for a moment, a late writer's file may have the same number.
   */
  async function isStill(place: Place, base: Current): Promise<boolean> {
    const document = await readFile(pathOf(place, base.number), base.number);
    return typeof document === 'object' && document.nonce === base.document.nonce;
  }

  /** Reports whether the link to `number` was made in time, on `base`, before others had continued. */
  async function settle(
    key: Key,
    place: Place,
    base: Current | undefined,
    { number, nonce }: StoredDocument,
    { create, names }: { readonly create: boolean; readonly names: readonly string[] },
  ) {
    const numbers = numbersOf(place.stem, names);
    if (numbers.some((other) => other > number)) {
      // The next writer may have removed the base already. Its document names the revision that it was based on.
      const next = await read(key, place, number + 1, numbers);
      return { won: next?.after === nonce, numbers };
    }
    if (!base || (numbers.includes(base.number) && (await isStill(place, base)))) return { won: true, numbers };
    // The base is gone, and there is no later revision. For a new document, the base was a deletion marker, which
    // `tidy` and `bury` may remove. Then this write has won, unless another process has begun to create the document.
    return { won: create && !numbers.some((other) => other < number), numbers };
  }

  /**
   * Returns false if the number is taken, or if a tidy removed the temporary file of a writer that was stopped for an
   * hour.
   */
  async function linkDraft(temporary: string, path: string): Promise<boolean> {
    try {
      return await files.link(temporary, path);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  /** Links `document` as the revision after `base`. Returns undefined if another process was faster. */
  async function advance(key: Key, place: Place, base: Current, document: StoredDocument, create: boolean) {
    const { number, state } = document;
    const path = pathOf(place, number);
    const { isSettled, spare: below } = await standing(place, base);
    // Where numbers may start over, the file below a stale base can belong to the new document.
    const spare = isUsedOnce(key.kind) ? undefined : below;
    // If the caller named the base of an update, and the files below it are known, no listing is needed.
    const isPlain = state === 'live' && !create && isSettled && (number === 2 || spare !== undefined);
    const temporary = await draft(place, document, spare);
    try {
      // `bury` relies on this check, and on the temporary file, which stays until the end.
      if (isUsedOnce(key.kind) && !(await isStill(place, base))) return undefined;
      if (!(await linkDraft(temporary, path))) return undefined;
      const settled =
        isPlain && (await isStill(place, base))
          ? { won: true, numbers: [base.number] }
          : await settle(key, place, base, document, { create, names: await listed(place.folder) });
      if (!settled.won) {
        await files.remove(path);
        return undefined;
      }
      const removeBelow = async (keep: number) => {
        for (const other of settled.numbers) if (other < keep) await files.remove(pathOf(place, other));
      };
      // A deleted document leaves nothing, even after a power cut. Otherwise, this keeps the predecessor, in case the
      // disk damages this revision, and removes older ones only once this one is durable.
      if (state === 'deleted') await removeBelow(number);
      await files.syncFolder(place.folder);
      if (state === 'live') await removeBelow(base.number);
    } finally {
      await files.remove(temporary);
    }
    return revisionOf(document);
  }

  const listed = async (folder: string): Promise<readonly string[]> => (await files.list(folder)) ?? [];

  const following = (base: StoredDocument | undefined, { key, bytes }: Content): StoredDocument => ({
    state: 'live',
    number: (base?.number ?? 0) + 1,
    name: key.name,
    nonce: newNonce(),
    after: base?.nonce ?? noPredecessor,
    bytes,
  });

  /** Creates documents in one folder. Returns undefined for each that already exists. */
  async function createAll(
    contents: readonly Content[],
    signal: AbortSignal,
  ): Promise<readonly PromiseSettledResult<string | undefined>[]> {
    const { folder } = contents[0]!.place;
    const names = await files.list(folder);
    // Another process may remove the new folder because it is empty. Then `draft` makes it again.
    if (!names) await makeFolder(folder).catch(unlessMissing);
    const firsts = new Map<Content, First>();
    for (const one of contents)
      if (numbersOf(one.place.stem, names ?? []).length === 0)
        firsts.set(one, { ...one, document: following(undefined, one) });
    const written = writeFirsts(folder, [...firsts.values()], files, {
      draft: (place, document) => drafts.run(() => draft(place, document), signal),
      link: linkDraft,
      isInTime,
    });
    return Promise.allSettled(
      contents.map(async (one) => {
        const first = firsts.get(one);
        if (!first) return createAgain(one, signal);
        return resultOf((await written).get(first)!) ? revisionOf(first.document) : undefined;
      }),
    );
  }

  /** Creates a document on its deletion marker. */
  async function createAgain(content: Content, signal: AbortSignal): Promise<string | undefined> {
    const { key, place } = content;
    const base = await current(key, place);
    if (base?.document.state === 'live') return undefined;
    if (base) return advance(key, place, base, following(base.document, content), true);
    // The marker was removed since the listing.
    const [created] = await createAll([content], signal);
    return resultOf(created!);
  }

  /** Reports whether a first revision was linked before others had continued. */
  const isInTime = async ({ key, place, document }: First, names: readonly string[]): Promise<boolean> =>
    (await settle(key, place, undefined, document, { create: true, names })).won;

  /** Returns the revision that a caller names, if its file exists. link(2) will find any later one. */
  async function named(key: Key, place: Place, revision: string): Promise<Current | undefined> {
    const [, digits, nonce] = /^([1-9]\d{0,15})-([\w-]+)$/.exec(revision) ?? [];
    if (digits === undefined) return undefined;
    const document = await read(key, place, Number(digits), []);
    return document?.nonce === nonce && document?.state === 'live' ? { number: Number(digits), document } : undefined;
  }

  async function trustedPlace(key: Key): Promise<Place> {
    const place = placeOf(root, key);
    await trust.folder(place.folder);
    return place;
  }

  /** Writes a deletion marker on the present revision. Returns false if another process was faster. */
  async function mark(key: Key, place: Place, found: Current): Promise<boolean> {
    const marker: StoredDocument = {
      state: 'deleted',
      number: found.number + 1,
      name: key.name,
      nonce: newNonce(),
      after: found.document.nonce,
      bytes: new Uint8Array(),
    };
    return (await advance(key, place, found, marker, false)) !== undefined;
  }

  /**
   * Writes a deletion marker on a revision that cannot be read. First gives all its files a second name, which no
   * reader takes for a revision.
   */
  async function setAside(key: Key, place: Place): Promise<SetAside | undefined> {
    const numbers = numbersOf(place.stem, await listed(place.folder));
    const number = numbers.at(-1);
    if (number === undefined) return undefined;
    const damaged = pathOf(place, number);
    const found = await readFile(damaged, number);
    if (found === undefined || (typeof found === 'object' && found.name === key.name)) return undefined;
    if ((await files.stat(damaged))?.kind !== 'file')
      throw fail('store/corrupt', {
        key: `${key.kind}/${key.name}`,
        reason: 'something other than a file is in its place, so it cannot be rebuilt',
        file: damaged,
      });
    const standing = await standingBehind(key, place, numbers);
    if (standing !== undefined) {
      await files.link(damaged, `${damaged}.damaged`);
      await files.syncFolder(place.folder);
      await files.remove(damaged);
      await files.syncFolder(place.folder);
      const { modifiedMs } = (await files.stat(pathOf(place, standing)))!;
      return { kept: `${damaged}.damaged`, standing: { revision: standing, at: new Date(modifiedMs) } };
    }
    // A name that already exists is from a run that was killed here.
    for (const other of numbers)
      await files.link(pathOf(place, other), `${pathOf(place, other)}.${other === number ? 'damaged' : 'earlier'}`);
    await files.syncFolder(place.folder);
    const temporary = await draft(place, {
      state: 'deleted',
      number: number + 1,
      name: key.name,
      nonce: newNonce(),
      after: noPredecessor,
      bytes: new Uint8Array(),
    });
    try {
      if (!(await linkDraft(temporary, pathOf(place, number + 1)))) throw conflict(key);
      for (const other of numbers) await files.remove(pathOf(place, other));
      await files.syncFolder(place.folder);
    } finally {
      await files.remove(temporary);
    }
    return { kept: `${damaged}.damaged` };
  }

  /**
   * Returns the number of the latest revision if the file after it is only a copy of it, or of an earlier one, under a
   * number that was never written. A damaged file does not count: it may have been a later revision, which recorded an
   * order.
   */
  async function standingBehind(key: Key, place: Place, numbers: readonly number[]): Promise<number | undefined> {
    const [number, latest] = [numbers.at(-2), await decoded(pathOf(place, numbers.at(-1)!))];
    if (number === undefined || typeof latest !== 'object') return undefined;
    if (latest.name !== key.name || latest.number > number) return undefined;
    const document = await readFile(pathOf(place, number), number);
    const isWhole = typeof document === 'object' && document.name === key.name && document.state === 'live';
    return isWhole ? number : undefined;
  }

  const revisionOf = ({ number, nonce }: StoredDocument): string => `${number}-${nonce}`;
  const newNonce = (): string => toBase64url(random.bytes(6));

  return {
    location: root,
    deployed: join(root, 'deployed'),
    get: (key, signal) =>
      guarded(signal, async () => {
        checkDocument(key);
        const found = await current(key, await trustedPlace(key));
        if (found?.document.state !== 'live') return undefined;
        const { number, document } = found;
        return { key, revision: `${number}-${document.nonce}`, bytes: document.bytes };
      }),
    put: (key, bytes, { ifRevision, signal }) =>
      guarded(signal, async () => {
        checkDocument(key, bytes);
        const place = await trustedPlace(key);
        const content = { key, place, bytes };
        if (ifRevision === null) {
          const created = resultOf(await creating(place.folder)(content, signal));
          if (created === undefined) throw conflict(key);
          return created;
        }
        const base = await named(key, place, ifRevision);
        if (!base) throw conflict(key);
        signal.throwIfAborted();
        const revision = await advance(key, place, base, following(base.document, content), false);
        if (revision === undefined) throw conflict(key);
        return revision;
      }),
    delete: (key, { ifRevision, signal }) =>
      guarded(signal, async () => {
        checkDocument(key);
        const place = await trustedPlace(key);
        const found = await current(key, place);
        if (found?.document.state !== 'live') return;
        if (ifRevision !== `${found.number}-${found.document.nonce}`) throw conflict(key);
        signal.throwIfAborted();
        if (!(await mark(key, place, found))) throw conflict(key);
        if (!isUsedOnce(key.kind)) return;
        const [oldest] = markers.length === mostMarkers ? markers.splice(0, 1) : [];
        markers.push([place, found.number + 1]);
        if (oldest) await bury(...oldest, world);
      }),
    anchor: (key, signal) => guarded(signal, () => anchor.hold(key)),
    scan,
    changes,
    list,
    // An empty folder may be the mount point of a missing volume, but every store contains its own ID.
    exists: (signal) =>
      guarded(signal, async () => {
        // Also looks for certificates: a store that has lost `meta` is not a new one.
        for (const kind of ['meta', 'lineage']) if ((await files.list(join(root, kind))) !== undefined) return true;
        return false;
      }),
    checkUnused: (signal) => guarded(signal, () => checkUnused(root, files)),
    check: (signal) => guarded(signal, () => checkFolder(root, world, trust)),
    tidy: (signal) => guarded(signal, () => tidyFolders(root, world, trust, signal)),
    scrub: (kind, mayStay, signal) =>
      guarded(signal, () => scrubKind(root, kind, mayStay, { ...world, trust, signal, markAgain: mark })),
    setAside: (key, signal) =>
      guarded(signal, async () => {
        checkDocument(key);
        return setAside(key, await trustedPlace(key));
      }),
    async close() {
      for (const [place, number] of markers.splice(0)) await bury(place, number, world);
    },
  };
}
