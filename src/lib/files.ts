import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { FileAttributes, FileStat, Files, FolderEntry } from '../ports/files.ts';

// Small files: a synchronous read costs a third of its promise twin. What changes a folder (open for creation, unlink,
// mkdir) waits for the file system's journal whenever another order's fsync is under way, half a millisecond each on
// ext4; that and fsync run on the thread pool, so that many orders write at once.

/** The longest stretch of synchronous calls before other callbacks get a turn. Timers and sockets tolerate 10 ms. */
const maxStretchMs = 10;

const temporaryName = /^\.certfleet-[\w-]+\.tmp$/;

/** Whether a file name is one of this program's temporary files: never content, whatever is in it. */
export const isTemporaryName = (name: string): boolean => temporaryName.test(name);

const run = randomBytes(4).toString('hex');
let counter = 0;

// The pid is for people; the random part keeps containers that share a folder (and so have equal pids) apart.
const temporaryIn = (folder: string): string => join(folder, `.certfleet-${process.pid}-${run}-${++counter}.tmp`);

// Asked for once: process.umask() sets it to nothing for a moment, which a file that a thread is making then gets.
const ownerIsMasked = (process.umask() & 0o600) !== 0;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** Runs a call; answers `otherwise` for the system errors named. */
function unless<T, O>(codes: readonly string[], otherwise: O, call: () => T): T | O {
  try {
    return call();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return otherwise;
    throw error;
  }
}

// Callbacks, not fs.promises: half of the cost, and there are forty of these calls in a certificate.
const settle = (done: () => void, failed: (error: Error) => void) => (error: Error | null) =>
  error ? failed(error) : done();
const sync = (descriptor: number): Promise<void> =>
  new Promise((done, failed) => fs.fsync(descriptor, settle(done, failed)));
const unlink = (path: string): Promise<void> => new Promise((done, failed) => fs.unlink(path, settle(done, failed)));
const mkdir = (path: string, mode: number): Promise<void> =>
  new Promise((done, failed) => fs.mkdir(path, { mode }, settle(done, failed)));
const openNew = (path: string): Promise<number> =>
  new Promise((done, failed) => fs.open(path, 'wx', 0o600, (error, fd) => (error ? failed(error) : done(fd))));
const symlink = (target: string, path: string): Promise<void> =>
  new Promise((done, failed) => fs.symlink(target, path, settle(done, failed)));
const rename = (from: string, to: string): Promise<void> =>
  new Promise((done, failed) => fs.rename(from, to, settle(done, failed)));

/** False where something of that name is there. */
const unlessThere = (made: Promise<void>): Promise<boolean> =>
  made.then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === 'EEXIST') return false;
      throw error;
    },
  );

