import { join } from 'node:path';
import { isTemporaryName, writerOf } from '../../lib/files/files.ts';
import type { FileStat, FilesWithin } from '../../ports/files.ts';
import type { World } from '../../ports/world.ts';

/** A write takes milliseconds, so an older temporary file is a leftover. */
const oldMs = 60_000;

export type LeftWorld = Pick<World, 'processes' | 'clock'>;

/**
 * Removes the temporary files and links in a folder that a killed process of this user left behind: the writer is gone,
 * or it is unknown (it ran in another container, or before the machine booted) and the file is old. Files of a living
 * process stay.
 */
export async function removeLeftTemporaries(
  inside: Pick<FilesWithin, 'list' | 'stat' | 'remove' | 'uid'>,
  folder: string,
  { processes, clock }: LeftWorld,
  isOurs: (stat: FileStat) => boolean = () => true,
): Promise<void> {
  for (const name of ((await inside.list(folder)) ?? []).filter(isTemporaryName)) {
    const path = join(folder, name);
    const stat = await inside.stat(path);
    if (stat?.kind !== 'file' && stat?.kind !== 'symlink') continue;
    if (stat.uid !== inside.uid || !isOurs(stat)) continue;
    const writer = writerOf(name, processes.self());
    const state = writer ? processes.look(writer) : 'unknown';
    const isOld = clock.now().getTime() - stat.modifiedMs > oldMs;
    if (state === 'dead' || (state === 'unknown' && isOld)) await inside.remove(path);
  }
}
