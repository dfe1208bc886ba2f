import fs from 'node:fs';
import { dirname, join } from 'node:path';
import type { Place, Untrusted } from '../../ports/files.ts';
import { effectiveUid, isTrusted } from './effective-user.ts';

/** The UID under which a user namespace shows every user that it does not know. */
const unknownUid = 65_534;
/** The limit that Linux has, too. */
const maxLinks = 40;

/**
 * Returns how users other than root and the effective user could change an open file or a folder, or undefined if they
 * cannot. Uses the path only in messages.
 */
export function untrustedIn(path: string, stats: fs.Stats): Untrusted | undefined {
  const { uid, mode } = stats;
  // The usual case, for each document of a scan.
  if (uid === 0 && (mode & 0o022) === 0) return undefined;
  if (!process.geteuid) return undefined;
  if (!isTrusted(uid)) {
    const user = effectiveUid() === 0 ? 'root' : `${effectiveUid()}`;
    const isLink = stats.isSymbolicLink();
    return {
      path,
      reason: `${path} belongs to user ${uid}`,
      command: isLink ? 'rm' : 'chown',
      change: isLink ? '' : user,
      needsRoot: effectiveUid() !== 0,
    };
  }
  // The mode of a link has no meaning. Only root can create a device, and nothing that is written to it stays.
  if ((mode & 0o022) === 0 || stats.isSymbolicLink() || stats.isCharacterDevice()) return undefined;
  const writers = (mode & 0o002) === 0 ? 'its group' : 'every user';
  const owner = uid === 0 ? 'root' : `user ${uid}`;
  const reason = `${path}, which belongs to ${owner}, can be changed by ${writers}`;
  const needsRoot = uid === 0 && effectiveUid() !== 0;
  if (isSticky(stats)) return { path, reason, command: 'none', change: '', needsRoot };
  return { path, reason, command: 'chmod', change: 'go-w', needsRoot };
}

/** Reports whether only the owners of the folder and of an entry can replace the entry. */
const isSticky = (stats: fs.Stats): boolean => stats.isDirectory() && (stats.mode & 0o1000) !== 0;

/**
 * Reports whether the owner is the machine's root outside a user namespace, where root has the UID of an unknown user,
 * and often owns `/`. An attacker who is unknown to the namespace looks the same, but no user inside the namespace
 * does.
 */
function isOutside({ uid }: fs.Stats): boolean {
  if (uid !== unknownUid) return false;
  try {
    const ranges = fs.readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
    return ranges.every((range) => {
      const [first = 0, , count = 0] = range.trim().split(/\s+/).map(Number);
      return uid < first || uid >= first + count;
    });
  } catch {
    return false;
  }
}

/**
 * Returns the first place on the way to a path that users other than root and the effective user could change to
 * redirect the path, or undefined if there is none, or if the path ends before.
 *
 * @param below a folder that was found to be safe; only what is below it is checked
 */
export function untrustedOn(path: string, below?: string): Untrusted | undefined {
  const { at, stats, found } = walk(path, below);
  return found ?? (stats && at !== '/' ? untrustedIn(at, stats) : undefined);
}

/**
 * Returns where a path leads and what is there, if only root and the effective user can change it and the folders that
 * lead to it. No other user can then replace it, so a later open of `at` finds the same. If nothing is there, others
 * may be able to create it.
 */
export function trustedAt(
  path: string,
):
  | { readonly untrusted: Untrusted; readonly stats?: undefined }
  | { readonly untrusted?: undefined; readonly at: string; readonly stats: fs.Stats | undefined } {
  const { at, stats, found } = walk(path);
  const untrusted = found ?? (stats && untrustedIn(at, stats));
  return untrusted ? { untrusted } : { at, stats };
}

/**
 * Folders that were found to be safe, like the folders that lead to them, so that no other user can have changed them
 * since.
 */
export type SeenFolders = Map<string, fs.Stats>;

/**
 * Returns where a path leads, with every link followed, if only root and the effective user can change the folder and
 * the folders that lead to it. The file itself may belong to another user, to whom root has given it. The caller
 * handles a folder that does not exist.
 */
export function placeOf(path: string, seen?: SeenFolders): Place {
  const { at, found, folder } = walk(path, undefined, usualJudge, seen);
  const untrusted = found ?? (folder && untrustedIn(folder.at, folder.stats));
  return untrusted ? { untrusted: untrusted } : { path: at };
}

