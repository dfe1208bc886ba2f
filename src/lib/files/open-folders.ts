import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { shellWord } from '../../core/text/shell-word.ts';
import type { FolderGuard } from '../../ports/files.ts';
import { effectiveUid, isTrusted } from '../trust/effective-user.ts';
import { type Link, linksOn, trustedAt, untrustedIn } from '../trust/untrusted.ts';
import { codeOf } from './durable.ts';

// Other users may be able to change the folders that certificates and challenge files are written to. Each link on the
// way to such a folder is checked. A path inside is walked one folder at a time, without following links, and each
// folder stays open until the work is done. Node has no openat, but on Linux `/proc/self/fd/<descriptor>/<name>` means
// the same, and no rename can redirect it.

const { O_DIRECTORY, O_NOFOLLOW } = fs.constants;
/** Opens a folder only as a location, so that it need not be readable. Node does not define this flag of Linux. */
const O_PATH = 0o10000000;

export interface Folder {
  /** A path that leads to the folder. */
  readonly at: string;
  readonly uid: number;
  readonly descriptor?: number;
}

/** The folders that are open for one piece of work. */
export interface OpenFolders {
  /**
   * Opens a folder, the root or one below it. Throws if the path leads through a link or a folder that is not allowed.
   */
  folderAt(path: string): Folder;
  /**
   * Checks the way to the root before the root is created. Throws if a link of another user would redirect it. The way
   * is checked again when the root is opened, so at worst an empty folder is created elsewhere.
   */
  checkWay(): void;
  /** Returns all open folders, by path. */
  entries(): readonly (readonly [string, Folder])[];
  close(): void;
}

