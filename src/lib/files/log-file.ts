import fs from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import { isTrusted } from '../trust/effective-user.ts';
import { untrustedFolderOn, untrustedOn } from '../trust/untrusted.ts';

/** A file that lines are appended to. */
export interface LogFile {
  write(line: string): void;
  close(): void;
}

const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** The limit that Linux has, too. */
const maxLinks = 40;

/** Opens the file, or creates it with mode 0600. Writes each line at once, so that a kill loses none. */
export function openLogFile(path: string): LogFile {
  let file: number;
  try {
    file = openToAppend(path);
  } catch (cause) {
    throw fail('usage/place-unwritable', { place: `--log-file ${path}`, reason: reasonOf(cause) }, { cause });
  }
  return {
    write(line) {
      try {
        fs.writeSync(file, `${line}\n`);
      } catch {
        // A full disk must not interrupt an issue.
      }
    },
    close: () => fs.closeSync(file),
  };
}

/**
 * Opens a log file for appending. The operator may name a pipe (`>(…)`) or a terminal, where a line waits until it is
 * read. Another user could put a pipe there that is not read, which would stop the whole process; a link, to make root
 * append to any file; or a file, to read and change the log. In a folder that belongs to that user, the file could also
 * be replaced later.
 */
function openToAppend(path: string): number {
  const at = followLinks(path);
  const there = fs.lstatSync(at, { throwIfNoEntry: false });
  const untrusted = isInProc(at) || (there && !there.isFile()) ? undefined : untrustedFolderOn(path);
  if (untrusted) throw new Error(`other users could replace it: ${untrusted.reason}; name a file in another folder`);
  const file = open(at, O_NONBLOCK);
  try {
    const stats = fs.fstatSync(file);
    if (!stats.isFile()) {
      const untrusted = untrustedOn(path);
      if (untrusted)
        throw new Error(`it is not a regular file, and ${untrusted.reason}; name another file, or remove it`);
      const waiting = open(at);
      fs.closeSync(file);
      return waiting;
    }
    if (isTrusted(stats.uid)) return file;
    throw new Error(
      `it belongs to user ${stats.uid}, who could read and change the log; name another file, or remove it`,
    );
  } catch (error) {
    fs.closeSync(file);
    throw error;
  }
}

/** Follows links of root and of this user. Throws at a link of another user. */
function followLinks(path: string): string {
  let at = path;
  for (let links = 0; links < maxLinks; links++) {
    at = join(fs.realpathSync.native(dirname(at)), basename(at));
    const link = fs.lstatSync(at, { throwIfNoEntry: false });
    // Users cannot create links in /proc, and the targets of those in /proc/self/fd are often not paths.
    if (!link?.isSymbolicLink() || isInProc(at)) return at;
    if (!isTrusted(link.uid))
      throw new Error(
        `${at === path ? 'it' : at} is a symbolic link of user ${link.uid}, which could lead the log into any file; name another file, or remove it`,
      );
    at = resolve(dirname(at), fs.readlinkSync(at));
  }
  return at;
}

const isInProc = (path: string): boolean => path.startsWith('/proc/');

/** Opens without following a link, which someone could have created since {@link followLinks}. */
function open(at: string, more = 0): number {
  const flags = O_WRONLY | O_APPEND | O_CREAT | (isInProc(at) ? 0 : O_NOFOLLOW) | more;
  try {
    return fs.openSync(at, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
    throw new Error('it is a pipe that no program reads', { cause: error });
  }
}
