import { join } from 'node:path';
import { toBase64url } from '../../core/text/encoding.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { isTemporaryName } from '../../lib/files/files.ts';
import type { FileStat } from '../../ports/files.ts';
import type { Kind } from '../../ports/store.ts';
import type { World } from '../../ports/world.ts';
import { decodeStored } from './document.ts';
import { groupByStem, isHashed, isShard, longestMarker, numbersOf, type Place, pathOf } from './layout.ts';
import type { Trust } from './trust.ts';
import { refused } from './unusable.ts';

/** The folder contains secrets, so only its owner may enter it. */
export const fileMode = { mode: 0o600 } as const;
export const folderMode = 0o700;

/**
 * The minimum free space for an order. A certificate takes about 100 KiB while it is issued (eleven writes of a 4 KiB
 * block, some twice for a moment), so 16 MiB is enough for 100 at the same time. It is not a percentage, because five
 * percent of a large disk is plenty.
 */
const minFreeMiB = 16;

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/**
 * How long a deletion marker stays. A writer that was stopped for longer is considered dead. Markers of names that are
 * used once (a random ID, a CA's token) would accumulate. An hour is enough for these, because a late write could only
 * restore a document that no lineage names any longer.
 */
const markerMs = {
  key: hourMs,
  version: hourMs,
  token: hourMs,
  access: dayMs,
  account: dayMs,
  alarm: dayMs,
  audit: dayMs,
  credential: dayMs,
  declared: dayMs,
  history: dayMs,
  ledger: dayMs,
  lineage: dayMs,
  lock: dayMs,
  login: dayMs,
  meta: dayMs,
  replica: dayMs,
  session: dayMs,
  user: dayMs,
} as const satisfies Record<Kind, number>;

/** Reports whether names of this kind are used once, so that their deletion markers may be removed early. */
export const isUsedOnce = (kind: Kind): boolean => markerMs[kind] === hourMs;
/** No write takes an hour, so older files were left by a crash. */
const temporaryMs = hourMs;
/** Tidying reads every old document, so it is done rarely. */
const tidyEveryMs = hourMs;

/**
 * Reports whether a new store may already contain this name: an empty file system has `lost+found`, and a restore may
 * have been killed.
 */
const isOfStore = (name: string): boolean =>
  Object.hasOwn(markerMs, name) ||
  name === 'lost+found' ||
  name === '.tidied' ||
  name === 'deployed' ||
  isTemporaryName(name);

/**
 * Refuses a folder with other files, so that a mistyped path does not put a store into a folder for another purpose.
 */
export async function checkUnused(root: string, files: World['files']): Promise<void> {
  const names = (await files.list(root)) ?? [];
  const other = names.includes('meta') ? undefined : names.find((name) => !isOfStore(name));
  if (other === undefined) return;
  throw refused(
    root,
    `there is no store in this folder, and it is not empty (${other})`,
    `Name a new folder, such as ${shellWord(join(root, 'certfleet'))}, or an empty one.`,
  );
}

/** Checks that the folder can be a store, and creates it if it does not exist. */
export async function checkFolder(root: string, { files, random }: World, trust: Trust): Promise<void> {
  await files.makeFolders(root, folderMode);
  // Checked again now that the folder exists, because another process may have created it.
  await trust.folder(root);
  const { free, total } = await files.space(root);
  // Some FUSE file systems report a size of zero because they do not know it. Then the write below decides.
  if (total > 0 && free < minFreeMiB * 1024 * 1024) {
    const mib = (free / 1024 / 1024).toFixed(1);
    const advice = 'Free some space on this file system. Nothing in the store is lost.';
    throw refused(root, `the disk is full: ${mib} MiB are free, but ${minFreeMiB} MiB are needed`, advice);
  }
  await checkUnused(root, files);
  const content = `certfleet ${toBase64url(random.bytes(6))}\n`;
  const temporary = await files.draft(root, content, fileMode);
  const second = temporary.replace(/\.tmp$/, '-check.tmp');
  try {
    const linked = await files.link(temporary, second);
    const again = await files.link(temporary, second);
    const back = await files.read(second);
    if (!linked || again || !back || Buffer.from(back).toString() !== content) {
      const advice = 'Use a local file system such as ext4, xfs or btrfs, or NFS.';
      throw refused(root, 'its file system does not keep the data that is written to it', advice);
    }
  } finally {
    await files.remove(second);
    await files.remove(temporary);
  }
}

