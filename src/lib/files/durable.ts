import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileAttributes, FolderEntry } from '../../ports/files.ts';
import type { ProcessIdentity } from '../../ports/processes.ts';
import { readHome, readStat } from '../processes/process-table.ts';
import { effectiveUid } from '../trust/effective-user.ts';

// How files and folders are created: temporary names, owner, mode, fsync. Calls that change a folder (creation, unlink,
// mkdir) wait for ext4's journal while another order's fsync runs, about half a millisecond. These calls and fsync run
// on the thread pool, so that many orders can write at the same time.

const temporaryName = /^\.certfleet-[\w-]+\.tmp$/;
const writtenBy = /^\.certfleet-(\d+)-(\d+)-([0-9a-f]{8})-[0-9a-f]{8}-\d+\.tmp$/;

/** Reports whether a file name is that of one of certfleet's temporary files, which are never content. */
export const isTemporaryName = (name: string): boolean => temporaryName.test(name);

type Home = Pick<ProcessIdentity, 'bootId' | 'pidNamespace'>;

const hashOf = ({ bootId, pidNamespace }: Home): string =>
  createHash('sha256').update(`${bootId} ${pidNamespace}`).digest('hex').slice(0, 8);

/**
 * Returns the process that created a temporary file. Returns undefined if it ran elsewhere (in another container, or
 * before the machine booted), or if the name does not say.
 */
export function writerOf(name: string, { bootId, pidNamespace }: Home): ProcessIdentity | undefined {
  const [, pid, startTime, home] = writtenBy.exec(name) ?? [];
  if (pid === undefined || startTime === undefined || home !== hashOf({ bootId, pidNamespace })) return undefined;
  return { bootId, pidNamespace, pid: Number(pid), startTime };
}

const run = randomBytes(4).toString('hex');
let counter = 0;
let writer: string | undefined;

/** Returns the part of a temporary file's name by which a later run knows whether the writer is gone. */
export const writerText = ({ pid, startTime, ...home }: ProcessIdentity): string =>
  `${pid}-${startTime}-${hashOf(home)}`;

// The random part distinguishes processes where /proc says nothing about them.
function temporaryIn(folder: string): string {
  writer ??= writerText({ ...readHome(), pid: process.pid, startTime: readStat(process.pid)?.startTime ?? '0' });
  return join(folder, `.certfleet-${writer}-${run}-${++counter}.tmp`);
}

// Read once, because process.umask() sets it to 0 for a moment, and a thread may create a file just then.
const ownerIsMasked = (process.umask() & 0o600) !== 0;

const { O_RDONLY, O_RDWR, O_WRONLY, O_APPEND, O_CREAT, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException | undefined)?.code;

/** Runs a call and returns `otherwise` for these system errors. */
export function unless<T, O>(codes: readonly string[], otherwise: O, call: () => T): T | O {
  try {
    return call();
  } catch (error) {
    if (codes.includes(codeOf(error) ?? '')) return otherwise;
    throw error;
  }
}

// Callbacks cost half as much as fs.promises, and a certificate takes forty of these calls.
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

