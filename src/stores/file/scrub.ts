import { join } from 'node:path';
import { isTemporaryName } from '../../lib/files/files.ts';
import type { Key, Kind, Scrubbed } from '../../ports/store.ts';
import type { World } from '../../ports/world.ts';
import { decodeStored, type StoredDocument } from './document.ts';
import { groupByStem, isShard, type Place, pathOf } from './layout.ts';
import type { Current } from './reader.ts';
import type { Trust } from './trust.ts';
import { fileMode } from './upkeep.ts';

const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException).code === 'ENOENT';

/** A write takes milliseconds, so an older temporary file was left by a killed process. */
const leftMs = 60_000;

interface Scrubbing extends Pick<World, 'files' | 'clock'> {
  readonly trust: Trust;
  readonly signal: AbortSignal;
  /** Writes a deletion marker again. Returns false if another process was faster. */
  readonly markAgain: (key: Key, place: Place, current: Current) => Promise<boolean>;
}

/**
 * Removes earlier revisions and temporary files whose content must not stay. Removes a revision below the current one
 * only if the current one has a single name, as in decision 0013, because then its writer has checked the files below
 * it. Otherwise, writes the current one again, and its writer finds that the next revision is based on its own.
 */
export async function scrubKind(
  root: string,
  kind: Kind,
  mayStay: (key: Key, bytes: Uint8Array) => boolean,
  { files, clock, trust, signal, markAgain }: Scrubbing,
): Promise<Scrubbed> {
  const blocked: Key[] = [];
  let isTorn = false;

  const read = async (path: string): Promise<StoredDocument | string | undefined> => {
    const file = await files.read(path, trust.file);
    return file && file.length > 0 ? decodeStored(file) : undefined;
  };
  const isAllowed = (found: StoredDocument | string): boolean =>
    typeof found === 'object' && (found.state === 'deleted' || mayStay({ kind, name: found.name }, found.bytes));

  /** Syncs a folder, unless another process has removed it because it was empty. */
  const syncIfThere = (folder: string): Promise<void> =>
    files.syncFolder(folder).catch((error: unknown) => {
      if (!isMissing(error)) throw error;
    });

  /** Removes a temporary file unless its writer is alive, because a writer relies on its file (decision 0019). */
  async function scrubTemporary(path: string): Promise<boolean> {
    const found = await read(path);
    if (found === undefined || isAllowed(found)) return false;
    const stat = await files.stat(path);
    if (!stat) return false;
    if (clock.now().getTime() - Math.max(stat.modifiedMs, stat.changedMs) < leftMs) {
      isTorn = true;
      return false;
    }
    await files.remove(path);
    return true;
  }

  /**
   * Runs a step while no deletion marker of the folder can be buried, because a temporary file is in it. So numbers do not
   * start over, and a listed number is not another document's. Returns false if the folder is gone.
   */
  async function whileKept(folder: string, step: () => Promise<boolean>): Promise<boolean> {
    let temporary: string;
    try {
      temporary = await files.draft(folder, '', fileMode);
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
    try {
      return await step();
    } finally {
      await files.remove(temporary);
    }
  }

  async function scrubDocument(place: Place, numbers: readonly number[]): Promise<boolean> {
    const earlier = numbers.slice(0, -1);
    const found = await Promise.all(earlier.map((number) => read(pathOf(place, number))));
    if (found.every((one) => one === undefined || isAllowed(one))) return false;
    const current = pathOf(place, numbers.at(-1) ?? 0);
    const document = await read(current);
    // The file is gone by now, or damaged. In the latter case, a person may need the revision below it.
    if (typeof document !== 'object') {
      isTorn = true;
      return false;
    }
    if ((await files.stat(current))?.links !== 1) {
      const key = { kind, name: document.name };
      if (document.state === 'live') blocked.push(key);
      else if (!(await markAgain(key, place, { number: document.number, document }))) isTorn = true;
      return false;
    }
    const isUnchanged = await whileKept(place.folder, async () => {
      const again = await read(current);
      if (typeof again !== 'object' || again.nonce !== document.nonce) return false;
      for (const number of earlier) await files.remove(pathOf(place, number));
      return true;
    });
    if (!isUnchanged) isTorn = true;
    return isUnchanged;
  }

  for (const shard of (await files.list(join(root, kind))) ?? []) {
    if (!isShard(shard)) continue;
    signal.throwIfAborted();
    const folder = join(root, kind, shard);
    await trust.folder(folder);
    const names = (await files.list(folder)) ?? [];
    let isChanged = false;
    for (const name of names.filter(isTemporaryName))
      isChanged = (await scrubTemporary(join(folder, name))) || isChanged;
    for (const [stem, numbers] of groupByStem(names))
      isChanged = (await scrubDocument({ folder, stem }, numbers)) || isChanged;
    if (isChanged) await syncIfThere(folder);
  }
  return { blocked, isTorn };
}
