import { join } from 'node:path';
import type { Files } from '../../ports/files.ts';

/** Returns the names in a folder; none if the folder does not exist, or if this user may not read it. */
export const namesIn = async (files: Files, folder: string): Promise<readonly string[]> =>
  (await unlessUnreadable(files.list(folder))) ?? [];

/** Returns a file, or the files in a folder, as text. */
export async function filesAt(
  files: Files,
  path: string,
): Promise<readonly { readonly path: string; readonly text: string }[]> {
  const names = await unlessUnreadable(files.list(path));
  const paths = names ? names.map((name) => join(path, name)) : [path];
  const found = await Promise.all(paths.map((one) => unlessUnreadable(files.read(one, { named: true }))));
  return found.flatMap((bytes, index) =>
    bytes ? [{ path: paths[index]!, text: new TextDecoder().decode(bytes) }] : [],
  );
}

/** Ignores what this user may not read. */
const unlessUnreadable = <T>(reading: Promise<T>): Promise<T | undefined> => reading.catch(() => undefined);