export async function syncFolder(folder: string): Promise<void> {
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

// A temporary file may stay, because its name identifies it, and the first error is the one to report.
const removeQuietly = (path: string): Promise<void> => unlink(path).catch(() => undefined);

function setOwner(descriptor: number, { uid, gid }: FileAttributes): void {
  const fresh = fs.fstatSync(descriptor);
  const wanted = [uid ?? fresh.uid, gid ?? fresh.gid] as const;
  if (wanted[0] !== fresh.uid || wanted[1] !== fresh.gid) fs.fchownSync(descriptor, ...wanted);
}

/**
 * Opens a file that is no longer needed, under a temporary name. Returns undefined if it is gone, belongs to another
 * user, or has a second name: then it may be part of a backup made of hard links, which writing would damage.
 *
 * Reusing files saves time: before ext4 hands out a new inode, it examines every inode freed in the last minute.
 * Creating and removing five files per certificate took a tenth of the time of a hundred certificates, and more of a
 * thousand.
 */
async function openSpare(spare: string, path: string): Promise<Opened | undefined> {
  try {
    await rename(spare, path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const descriptor = fs.openSync(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    const had = fs.fstatSync(descriptor);
    if (had.isFile() && had.nlink === 1 && had.uid === effectiveUid()) return { descriptor, had };
    fs.closeSync(descriptor);
  } catch {
    // The file belongs to another user by now, and would be removed anyway.
  }
  await unlink(path);
  return undefined;
}

interface Opened {
  readonly descriptor: number;
  /** The file's stats from before it is overwritten. */
  readonly had?: fs.Stats;
}

/** Sets owner and mode of an open file, writes, fsyncs and closes it. */
async function write(
  { descriptor, had }: Opened,
  content: string | Uint8Array,
  attributes: FileAttributes,
): Promise<void> {
  try {
    // Set before the content, so that a secret is never in a file with the wrong owner or mode.
    if (attributes.uid !== undefined || attributes.gid !== undefined) setOwner(descriptor, attributes);
    // Set after chown, which clears set-id bits, and by descriptor, so that the umask does not apply.
    const isSet = had ? (had.mode & 0o7777) === attributes.mode : attributes.mode === 0o600 && !ownerIsMasked;
    if (!isSet) fs.fchmodSync(descriptor, attributes.mode);
    const bytes = typeof content === 'string' ? Buffer.from(content) : content;
    fs.writeFileSync(descriptor, bytes);
    if (had && had.size > bytes.length) fs.ftruncateSync(descriptor, bytes.length);
    if (attributes.losable !== 'all') await sync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Writes and fsyncs a temporary file. */
export async function draft(
  folder: string,
  content: string | Uint8Array,
  attributes: FileAttributes,
  spare?: string,
): Promise<string> {
  const path = temporaryIn(folder);
  const again = spare === undefined ? undefined : await openSpare(spare, path);
  const opened = again ?? { descriptor: await openNew(path) };
  try {
    await write(opened, content, attributes);
  } catch (error) {
    await removeQuietly(path);
    throw error;
  }
  return path;
}

/** Renames a temporary file or link to its final name. */
function name(temporary: string, path: string): Promise<void> {
  try {
    fs.renameSync(temporary, path);
    return Promise.resolve();
  } catch (error) {
    return removeQuietly(temporary).then(() => Promise.reject(error));
  }
}

/**
 * Writes a new file and puts it in the place of the old one. It inherits neither owner nor mode from the old file,
 * which others may have created.
 */
export async function replace(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<void> {
  await name(await draft(dirname(path), content, attributes), path);
  if (attributes.losable === undefined) await syncFolder(dirname(path));
}

/** Returns false if the name exists. */
export async function create(path: string, content: string | Uint8Array, attributes: FileAttributes): Promise<boolean> {
  const temporary = await draft(dirname(path), content, attributes);
  try {
    fs.linkSync(temporary, path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await removeQuietly(temporary);
  }
  await syncFolder(dirname(path));
  return true;
}

export async function append(path: string, lines: string, links: 'followed' | 'refused'): Promise<void> {
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK | (links === 'followed' ? 0 : O_NOFOLLOW);
  const descriptor = fs.openSync(path, flags, 0o644);
  try {
    if (!fs.fstatSync(descriptor).isFile()) {
      throw Object.assign(new Error(`EINVAL: not a file, open ${path}`), { code: 'EINVAL', syscall: 'open', path });
    }
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

export async function replaceLink(path: string, target: string): Promise<void> {
  if (!(await unlessThere(symlink(target, path)))) {
    const temporary = temporaryIn(dirname(path));
    await symlink(target, temporary);
    await name(temporary, path);
  }
  await syncFolder(dirname(path));
}

export async function remove(path: string): Promise<void> {
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'ENOTDIR') throw error;
  });
}

/** Returns false if the folder is not empty, or does not exist. */
export const removeFolderIfEmpty = (path: string): Promise<boolean> =>
  new Promise((done, failed) =>
    fs.rmdir(path, (error) => {
      // POSIX allows EEXIST for ENOTEMPTY.
      if (error && !['ENOENT', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) failed(error);
      else done(!error);
    }),
  );

/**
 * Returns false if the name exists. Sets the mode again, because the umask was applied to it. Does so by descriptor,
 * and only in this user's own folders, since another owner (a web server) may have replaced the new folder by a
 * symlink.
 */
export async function makeFolder(path: string, mode: number): Promise<boolean> {
  if (!(await unlessThere(mkdir(path, mode)))) return false;
  const descriptor = fs.openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    const made = fs.fstatSync(descriptor);
    if (made.uid === effectiveUid() && (made.mode & 0o7777) !== mode) fs.fchmodSync(descriptor, mode);
  } finally {
    fs.closeSync(descriptor);
  }
  return true;
}

/** Writes files into a new folder, all at the same time, so that the file system flushes them together. */
export async function fillFolder(folder: string, entries: readonly FolderEntry[]): Promise<void> {
  const written = await Promise.allSettled(
    entries.map(async ({ name, content, attributes }) =>
      write({ descriptor: await openNew(join(folder, name)) }, content, attributes),
    ),
  );
  for (const one of written) if (one.status === 'rejected') throw one.reason;
}
