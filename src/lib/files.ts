import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { FileAttributes, FileStat, Files, FolderEntry } from '../ports/files.ts';

// For small files, a synchronous read costs a third of an asynchronous one. Calls that change a folder (creation,
// unlink, mkdir) wait for ext4's journal while another order's fsync runs, about half a millisecond. These calls and
// fsync run on the thread pool, so that many orders can write at once.

/** How long synchronous calls run before other callbacks get a turn. Timers and sockets tolerate 10 ms. */
const maxStretchMs = 10;

const temporaryName = /^\.certfleet-[\w-]+\.tmp$/;

/** Whether a file name belongs to a temporary file of this program, which is never content. */
export const isTemporaryName = (name: string): boolean => temporaryName.test(name);

const run = randomBytes(4).toString('hex');
let counter = 0;

// The pid is for people; the random part distinguishes containers that share a folder and have equal pids.
const temporaryIn = (folder: string): string => join(folder, `.certfleet-${process.pid}-${run}-${++counter}.tmp`);

// Read once: process.umask() sets it to 0 for a moment, and a thread may create a file just then.
const ownerIsMasked = (process.umask() & 0o600) !== 0;

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** Runs a call and returns `otherwise` for the given system errors. */
function unless<T, O>(codes: readonly string[], otherwise: O, call: () => T): T | O {
  try {
    return call();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return otherwise;
    throw error;
  }
}

// Callbacks cost half of fs.promises, and a certificate takes forty of these calls.
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

/** Returns false if the name exists. */
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
    // Some network and FUSE file systems cannot fsync a folder, and offer nothing better.
    if (codeOf(error) !== 'EINVAL' && codeOf(error) !== 'ENOTSUP') throw error;
  } finally {
    fs.closeSync(descriptor);
  }
}

// A temporary file may stay: its name identifies it, and the first error is the one to report.
const removeQuietly = (path: string): Promise<void> => unlink(path).catch(() => undefined);

function setOwner(descriptor: number, attributes: FileAttributes, before: fs.Stats | undefined): void {
  const fresh = fs.fstatSync(descriptor);
  const uid = attributes.uid ?? before?.uid ?? fresh.uid;
  const gid = attributes.gid ?? before?.gid ?? fresh.gid;
  if (uid === fresh.uid && gid === fresh.gid) return;
  try {
    fs.fchownSync(descriptor, uid, gid);
  } catch (error) {
    // A requested owner must be set. An owner kept from the old file need not be: an ordinary user cannot set it, and
    // the content matters more.
    if (attributes.uid !== undefined || attributes.gid !== undefined || codeOf(error) !== 'EPERM') throw error;
  }
}

/**
 * Opens a file that is no longer needed, under a temporary name. Returns undefined if it is gone, or has another name:
 * it may be part of a backup made of hard links, which writing would damage.
 *
 * Before ext4 hands out a new inode it examines every inode freed in the last minute. Creating and removing five files
 * per certificate took a tenth of the time of a hundred certificates, and more of a thousand.
 */
async function openSpare(spare: string, path: string): Promise<Opened | undefined> {
  try {
    await rename(spare, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const descriptor = fs.openSync(path, 'r+');
    const had = fs.fstatSync(descriptor);
    if (had.nlink === 1) return { descriptor, had };
    fs.closeSync(descriptor);
  } catch {
    // It belongs to another user by now; it would be removed anyway.
  }
  await unlink(path);
  return undefined;
}

interface Opened {
  readonly descriptor: number;
  /** What the file was before, if it is written over. */
  readonly had?: fs.Stats;
}

/** Writes an open file, sets owner and mode, fsyncs and closes it. */
async function write(
  { descriptor, had }: Opened,
  content: string | Uint8Array,
  attributes: FileAttributes,
  before?: fs.Stats,
): Promise<void> {
  try {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    fs.writeFileSync(descriptor, bytes);
    if (had && had.size > bytes.length) fs.ftruncateSync(descriptor, bytes.length);
    if (before || attributes.uid !== undefined || attributes.gid !== undefined) {
      setOwner(descriptor, attributes, before);
    }
    // After chown, which clears set-id bits; by descriptor, so that the umask does not apply.
    const isSet = had ? (had.mode & 0o7777) === attributes.mode : attributes.mode === 0o600 && !ownerIsMasked;
    if (!isSet) fs.fchmodSync(descriptor, attributes.mode);
    if (attributes.losable !== 'all') await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Writes and fsyncs a temporary file; `before` is the file that it will replace. */
async function draft(
  folder: string,
  content: string | Uint8Array,
  attributes: FileAttributes,
  { before, spare }: { readonly before?: fs.Stats | undefined; readonly spare?: string | undefined } = {},
): Promise<string> {
  const path = temporaryIn(folder);
  const again = spare === undefined ? undefined : await openSpare(spare, path);
  const opened = again ?? { descriptor: await openNew(path) };
  try {
    await write(opened, content, attributes, before);
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
      // The disk is full, and part of a line would be worse than none.
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
 * Returns false if the name exists. Sets the mode again, because the umask was applied to it: by descriptor, and only
 * in this user's own folders, since another owner (a web server) may have replaced the new folder by a symlink.
 */
async function makeFolder(path: string, mode: number): Promise<boolean> {
  if (!(await unlessThere(mkdir(path, mode)))) return false;
  const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = fs.constants;
  const descriptor = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const made = fs.fstatSync(descriptor);
    if (made.uid === process.geteuid?.() && (made.mode & 0o7777) !== mode) fs.fchmodSync(descriptor, mode);
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
    // Otherwise another process was faster, which is fine for a folder; anything else is caught below.
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
  // All at once, so that the file system flushes them together.
  const written = await Promise.allSettled(
    entries.map(async ({ name, content, attributes }) =>
      write({ descriptor: await openNew(join(path, name)) }, content, attributes),
    ),
  );
  for (const one of written) if (one.status === 'rejected') throw one.reason;
  await Promise.all([syncFolder(path), syncFolder(dirname(path))]);
  return true;
}

/** The real file system. */
export function createFiles(): Files {
  let stretchBegan = 0;
  // Reading thousands of documents is fastest without a pause; an occasional pause serves sockets and timers.
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

  return {
    async read(path) {
      if (needsPause()) await pause();
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
      if (needsPause()) await pause();
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
      // POSIX allows EEXIST for ENOTEMPTY.
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
