import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Cache } from '../ports/cache.ts';
import type { FileAttributes, Files, FilesWithin, FolderGuard } from '../ports/files.ts';
import { codeCacheFolder } from './code-cache.ts';

/** How many files stay: there are a few for each store that is in use. */
const mostFiles = 64;

/** 200 bytes for each of 300,000 certificates. */
const maxBytes = 64 * 1024 * 1024;

const guard: FolderGuard = { owners: [], isPrivate: true, refuse: (reason) => new Error(reason) };

/**
 * Keeps a cache in a folder beside the compiled code (decision 0034). It is used only if no other user but root can
 * change the folder, the way to it, or the file.
 */
export function createCache(
  files: Pick<Files, 'read' | 'untrusted' | 'within'>,
  env: Readonly<Record<string, string | undefined>>,
): Cache {
  const parent = codeCacheFolder(env);
  const folder = parent === undefined ? undefined : join(parent, 'passes');
  return {
    async read(name) {
      try {
        if (folder === undefined || (await files.untrusted(folder))) return undefined;
        const trusted = ({ reason }: { readonly reason: string }) => new Error(reason);
        const content = await files.read(join(folder, name), { trusted, maxBytes });
        if (!content) return undefined;
        const bytes = content.subarray(4);
        return checkOf(bytes).equals(content.subarray(0, 4)) ? bytes : undefined;
      } catch {
        return undefined;
      }
    },
    async write(name, bytes) {
      if (folder === undefined || bytes.length > maxBytes - 4) return;
      try {
        await files.within(folder, guard, async (inside) => {
          await inside.makeFolders(folder, 0o700);
          await inside.replace(join(folder, name), Buffer.concat([checkOf(bytes), bytes]), attributes);
          await removeOld(inside, folder);
        });
      } catch {
        // The disk is full or read-only, or others can change the folder. The next run finds everything out again.
      }
    },
  };
}

/** Not synced, because a file that a power cut damages fails the check. */
const attributes: FileAttributes = { mode: 0o600, losable: 'all' };

/** Removes all but the newest files. */
async function removeOld(inside: FilesWithin, folder: string): Promise<void> {
  const names = (await inside.list(folder)) ?? [];
  if (names.length <= mostFiles) return;
  const paths = names.map((name) => join(folder, name));
  const found = await Promise.all(
    paths.map(async (path) => ({ path, at: (await inside.stat(path))?.modifiedMs ?? 0 })),
  );
  const oldest = found.sort((a, b) => b.at - a.at).slice(mostFiles);
  await Promise.all(oldest.map(({ path }) => inside.remove(path)));
}

function checkOf(bytes: Uint8Array): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(bytes));
  return check;
}