async function syncFolder(folder: string): Promise<void> {
  const descriptor = fs.openSync(folder, 'r');
  try {
    await sync(descriptor);
  } catch (error) {
    // Some network and FUSE file systems cannot fsync a folder; they have nothing better to offer either.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

// It is a temporary file, its name says so, and the error that led here is the one to tell.
const removeQuietly = (path: string): Promise<void> => unlink(path).catch(() => undefined);

function setOwner(descriptor: number, attributes: FileAttributes, before: fs.Stats | undefined): void {
  const fresh = fs.fstatSync(descriptor);
  const uid = attributes.uid ?? before?.uid ?? fresh.uid;
  const gid = attributes.gid ?? before?.gid ?? fresh.gid;
  if (uid === fresh.uid && gid === fresh.gid) return;
  try {
    fs.fchownSync(descriptor, uid, gid);
  } catch (error) {
    // Asked for by name: it is an error. Only inherited from the file before: an ordinary user cannot keep another
    // owner, and the content matters more; the file then belongs to this user.
    if (attributes.uid !== undefined || attributes.gid !== undefined || codeOf(error) !== 'EPERM') throw error;
  }
}

/**
 * Opens a file that nobody needs any more under a temporary name; undefined where it is gone, or has another name (a
 * backup made of hard links), which writing would spoil.
 *
 * ext4 looks in vain at every inode freed in the last minute before it gives out a new one: making and removing five
 * files a certificate cost a tenth of the time of a hundred certificates, and more of a thousand.
 */
async function openSpare(spare: string, path: string): Promise<number | undefined> {
  try {
    await rename(spare, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const descriptor = fs.openSync(path, 'r+');
    if (fs.fstatSync(descriptor).nlink === 1) return descriptor;
    fs.closeSync(descriptor);
  } catch {
    // Not ours to open any more: it was to go anyway.
  }
  await unlink(path);
  return undefined;
}

interface Written {
  /** The file whose owner is kept. */
  readonly before?: fs.Stats | undefined;
  /** It had another content and mode. */
  readonly again?: boolean;
}

/** Writes an open file, with its final owner and mode, fsyncs and closes it. */
async function write(
  descriptor: number,
  content: string | Uint8Array,
  attributes: FileAttributes,
  { before, again = false }: Written = {},
): Promise<void> {
  try {
    fs.writeFileSync(descriptor, content);
    if (again) fs.ftruncateSync(descriptor, Buffer.byteLength(content));
    if (before || attributes.uid !== undefined || attributes.gid !== undefined) {
      setOwner(descriptor, attributes, before);
    }
    // After chown, which clears set-id bits; by descriptor, so that the umask has no say.
    if (attributes.mode !== 0o600 || ownerIsMasked || again) fs.fchmodSync(descriptor, attributes.mode);
    if (attributes.losable !== 'all') await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Writes and fsyncs a temporary file; `before` is the file it will replace. */
async function draft(
  folder: string,
  content: string | Uint8Array,
  attributes: FileAttributes,
  { before, spare }: { readonly before?: fs.Stats | undefined; readonly spare?: string | undefined } = {},
): Promise<string> {
  const path = temporaryIn(folder);
  const again = spare === undefined ? undefined : await openSpare(spare, path);
  const descriptor = again ?? (await openNew(path));
  try {
    await write(descriptor, content, attributes, { before, again: again !== undefined });
  } catch (error) {
    await removeQuietly(path);
    throw error;
  }
  return path;
}

function link(existing: string, path: string): boolean {
  return unless(['EEXIST'], false, () => {
    fs.linkSync(existing, path);
    return true;
  });
}

async function append(path: string, lines: string): Promise<void> {
  const descriptor = fs.openSync(path, 'a', 0o644);
  try {
    const bytes = Buffer.from(lines);
    const written = fs.writeSync(descriptor, bytes);
    if (written < bytes.length) {
      // The disk is full. A part of a line would be worse than none.
      fs.ftruncateSync(descriptor, fs.fstatSync(descriptor).size - written);
      throw Object.assign(new Error(`ENOSPC: no space left on device, write ${path}`), { code: 'ENOSPC', path });
    }
    await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

const statOf = (path: string): fs.Stats | undefined =>
  unless(['ENOENT', 'ENOTDIR'], undefined, () => fs.lstatSync(path, { throwIfNoEntry: false }));

const kindOf = (stats: fs.Stats): FileStat['kind'] =>
  stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : stats.isSymbolicLink() ? 'symlink' : 'other';

/**
 * False where something of that name is there. The mode is set again, because the umask was taken off it. By
 * descriptor, and only on a folder of this user's: in a folder of somebody else (a web server's), its owner can have put
 * a symlink, or another folder, into the new one's place by now.
 */
async function makeFolder(path: string, mode: number): Promise<boolean> {
  if (!(await unlessThere(mkdir(path, mode)))) return false;
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
  const descriptor = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    if (fs.fstatSync(descriptor).uid === process.geteuid?.()) fs.fchmodSync(descriptor, mode);
  } finally {
    fs.closeSync(descriptor);
  }
  return true;
}

async function makeFolders(path: string, mode: number): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let folder = resolve(path); !fs.existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  const made: string[] = [];
  for (const folder of missing) {
    // Else another process was quicker, which is fine for a folder and caught below for anything else.
    if (!(await makeFolder(folder, mode))) continue;
    await syncFolder(dirname(folder));
    made.push(folder);
  }
  if (!fs.statSync(path).isDirectory()) {
    throw Object.assign(new Error(`ENOTDIR: not a folder, ${path}`), { code: 'ENOTDIR', syscall: 'mkdir', path });
  }
  return made;
}

async function createFolder(path: string, mode: number, entries: readonly FolderEntry[]): Promise<boolean> {
  if (fs.existsSync(path)) return false;
  await makeFolders(dirname(path), mode);
  if (!(await makeFolder(path, mode))) return false;
  // All at once: the file system then brings them to the disk together.
  const written = await Promise.allSettled(
    entries.map(async ({ name, content, attributes }) => write(await openNew(join(path, name)), content, attributes)),
  );
  for (const one of written) if (one.status === 'rejected') throw one.reason;
  await Promise.all([syncFolder(path), syncFolder(dirname(path))]);
  return true;
}

/** The real file system. */
export function createFiles(): Files {
  let stretchBegan = 0;
  // Reading thousands of documents in one go is quickest without a pause; a pause now and then keeps sockets and
  // timers alive.
  const breathe = async (): Promise<void> => {
    const now = performance.now();
    if (stretchBegan === 0) {
      stretchBegan = now;
      setImmediate(() => {
        stretchBegan = 0;
      });
    } else if (now - stretchBegan > maxStretchMs) {
      await new Promise((done) => setImmediate(done));
    }
  };

  return {
    async read(path) {
      await breathe();
      return unless(['ENOENT'], undefined, () => fs.readFileSync(path));
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
      await breathe();
      return unless(['ENOENT'], undefined, () => fs.readdirSync(folder));
    },
    async readLink(path) {
      return unless(['ENOENT', 'ENOTDIR', 'EINVAL'], undefined, () => fs.readlinkSync(path));
    },
    async replace(path, content, attributes) {
      const before = statOf(path);
      const temporary = await draft(dirname(path), content, attributes, {
        before: before?.isFile() ? before : undefined,
      });
      try {
        fs.renameSync(temporary, path);
      } catch (error) {
        await removeQuietly(temporary);
        throw error;
      }
      if (attributes.losable === undefined) await syncFolder(dirname(path));
    },
    append,
    async replaceLink(path, target) {
      if (!(await unlessThere(symlink(target, path)))) {
        const temporary = temporaryIn(dirname(path));
        await symlink(target, temporary);
        try {
          fs.renameSync(temporary, path);
        } catch (error) {
          await removeQuietly(temporary);
          throw error;
        }
      }
      await syncFolder(dirname(path));
    },
    makeFolders,
    createFolder,
    async remove(path) {
      await unlink(path).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
      });
    },
    async removeFolderIfEmpty(path) {
      // EEXIST is what some systems say for ENOTEMPTY (POSIX allows both).
      return unless(['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'], false, () => {
        fs.rmdirSync(path);
        return true;
      });
    },
    async removeTree(path) {
      await fs.promises.rm(path, { recursive: true, force: true });
    },
    draft: (folder, content, attributes, spare) => draft(folder, content, attributes, { spare }),
    async link(existing, path) {
      return link(existing, path);
    },
    syncFolder,
    async space(path) {
      const { bavail, blocks, bsize } = fs.statfsSync(path);
      return { free: bavail * bsize, total: blocks * bsize };
    },
  };
}
