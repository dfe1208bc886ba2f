import fs from 'node:fs';
import { Socket } from 'node:net';
import type { ReadOptions } from '../../ports/files.ts';
import { effectiveUid } from '../trust/effective-user.ts';
import { trustedAt, untrustedIn, untrustedOn } from '../trust/untrusted.ts';

// Another user may have put a pipe, a link or a huge file where this program expects a small file. So files are opened
// without waiting, checked after the open, and read up to a limit. An open that waits would stop the whole process,
// including its signal handlers.

const { O_RDONLY, O_NONBLOCK, O_NOFOLLOW } = fs.constants;
const mib = 1024 * 1024;
const defaultMaxBytes = mib;

/** Reports whether a path is what a shell makes of `<(…)`. */
export const isDescriptor = (path: string): boolean => /^\/(dev|proc\/self)\/fd\/\d+$/.test(path);
/** Reports whether the path means an open descriptor, wherever the file is now. */
export const isOpen = (path: string): boolean => path === '/dev/stdin' || isDescriptor(path);

const refusal = (code: string, path: string, message: string): Error =>
  Object.assign(new Error(message), { code, path, syscall: 'open' });

const tooLarge = (path: string, maxBytes: number): Error =>
  refusal('EFBIG', path, `it is larger than ${maxBytes >= mib ? `${maxBytes / mib} MiB` : `${maxBytes} bytes`}`);

function notAFile(path: string, stats: fs.Stats): Error {
  if (stats.isDirectory()) return refusal('EISDIR', path, `EISDIR: it is a folder, read ${path}`);
  const kind = stats.isSymbolicLink() ? 'a symbolic link' : stats.isFIFO() ? 'a pipe' : 'not a regular file';
  const owner = stats.uid === 0 ? 'root' : `user ${stats.uid}`;
  return refusal('EFTYPE', path, `it is ${kind} of ${owner}; remove it, or put a regular file there`);
}

function open(path: string, flags: number): number {
  try {
    return fs.openSync(path, flags);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // It is a link or a socket.
    const stats = code === 'ELOOP' || code === 'ENXIO' ? fs.lstatSync(path, { throwIfNoEntry: false }) : undefined;
    throw stats && !stats.isFile() && (code !== 'ELOOP' || (flags & O_NOFOLLOW) !== 0) ? notAFile(path, stats) : error;
  }
}

/** Reads a regular file, or throws. Does not follow a link unless the operator named the file. */
export function readRegular(
  path: string,
  { named, maxBytes = defaultMaxBytes, firstBytes, trusted, readable }: ReadOptions = {},
): Buffer {
  const descriptor = open(path, O_RDONLY | O_NONBLOCK | (named ? 0 : O_NOFOLLOW));
  try {
    const stats = fs.fstatSync(descriptor);
    if (!stats.isFile()) throw notAFile(path, stats);
    const untrusted = trusted && untrustedIn(path, stats);
    if (untrusted) throw trusted(untrusted);
    if (readable && isOpenToOthers(stats)) throw readable(`${path} can be read by other users`);
    if (firstBytes !== undefined) {
      const first = Buffer.alloc(firstBytes);
      return first.subarray(0, fs.readSync(descriptor, first));
    }
    return readOpen(path, descriptor, stats.size, maxBytes);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Reports whether other users may read the file, with the rule that libpq uses for key files. */
const isOpenToOthers = ({ uid, mode }: fs.Stats): boolean =>
  (mode & (uid === 0 && uid !== effectiveUid() ? 0o007 : 0o077)) !== 0;

/** Reads an open file. A size of 0 may mean that the size is unknown, as below /proc. */
function readOpen(path: string, descriptor: number, size: number, maxBytes: number): Buffer {
  if (size > maxBytes) throw tooLarge(path, maxBytes);
  if (size > 0) {
    const whole = Buffer.allocUnsafe(size);
    let length = fs.readSync(descriptor, whole);
    for (let got = length; got !== 0 && length < size; length += got) {
      got = fs.readSync(descriptor, whole, length, size - length, null);
    }
    return length === size ? whole : whole.subarray(0, length);
  }
  const parts: Buffer[] = [];
  for (let length = 0; ; ) {
    const part = Buffer.allocUnsafe(64 * 1024);
    const got = fs.readSync(descriptor, part);
    if (got === 0) return Buffer.concat(parts);
    length += got;
    if (length > maxBytes) throw tooLarge(path, maxBytes);
    parts.push(part.subarray(0, got));
  }
}

/**
 * Reads a file that only root and the effective user can change, as they can the folders that lead to it. Returns
 * undefined if there is none.
 */
export async function readTrusted(
  path: string,
  options: ReadOptions & Required<Pick<ReadOptions, 'trusted'>>,
): Promise<Buffer | undefined> {
  const found = trustedAt(path);
  if (found.untrusted) throw options.trusted(found.untrusted);
  if (!found.stats) return undefined;
  const { named: _named, ...others } = options;
  return found.stats.isFile() ? readRegular(found.at, others) : readNamed(found.at, options);
}

/**
 * Reads a file that the operator named. `--config /dev/stdin` and `<(…)` are open pipes on purpose. A pipe with a name
 * is refused, because it may never be written to.
 */
export async function readNamed(path: string, options: ReadOptions): Promise<Buffer> {
  const stats = fs.statSync(path);
  if (!stats.isFIFO() && !stats.isCharacterDevice()) return readRegular(path, options);
  const { maxBytes = defaultMaxBytes } = options;
  if (stats.isFIFO() && isOpen(path)) return readPipe(path, maxBytes);
  if (stats.isFIFO() || untrustedOn(path)) throw notAFile(path, stats);
  const descriptor = fs.openSync(path, O_RDONLY);
  try {
    return readOpen(path, descriptor, 0, maxBytes);
  } finally {
    fs.closeSync(descriptor);
  }
}

/** Reads a pipe as a socket, because a read on the thread pool would keep the process from ending. */
function readPipe(path: string, maxBytes: number): Promise<Buffer> {
  const pipe = new Socket({ fd: fs.openSync(path, O_RDONLY | O_NONBLOCK), readable: true, writable: false });
  return new Promise((done, failed) => {
    const parts: Buffer[] = [];
    let length = 0;
    pipe.on('data', (part: Buffer) => {
      length += part.length;
      parts.push(part);
      if (length > maxBytes) pipe.destroy(tooLarge(path, maxBytes));
    });
    pipe.on('error', failed);
    pipe.on('close', () => done(Buffer.concat(parts)));
  });
}
