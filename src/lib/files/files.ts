import fs from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { FileStat, Files, ReadOptions } from '../../ports/files.ts';
import { effectiveUid } from '../trust/effective-user.ts';
import { placeOf, type SeenFolders, untrustedOn } from '../trust/untrusted.ts';
import { codeOf, draft, makeFolder, remove, removeFolderIfEmpty, replace, syncFolder, unless } from './durable.ts';
import { isDescriptor, isOpen, readNamed, readRegular, readTrusted } from './read-file.ts';
import { createWithin } from './within.ts';

export { isTemporaryName, writerOf, writerText } from './durable.ts';

// For small files, a synchronous read costs a third of an asynchronous one. Writing is in durable.ts.

/** How long synchronous calls run before other callbacks get a turn. Timers and sockets tolerate 10 ms. */
const maxStretchMs = 10;

const statOf = (path: string): fs.Stats | undefined =>
  unless(['ENOENT', 'ENOTDIR'], undefined, () => fs.lstatSync(path, { throwIfNoEntry: false }));

const kindOf = (stats: fs.Stats): FileStat['kind'] =>
  stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'symlink' : 'other';

async function makeFolders(path: string, mode: number): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let folder = resolve(path); !fs.existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  const made: string[] = [];
  for (const folder of missing) {
    // Otherwise, another process was faster, which is fine for a folder. Anything else is caught below.
    if (!(await makeFolder(folder, mode))) continue;
    await syncFolder(dirname(folder));
    made.push(folder);
  }
  if (!fs.statSync(path).isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: not a folder, ${path}`), { code: 'ENOTDIR', syscall: 'mkdir', path });
  }
  return made;
}

/** Creates access to the real file system. */
export function createFiles(): Files {
  let stretchBegan = 0;
  // Reading thousands of documents is fastest without a pause, but sockets and timers need an occasional one.
  const needsPause = (): boolean => {
    const now = performance.now();
    if (stretchBegan !== 0) return now - stretchBegan > maxStretchMs;
    stretchBegan = now;
    setImmediate(() => {
      stretchBegan = 0;
    });
    return false;
  };
  const pause = (): Promise<void> => new Promise((done) => setImmediate(done));

  /** The content of pipes. A pipe can be read only once, but a command may read credentials from it several times. */
  const pipes = new Map<string, Promise<Uint8Array>>();
  const readOnce = (path: string, options: ReadOptions): Promise<Uint8Array> => {
    if (!fs.statSync(path).isFIFO()) return readNamed(path, options);
    const content = pipes.get(path) ?? readNamed(path, options);
    pipes.set(path, content);
    return content;
  };

  const files: Omit<Files, 'within'> = {
    async read(path, options) {
      if (needsPause()) await pause();
      try {
        const { trusted, isWayTrusted } = options ?? {};
        if (trusted && isWayTrusted && !isOpen(path)) return await readTrusted(path, { ...options, trusted });
        if (options?.named) return await (isDescriptor(path) ? readOnce : readNamed)(path, options);
        return readRegular(path, options);
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined;
        throw error;
      }
    },
    user: effectiveUid,
    async untrusted(path, below) {
      return untrustedOn(path, below);
    },
    async place(path, seen) {
      return placeOf(path, seen as SeenFolders | undefined);
    },
    async stat(path) {
      const stats = statOf(path);
      return (
        stats && {
          kind: kindOf(stats),
          size: stats.size,
          links: stats.nlink,
          mode: stats.mode & 0o7777,
          uid: stats.uid,
          gid: stats.gid,
          modifiedMs: stats.mtimeMs,
          changedMs: stats.ctimeMs,
        }
      );
    },
    async list(folder) {
      if (needsPause()) await pause();
      return unless(['ENOENT'], undefined, () => fs.readdirSync(folder));
    },
    async readLink(path) {
      return unless(['ENOENT', 'ENOTDIR', 'EINVAL'], undefined, () => fs.readlinkSync(path));
    },
    replace,
    makeFolders,
    remove,
    removeFolderIfEmpty,
    draft,
    async link(existing, path) {
      return unless(['EEXIST'], false, () => {
        fs.linkSync(existing, path);
        return true;
      });
    },
    syncFolder,
    async space(path) {
      const { bavail, blocks, bsize } = fs.statfsSync(path);
      return { free: bavail * bsize, total: blocks * bsize };
    },
  };
  return { ...files, within: createWithin(files) };
}
