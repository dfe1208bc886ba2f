import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** Every file below a folder with its mode and its text, every link with where it leads. */
export async function treeOf(root: string): Promise<Record<string, string>> {
  const tree: Record<string, string> = {};
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    const name = relative(root, path);
    if (entry.isSymbolicLink()) tree[name] = `→ ${await readlink(path)}`;
    else if (entry.isFile()) tree[name] = `${(await lstat(path)).mode.toString(8)} ${await readFile(path, 'utf8')}`;
  }
  return tree;
}
