import type { World } from '../../ports/world.ts';
import { timerMark } from './files.ts';

/** Returns the text of a file, if it exists. */
export async function textAt(path: string, { files }: World): Promise<string | undefined> {
  const bytes = await files.read(path, { named: true });
  return bytes && new TextDecoder().decode(bytes);
}

/** Reports whether `install-timer` wrote a file. */
export async function ownership(path: string, world: World): Promise<'ours' | 'foreign' | 'absent'> {
  const text = await textAt(path, world);
  return text === undefined ? 'absent' : text.startsWith(timerMark) ? 'ours' : 'foreign';
}

/** Returns those of the files that `install-timer` wrote. */
export async function ours(paths: readonly string[], world: World): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of paths) if ((await ownership(path, world)) === 'ours') found.push(path);
  return found;
}