/**
 * Removes a deletion marker once no process can be writing the document, and the folder if it is empty. A writer has a
 * temporary file in the folder from before it checks its base until its very end. If there is none, every writer has
 * either ended, or will check its base and find it gone.
 */
export async function bury(place: Place, number: number, { files }: World): Promise<void> {
  const names = (await files.list(place.folder)) ?? [];
  if (names.some(isTemporaryName) || numbersOf(place.stem, names).at(-1) !== number) return;
  await files.remove(pathOf(place, number));
  await files.removeFolderIfEmpty(place.folder);
}

/**
 * Removes old deletion markers, empty folders and files that crashes left. Works at most once an hour; other calls cost
 * one read.
 */
export async function tidyFolders(
  root: string,
  { files, clock }: World,
  trust: Trust,
  signal: AbortSignal,
): Promise<void> {
  // A temporary file may be a year-old revision that was renamed a moment ago to be overwritten.
  const olderThan = (stat: FileStat | undefined, ms: number): boolean =>
    stat !== undefined && clock.now().getTime() - Math.max(stat.modifiedMs, stat.changedMs) > ms;

  const tidyTemporaries = async (folder: string, names: readonly string[]): Promise<void> => {
    for (const name of names) {
      if (!isTemporaryName(name)) continue;
      const path = join(folder, name);
      if (olderThan(await files.stat(path), temporaryMs)) await files.remove(path);
    }
  };

  const isOldMarker = async (place: Place, number: number, kind: Kind): Promise<boolean> => {
    const path = pathOf(place, number);
    const stat = await files.stat(path);
    if (stat?.kind !== 'file' || !olderThan(stat, markerMs[kind])) return false;
    if (stat.size > longestMarker && !isHashed(place)) return false;
    const file = await files.read(path, trust.file);
    const document = file && decodeStored(file);
    return typeof document === 'object' && document.state === 'deleted';
  };

  const tidyFolder = async (folder: string, kind: Kind): Promise<void> => {
    await trust.folder(folder);
    const names = (await files.list(folder)) ?? [];
    await tidyTemporaries(folder, names);
    for (const [stem, numbers] of groupByStem(names)) {
      signal.throwIfAborted();
      const place = { folder, stem };
      // Lowest first, as everywhere. A crash between a link and its removals left the files below the predecessor.
      for (const number of numbers.slice(0, -2)) await files.remove(pathOf(place, number));
      if (!(await isOldMarker(place, numbers.at(-1) ?? 0, kind))) continue;
      for (const number of numbers.slice(-2)) await files.remove(pathOf(place, number));
    }
    await files.removeFolderIfEmpty(folder);
  };

  const marker = join(root, '.tidied');
  const last = await files.read(marker, trust.file);
  const age = last ? clock.now().getTime() - Date.parse(Buffer.from(last).toString()) : Number.NaN;
  // Ignores a marker from the future: the clock was set back.
  if (age >= 0 && age < tidyEveryMs) return;
  const names = await files.list(root);
  if (!names) return;
  await tidyTemporaries(root, names);
  for (const kind of Object.keys(markerMs) as Kind[]) {
    const folder = join(root, kind);
    if ((await files.stat(folder))?.kind !== 'folder') continue;
    for (const shard of (await files.list(folder)) ?? [])
      if (isShard(shard)) await tidyFolder(join(folder, shard), kind);
  }
  await files.replace(marker, clock.now().toISOString(), fileMode);
}
