import { join } from 'node:path';
import { isTemporaryName, writerOf } from '../../lib/files/files.ts';
import type { FileStat, FilesWithin } from '../../ports/files.ts';
import type { World } from '../../ports/world.ts';

/** A write takes milliseconds, so an older temporary file is a leftover. */
const oldMs = 60_000;

/**
 * Removes the temporary files in a folder that a killed process of this user left behind: the writer is gone, or the
 * file is old. The writer may live in another container, so a write that finds its temporary file removed MUST be
 * repeated.
 */
export async function removeLeftTemporaries(
  inside: Pick<FilesWithin, 'list' | 'stat' | 'remove' | 'uid'>,
  folder: string,
  { processes, clock }: Pick<World, 'processes' | 'clock'>,
  isOurs: (stat: FileStat) => boolean = () => true,
): Promise<void> {
  for (const name of ((await inside.list(folder)) ?? []).filter(isTemporaryName)) {
    const path = join(folder, name);
    const stat = await inside.stat(path);
    if (stat?.kind !== 'file' || stat.uid !== inside.uid || !isOurs(stat)) continue;
    const writer = writerOf(name);
    const isGone = writer && processes.look({ ...processes.self(), ...writer }) === 'dead';
    if (isGone || clock.now().getTime() - stat.modifiedMs > oldMs) await inside.remove(path);
  }
}
