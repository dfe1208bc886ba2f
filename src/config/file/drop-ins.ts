import { join, parse } from 'node:path';
import type { Files } from '../../ports/files.ts';

/** Returns the folder beside a configuration whose files belong to it: `certfleet.d` for `certfleet.yaml`. */
export function dropInFolder(file: string): string {
  const { dir, name } = parse(file);
  return join(dir, `${name}.d`);
}

/** Returns the files in that folder that belong to the configuration, in the order of their names. */
export const dropInFiles = (files: Pick<Files, 'list'>, file: string): Promise<readonly string[]> =>
  filesThere(files, file, '.yaml');

/** Returns the files that someone probably believes to belong to it. */
export const misnamedDropIns = (files: Pick<Files, 'list'>, file: string): Promise<readonly string[]> =>
  filesThere(files, file, '.yml');

async function filesThere(files: Pick<Files, 'list'>, file: string, ending: string): Promise<readonly string[]> {
  const folder = dropInFolder(file);
  if (folder === file) return [];
  const names = (await files.list(folder)) ?? [];
  // Editors and mounted volumes keep hidden files there.
  return [...names]
    .filter((name) => name.endsWith(ending) && !name.startsWith('.'))
    .sort()
    .map((name) => join(folder, name));
}
