import type { FilesWithin } from '../ports/files.ts';
import type { World } from '../ports/world.ts';
import type { EffectWatch } from '../testing/balancer-contract.ts';

/** Makes a change between the two calls of a watch. */
export async function watched<T>(watch: EffectWatch | undefined, change: () => Promise<T>): Promise<T> {
  watch?.('before');
  const result = await change();
  watch?.('after');
  return result;
}

/** Returns the files of a world, with watched changes. */
export function watchedFiles(files: World['files'], watch: EffectWatch | undefined): World['files'] {
  const inside = (real: FilesWithin): FilesWithin => ({
    ...real,
    replace: (path, content, attributes) => watched(watch, () => real.replace(path, content, attributes)),
  });
  return { ...files, within: (folder, guard, work) => files.within(folder, guard, (real) => work(inside(real))) };
}
