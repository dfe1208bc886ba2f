import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Cache } from '../ports/cache.ts';
import type { Files } from '../ports/files.ts';
import { codeCacheFolder } from './code-cache.ts';

/** How many files stay: there is one for each store that is in use. */
const mostFiles = 16;

/** 200 bytes for each of 300,000 certificates. */
const maxBytes = 64 * 1024 * 1024;

type CacheFiles = Pick<Files, 'list' | 'makeFolders' | 'read' | 'remove' | 'replace' | 'stat' | 'untrusted'>;

/**
 * Keeps a cache in a folder beside the compiled code (decision 0034). It is used only if no other user but root can
 * change the folder, the way to it, or the file.
 */
export function createCache(files: CacheFiles, env: Readonly<Record<string, string | undefined>>): Cache {
  const parent = codeCacheFolder(env);
  const folder = parent === undefined ? undefined : join(parent, 'passes');
  const isSafe = async (path: string) => (await files.untrusted(path)) === undefined;

  /** Removes all but the newest files. */
  async function removeOld(folder: string): Promise<void> {
    const names = (await files.list(folder)) ?? [];
    if (names.length <= mostFiles) return;
    const found = await Promise.all(
      names.map(async (name) => ({ path: join(folder, name), at: (await files.stat(join(folder, name)))?.modifiedMs })),
    );
    const oldest = found.sort((a, b) => (b.at ?? 0) - (a.at ?? 0)).slice(mostFiles);
    await Promise.all(oldest.map(({ path }) => files.remove(path)));
  }

  return {
    async read(name) {
      try {
        if (folder === undefined || !(await isSafe(folder))) return undefined;
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
      try {
        if (folder === undefined || bytes.length > maxBytes - 4 || !(await isSafe(folder))) return;
        await files.makeFolders(folder, 0o700);
        if (!(await isSafe(folder))) return;
        // Not synced, because a file that a power cut damages fails the check.
        const attributes = { mode: 0o600, losable: 'all' } as const;
        await files.replace(join(folder, name), Buffer.concat([checkOf(bytes), bytes]), attributes);
        await removeOld(folder);
      } catch {
        // The disk is full or read-only. The next run finds everything out again.
      }
    },
  };
}

function checkOf(bytes: Uint8Array): Buffer {
  const check = Buffer.alloc(4);
  check.writeUInt32LE(crc32(bytes));
  return check;
}