const systemError = (code: string, words: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${words}, open ${path}`), { code, syscall: 'open', path });

/** Reports whether `/proc/self/fd` leads into an open folder. Only Linux has it, and some chroots lack it. */
function hasDescriptorPaths(): boolean {
  if (process.platform !== 'linux') return false;
  const descriptor = fs.openSync('/', O_PATH | O_DIRECTORY);
  try {
    const [here, there] = [fs.fstatSync(descriptor), fs.statSync(`/proc/self/fd/${descriptor}/.`)];
    return here.ino === there.ino && here.dev === there.dev;
  } catch {
    return false;
  } finally {
    fs.closeSync(descriptor);
  }
}

export interface Folders {
  enter(path: string, links: 'followed' | 'refused'): Folder;
  leave(folder: Folder): void;
  open(root: string, guard: FolderGuard): OpenFolders;
}

export function createFolders(): Folders {
  let found: boolean | undefined;
  const byDescriptor = (): boolean => {
    found ??= hasDescriptorPaths();
    return found;
  };

  /** Opens a folder. Without `/proc`, only checks it, which leaves a moment for others to replace it. */
  function enter(path: string, links: 'followed' | 'refused'): Folder {
    if (byDescriptor()) {
      const descriptor = fs.openSync(path, O_PATH | O_DIRECTORY | (links === 'followed' ? 0 : O_NOFOLLOW));
      return { at: `/proc/self/fd/${descriptor}`, uid: fs.fstatSync(descriptor).uid, descriptor };
    }
    const stats = links === 'followed' ? fs.statSync(path) : fs.lstatSync(path);
    if (!stats.isDirectory()) throw systemError('ENOTDIR', 'not a folder', path);
    return { at: path, uid: stats.uid };
  }
  const leave = ({ descriptor }: Folder): void => {
    if (descriptor !== undefined) fs.closeSync(descriptor);
  };

  /**
   * Folders that pieces of work on one root share until the last of them ends: the root and the folders directly in it.
   * Opening and checking a folder costs more than most calls.
   */
  const shared = new Map<string, { users: number; readonly open: Map<string, Folder> }>();

  function open(root: string, { owners, isPrivate, refuse }: FolderGuard): OpenFolders {
    const key = `${root}\n${owners}\n${isPrivate}`;
    const common = shared.get(key) ?? { users: 0, open: new Map<string, Folder>() };
    common.users += 1;
    shared.set(key, common);
    const own = new Map<string, Folder>();

    // A web server may remove its folders at any time, so they are opened each time.
    const openOnes = (path: string): Map<string, Folder> =>
      owners !== 'any' && (path === root || dirname(path) === root) ? common.open : own;

    function folderAt(path: string): Folder {
      const known = own.get(path) ?? common.open.get(path);
      if (known) return known;
      if (path !== root && !isBelow(root, path)) throw new Error(`${path} is not in ${root}`);
      const parent = path === root ? undefined : folderAt(dirname(path));
      const folder = parent ? enterBelow(path, parent) : isPrivate ? enterPrivate() : enterRoot();
      const untrusted = isPrivate && untrustedIn(path, statOf(folder));
      if (untrusted) {
        leave(folder);
        throw refuse(untrusted.reason);
      }
      if (owners !== 'any' && !isTrusted(folder.uid) && (!parent || !owners.includes(folder.uid))) {
        leave(folder);
        throw refuse(
          `${path} belongs to user ${folder.uid}, who could replace what is written there: ${
            effectiveUid() === 0
              ? `give it to root (chown root ${shellWord(path)})`
              : `give it to root or to user ${effectiveUid()}`
          }, or run certfleet as its owner`,
        );
      }
      openOnes(path).set(path, folder);
      return folder;
    }

    const refuseLink = (path: string, link: fs.Stats, remedy: string): Error =>
      refuse(`${path} is a symbolic link of user ${link.uid}, which could lead files elsewhere: ${remedy}`);

    /**
     * Opens a folder that links lead to, if each of them may lead there. Another user may change the way, so the opened
     * folder must be the one that the links led to when their owners were checked.
     */
    function follow(
      path: string,
      from: string,
      isAllowed: (link: fs.Stats, folder: Folder) => boolean,
      remedy: (folder: Folder, at: string) => string,
    ): Folder {
      const { at, links } = linksOn(from);
      const folder = enter(at, 'refused');
      const wrong = links.find(({ stats }) => !isAllowed(stats, folder));
      if (!wrong && isAt(folder, at) && links.every(isUnchanged)) return folder;
      leave(folder);
      throw wrong
        ? refuseLink(wrong.path === from ? path : wrong.path, wrong.stats, remedy(folder, at))
        : refuse(`${path} was made to lead elsewhere while it was opened: find out who changes it`);
    }

    /**
     * Opens a private root. Others cannot change the path, so the folder that was checked is the one that is opened.
     * Throws if it does not exist, because others may be able to create it.
     */
    function enterPrivate(): Folder {
      const found = trustedAt(root);
      if (found.untrusted) throw refuse(found.untrusted.reason);
      if (!found.stats) throw systemError('ENOENT', 'no such folder', root);
      return enter(found.at, 'refused');
    }

    function enterRoot(): Folder {
      const folder = enter(root, 'followed');
      // Usually, no link is on the way.
      if (isAt(folder, root)) return folder;
      leave(folder);
      return follow(
        root,
        root,
        (link, { uid }) => isTrusted(link.uid) || (owners === 'any' && link.uid === uid),
        () => nameTheFolder,
      );
    }

    /**
     * Opens a folder below another one. Follows a link in a web server's folder if its owner can write to the link's
     * target without certfleet's help.
     */
    function enterBelow(path: string, parent: Folder): Folder {
      const at = `${parent.at}/${basename(path)}`;
      try {
        return enter(at, 'refused');
      } catch (error) {
        const link = codeOf(error) === 'ENOENT' ? undefined : fs.lstatSync(at, { throwIfNoEntry: false });
        if (!link?.isSymbolicLink()) throw error;
        if (owners !== 'any') throw refuseLink(path, link, 'make it a folder');
      }
      const { uid } = folderAt(root);
      return follow(
        path,
        join(realPathOf(parent), basename(path)),
        (link, folder) =>
          (folder.uid === uid && (isTrusted(link.uid) || link.uid === uid)) ||
          (folder.uid === effectiveUid() && effectiveUid() !== 0 && isTrusted(link.uid)),
        (folder, at) =>
          `it must lead to a folder of user ${uid}, who owns ${root}, but ${at} belongs to user ${folder.uid}; make it a folder`,
      );
    }

    function checkWay(): void {
      const wrong = linksOn(root).links.find(({ stats }) => !isTrusted(stats.uid));
      if (wrong) throw refuseLink(wrong.path, wrong.stats, nameTheFolder);
    }

    function close(): void {
      for (const folder of own.values()) leave(folder);
      common.users -= 1;
      if (common.users > 0) return;
      for (const folder of common.open.values()) leave(folder);
      shared.delete(key);
    }

    const entries = (): (readonly [string, Folder])[] => [...own, ...common.open];
    return { folderAt, checkWay, entries, close };
  }

  return { enter, leave, open };
}

const nameTheFolder = 'remove it, and name the folder that the files are to go to';

const statOf = ({ at, descriptor }: Folder): fs.Stats =>
  descriptor === undefined ? fs.lstatSync(at) : fs.fstatSync(descriptor);

const realPathOf = ({ at, descriptor }: Folder): string =>
  descriptor === undefined ? fs.realpathSync(at) : fs.readlinkSync(at);

/** Reports whether a folder is at a path without links. */
const isAt = (folder: Folder, path: string): boolean => realPathOf(folder) === path;

function isUnchanged({ path, stats }: Link): boolean {
  const now = fs.lstatSync(path, { throwIfNoEntry: false });
  return now?.ino === stats.ino && now.dev === stats.dev && now.ctimeMs === stats.ctimeMs;
}

const isBelow = (root: string, path: string): boolean =>
  path.startsWith(root === '/' ? root : `${root}/`) && path !== root && !`${path}/`.includes('/../');
