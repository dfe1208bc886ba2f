import { join } from 'node:path';
import { isTemporaryName } from '../../lib/files.ts';
import type { Key, Kind, Scrubbed } from '../../ports/store.ts';
import type { World } from '../../ports/world.ts';
import { decodeStored, type StoredDocument } from './document.ts';
import { groupByStem, isShard, type Place, pathOf } from './layout.ts';
import type { Trust } from './trust.ts';

/** A write takes milliseconds; a file that is torn for longer was left by a killed process. */
const tornMs = 10_000;

/**
 * Removes earlier revisions and temporary files whose content must not stay. A revision below the current one is removed
 * only if the current one has a single name, as in decision 0013: its writer has looked for what is below. Nobody needs
 * what is below a deletion marker.
 *
 * A temporary file may belong to a writer that is alive. That writer gets `store/conflict`, and reads again.
 */
export async function scrubKind(
  root: string,
  kind: Kind,
  mayStay: (key: Key, bytes: Uint8Array) => boolean,
  {
    files,
    clock,
    trust,
    signal,
  }: Pick<World, 'files' | 'clock'> & { readonly trust: Trust; readonly signal: AbortSignal },
): Promise<Scrubbed> {
  const blocked: Key[] = [];
  let isTorn = false;

  const read = async (path: string): Promise<StoredDocument | string | undefined> => {
    const file = await files.read(path, trust.file);
    return file && file.length > 0 ? decodeStored(file) : undefined;
  };
  const isAllowed = (found: StoredDocument | string): boolean =>
    typeof found === 'object' && (found.state === 'deleted' || mayStay({ kind, name: found.name }, found.bytes));

  async function scrubTemporary(path: string): Promise<boolean> {
    const found = await read(path);
    if (found === undefined || isAllowed(found)) return false;
    const stat = typeof found === 'string' ? await files.stat(path) : undefined;
    if (stat && clock.now().getTime() - Math.max(stat.modifiedMs, stat.changedMs) < tornMs) {
      isTorn = true;
      return false;
    }
    await files.remove(path);
    return true;
  }

  async function scrubDocument(place: Place, numbers: readonly number[]): Promise<boolean> {
    const earlier = numbers.slice(0, -1);
    const found = await Promise.all(earlier.map((number) => read(pathOf(place, number))));
    if (found.every((one) => one === undefined || isAllowed(one))) return false;
    const current = pathOf(place, numbers.at(-1) ?? 0);
    const document = await read(current);
    // It is gone by now, or damaged; then a person may need what is below.
    if (typeof document !== 'object') {
      isTorn = true;
      return false;
    }
    if (document.state === 'live' && (await files.stat(current))?.links !== 1) {
      blocked.push({ kind, name: document.name });
      return false;
    }
    for (const number of earlier) await files.remove(pathOf(place, number));
    return true;
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
    if (isChanged) await files.syncFolder(folder);
  }
  return { blocked, isTorn };
}
