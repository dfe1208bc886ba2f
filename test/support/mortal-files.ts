import type { Files } from '../../src/ports/files.ts';
import type { MemoryFiles } from './memory-files.ts';

/** The reason why every call fails after the kill. */
export class Killed extends Error {}

/**
 * Files of a process that is killed before its n-th change. A draft over a spare file has three: the new name, half of
 * the new content, all of it.
 */
export function mortalFiles(
  disk: MemoryFiles,
  killAt: number,
): { readonly files: Files; readonly changes: () => number } {
  let changes = 0;
  const alive = () => {
    if (changes >= killAt) throw new Killed('killed');
  };
  const change = () => {
    alive();
    changes += 1;
  };
  const changing = ['replace', 'makeFolders', 'remove', 'removeFolderIfEmpty', 'link'] as const;
  const reading = ['read', 'stat', 'list', 'untrusted', 'syncFolder', 'space'] as const;
  const wrapped = (names: readonly (keyof Files)[], before: () => void) =>
    names.map((name) => [
      name,
      async (...args: readonly unknown[]) => {
        before();
        return (disk[name] as (...args: readonly unknown[]) => unknown)(...args);
      },
    ]);
  const files = {
    ...disk,
    ...Object.fromEntries([...wrapped(changing, change), ...wrapped(reading, alive)]),
    draft: async (folder, content, attributes, spare) => {
      change();
      const old = spare === undefined ? undefined : await disk.read(spare);
      if (spare === undefined || old === undefined) return disk.draft(folder, content, attributes);
      const path = await disk.draft(folder, old, attributes, spare);
      const half = Buffer.from(content).subarray(0, Math.floor(content.length / 2));
      for (const now of [Buffer.concat([half, old.subarray(half.length)]), content]) {
        change();
        await disk.replace(path, now, attributes);
      }
      return path;
    },
  } as Files;
  return { files, changes: () => changes };
}