/**
 * Returns the first folder on the way to a path that belongs to another user or that every user may write, or the first
 * link of another user. Meant for a file that may be in a group's folder, such as `/var/log`.
 */
export const untrustedFolderOn = (path: string): Untrusted | undefined =>
  walk(path, undefined, {
    folder: (at, stats) => {
      const found = untrustedParent(at, stats);
      return found?.command === 'chmod' && (stats.mode & 0o002) === 0 ? undefined : found;
    },
    link: untrustedIn,
  }).found;

/** A symbolic link on the way to a path. */
export interface Link {
  readonly path: string;
  readonly stats: fs.Stats;
}

/** Returns where a path leads, and the links on the way, including those that others can change. */
export function linksOn(path: string): { readonly at: string; readonly links: readonly Link[] } {
  const links: Link[] = [];
  const { at } = walk(path, undefined, {
    folder: () => undefined,
    link(path, stats) {
      links.push({ path, stats });
      return undefined;
    },
  });
  return { at, links };
}

/** Finds an unsafe folder or link on the way, where the walk ends. */
interface Judge {
  folder(path: string, stats: fs.Stats): Untrusted | undefined;
  link(path: string, stats: fs.Stats): Untrusted | undefined;
}

interface Walked {
  /** The end of the path, without links. */
  readonly at: string;
  /** The stats of what is there; undefined if the path ends before. */
  readonly stats?: fs.Stats | undefined;
  /** The folder that contains it. */
  readonly folder?: { readonly at: string; readonly stats: fs.Stats } | undefined;
  /** A folder or link on the way that others could change. */
  readonly found?: Untrusted;
}

/**
 * Walks as the kernel does: from `/`, link by link. By default, trusts each folder before it inspects the folder's
 * content, so what was seen cannot change.
 */
function walk(path: string, below?: string, judge = usualJudge, seen: SeenFolders = new Map()): Walked {
  const whole = path.startsWith('/') ? path : join(process.cwd(), '/') + path;
  const start = below !== undefined && whole.startsWith(`${below}/`) ? below : '/';
  const todo = whole.slice(start.length).split('/').filter(Boolean);
  let at = start;
  let folder: Walked['folder'];
  // What is already known about `below` costs no call. A scan asks for thousands of documents.
  let stats = start === '/' ? (seen.get('/') ?? fs.lstatSync('/')) : undefined;
  const inRoot = stats && judge.folder('/', stats);
  if (inRoot) return { at, found: inRoot };
  if (stats) seen.set('/', stats);
  for (let links = 0; ; ) {
    const part = todo.shift();
    if (part === undefined) return { at, stats, folder };
    if (part === '.') continue;
    if (part === '..') {
      at = dirname(at);
      stats = seen.get(at) ?? fs.lstatSync(at);
      continue;
    }
    if (stats?.isDirectory()) folder = { at, stats };
    // `join` takes as long as all else here.
    const next = at === '/' ? `/${part}` : `${at}/${part}`;
    const before = seen.get(next);
    const there = before ?? statOf(next);
    if (!there) return { at: join(next, ...todo), folder };
    if (there.isSymbolicLink()) {
      // The link may lead anywhere.
      if (start !== '/') return walk(path, undefined, judge);
      const found = judge.link(next, there);
      if (found) return { at: next, found };
      links += 1;
      if (links > maxLinks)
        throw Object.assign(new Error(`ELOOP: too many links, open ${path}`), { code: 'ELOOP', syscall: 'open', path });
      const target = fs.readlinkSync(next);
      todo.unshift(...target.split('/').filter(Boolean));
      if (target.startsWith('/')) at = '/';
      stats = seen.get(at) ?? fs.lstatSync(at);
      continue;
    }
    if (todo.length > 0 && !before) {
      const found = judge.folder(next, there);
      if (found) return { at: next, found };
      if (there.isDirectory()) seen.set(next, there);
    }
    at = next;
    stats = there;
  }
}

const usualJudge: Judge = {
  folder: untrustedParent,
  link: untrustedIn,
};

function untrustedParent(path: string, stats: fs.Stats): Untrusted | undefined {
  const found = untrustedIn(path, stats);
  if (found?.command === 'none') return undefined;
  if (found?.command === 'chown' && (stats.mode & 0o022) === 0 && isOutside(stats)) return undefined;
  return found;
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // The path leads through a file. Opening it reports the error.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}
