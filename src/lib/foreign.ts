import fs from 'node:fs';
import { dirname, join } from 'node:path';
import type { Foreign, Place } from '../ports/files.ts';
import { effectiveUid, isTrusted } from './owners.ts';

/** The uid under which a user namespace shows every user that it does not know. */
const unknownUid = 65_534;
/** As in Linux. */
const maxLinks = 40;

/**
 * Whether users other than root and the effective user could change an open file or a folder. Takes its own path only
 * for the words.
 */
export function foreignIn(path: string, stats: fs.Stats): Foreign | undefined {
  const { uid, mode } = stats;
  // Nearly always, and for each document of a scan.
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
  // The mode of a link means nothing. Nobody but root can make a device, and nothing that is written to it stays.
  if ((mode & 0o022) === 0 || stats.isSymbolicLink() || stats.isCharacterDevice()) return undefined;
  const writers = (mode & 0o002) === 0 ? 'its group' : 'every user';
  const owner = uid === 0 ? 'root' : `user ${uid}`;
  const reason = `${path}, which belongs to ${owner}, can be changed by ${writers}`;
  const needsRoot = uid === 0 && effectiveUid() !== 0;
  if (isSticky(stats)) return { path, reason, command: 'none', change: '', needsRoot };
  return { path, reason, command: 'chmod', change: 'go-w', needsRoot };
}

/** In a sticky folder, only the owners of the folder and of the entry can replace the entry. */
const isSticky = (stats: fs.Stats): boolean => stats.isDirectory() && (stats.mode & 0o1000) !== 0;

/**
 * In a user namespace, the machine's root has the uid of a user that the namespace does not know, and `/` is often
 * its folder. An attacker that the namespace does not know looks the same, but no user inside does.
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
 * The first place on the way to a path that users other than root and the effective user could change, so that the path
 * would lead elsewhere; undefined if there is none, or if the path ends before.
 *
 * @param below a folder that was found to be safe: only what is below it is looked at
 */
export function foreignOn(path: string, below?: string): Foreign | undefined {
  const { at, stats, found } = walk(path, below);
  return found ?? (stats && at !== '/' ? foreignIn(at, stats) : undefined);
}

/**
 * Where a path leads and what is there, if only root and the effective user can change it and the way to it. Then nobody
 * else can replace what was found, so it is what a later open of `at` finds. If nothing is there, others may be able to make it.
 */
export function trustedAt(
  path: string,
):
  | { readonly foreign: Foreign; readonly stats?: undefined }
  | { readonly foreign?: undefined; readonly at: string; readonly stats: fs.Stats | undefined } {
  const { at, stats, found } = walk(path);
  const foreign = found ?? (stats && foreignIn(at, stats));
  return foreign ? { foreign } : { at, stats };
}

/** Folders that were found safe, as was the way to them, so that no other user can have changed them since. */
export type SeenFolders = Map<string, fs.Stats>;

/**
 * Where a path leads, with every link followed, if only root and the effective user can change the folder and the way to
 * it. The file itself may belong to another user, to whom root has given it. A folder that does not exist is left to the
 * caller.
 */
export function placeOf(path: string, seen?: SeenFolders): Place {
  const { at, found, folder } = walk(path, undefined, usualJudge, seen);
  const foreign = found ?? (folder && foreignIn(folder.at, folder.stats));
  return foreign ? { foreign } : { path: at };
}

/**
 * The first folder on the way to a path that belongs to another user or that every user may write, or the first link of
 * another user; for a file that may be in a folder of a group, as `/var/log` is.
 */
export const foreignFolderOn = (path: string): Foreign | undefined =>
  walk(path, undefined, {
    folder: (at, stats) => {
      const found = foreignParent(at, stats);
      return found?.command === 'chmod' && (stats.mode & 0o002) === 0 ? undefined : found;
    },
    link: foreignIn,
  }).found;

/** A symbolic link on the way to a path. */
export interface Link {
  readonly path: string;
  readonly stats: fs.Stats;
}

/** Where a path leads, and the links on the way, including those that others can change. */
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

/** Finds what is wrong with a folder or a link on the way; the walk ends there. */
interface Judge {
  folder(path: string, stats: fs.Stats): Foreign | undefined;
  link(path: string, stats: fs.Stats): Foreign | undefined;
}

interface Walked {
  /** Where the path ends, without links. */
  readonly at: string;
  /** What is there; undefined if the path ends before. */
  readonly stats?: fs.Stats | undefined;
  /** The folder that it is in. */
  readonly folder?: { readonly at: string; readonly stats: fs.Stats } | undefined;
  /** A folder or a link on the way that others could change. */
  readonly found?: Foreign;
}

/**
 * Walks as the kernel does: from `/`, link by link. By default, each folder is trusted before what is in it is looked
 * at, so what was seen cannot change.
 */
function walk(path: string, below?: string, judge = usualJudge, seen: SeenFolders = new Map()): Walked {
  const whole = path.startsWith('/') ? path : join(process.cwd(), '/') + path;
  const start = below !== undefined && whole.startsWith(`${below}/`) ? below : '/';
  const todo = whole.slice(start.length).split('/').filter(Boolean);
  let at = start;
  let folder: Walked['folder'];
  // What is known of `below` already costs no call: a scan asks for thousands of documents.
  let stats = start === '/' ? (seen.get('/') ?? fs.lstatSync('/')) : undefined;
  const inRoot = stats && judge.folder('/', stats);
  if (inRoot) return { at, found: inRoot };
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
    const next = join(at, part);
    const before = seen.get(next);
    const there = before ?? statOf(next);
    if (!there) return { at: join(next, ...todo), folder };
    if (there.isSymbolicLink()) {
      // What it names may be anywhere.
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
  folder: foreignParent,
  link: foreignIn,
};

function foreignParent(path: string, stats: fs.Stats): Foreign | undefined {
  const found = foreignIn(path, stats);
  if (found?.command === 'none') return undefined;
  if (found?.command === 'chown' && (stats.mode & 0o022) === 0 && isOutside(stats)) return undefined;
  return found;
}

function statOf(path: string): fs.Stats | undefined {
  try {
    return fs.lstatSync(path, { throwIfNoEntry: false });
  } catch (error) {
    // The path leads through a file; opening it will say so.
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return undefined;
    throw error;
  }
}
