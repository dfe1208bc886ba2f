import fs from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { createTurns } from '../core/turns.ts';
import type { Files, FilesWithin, FolderGuard } from '../ports/files.ts';
import {
  append,
  codeOf,
  effectiveUid,
  fillFolder,
  makeFolder,
  remove,
  removeFolderIfEmpty,
  replace,
  replaceLink,
  syncFolder,
  unless,
} from './durable.ts';

// Other users may be able to change the folders that certificates and challenge files go to. A path in such a folder is
// walked one folder at a time, without following links, and each folder stays open until the work is done. Node has no
// openat, but on Linux `/proc/self/fd/<descriptor>/<name>` means the same: no rename can lead it elsewhere.

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** Opens a folder as a place only, so that it need not be readable. Node does not name this flag of Linux. */
const O_PATH = 0o10000000;

/** How much work goes on at once; each piece has few folders open. */
const maxAtOnce = 64;

/** A chain with its key, a mark and a challenge file are much smaller. */
const maxReadBytes = 1024 * 1024;

const notThere = ['ENOENT', 'ENOTDIR'];

interface Folder {
  /** A path that leads to it. */
  readonly at: string;
  readonly uid: number;
  readonly descriptor?: number;
}

const isTrusted = (uid: number): boolean => uid === 0 || uid === effectiveUid;

const systemError = (code: string, words: string, path: string): Error =>
  Object.assign(new Error(`${code}: ${words}, open ${path}`), { code, syscall: 'open', path });

/** Whether `/proc/self/fd` leads into an open folder. Some chroots lack it, and only Linux has it. */
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

/** The content of a regular file; undefined for a link and anything else. Cannot block, as opening a FIFO would. */
function readRegular(path: string): Uint8Array | undefined {
  const descriptor = unless([...notThere, 'ELOOP', 'ENXIO'], undefined, () =>
    fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK),
  );
  if (descriptor === undefined) return undefined;
  try {
    const stats = fs.fstatSync(descriptor);
    if (!stats.isFile()) return undefined;
    if (stats.size > maxReadBytes) throw systemError('EFBIG', 'file too large', path);
    const bytes = Buffer.allocUnsafe(stats.size);
    let read = 0;
    for (let more = 1; more > 0 && read < bytes.length; read += more) {
      more = fs.readSync(descriptor, bytes, read, bytes.length - read, null);
    }
    return bytes.subarray(0, read);
  } finally {
    fs.closeSync(descriptor);
  }
}

export function createWithin(base: Pick<Files, 'stat' | 'makeFolders'>): Files['within'] {
  const turns = createTurns(maxAtOnce);
  let found: boolean | undefined;
  const byDescriptor = (): boolean => {
    found ??= hasDescriptorPaths();
    return found;
  };

  /** Opens a folder. Without `/proc` it is only looked at, which leaves a moment for somebody to replace it. */
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
   * Folders that pieces of work on one root share, until the last of them ends: the root and what is directly in it.
   * Opening a folder and looking into it costs more than most calls.
   */
  const shared = new Map<string, { users: number; readonly open: Map<string, Folder> }>();

  /** The folders that are open for one piece of work, by path. */
  function createWalk(root: string, { owners, refuse }: FolderGuard) {
    const key = `${root}\n${owners}`;
    const common = shared.get(key) ?? { users: 0, open: new Map<string, Folder>() };
    common.users += 1;
    shared.set(key, common);
    const own = new Map<string, Folder>();

    // The web server may remove its folders at any time, so they are opened each time.
    const openOnes = (path: string): Map<string, Folder> =>
      owners !== 'any' && (path === root || dirname(path) === root) ? common.open : own;

    function folderAt(path: string): Folder {
      const known = own.get(path) ?? common.open.get(path);
      if (known) return known;
      if (path !== root && !isBelow(root, path)) throw new Error(`${path} is not in ${root}`);
      const parent = path === root ? undefined : folderAt(dirname(path));
      const at = parent ? `${parent.at}/${basename(path)}` : path;
      let folder: Folder;
      try {
        folder = enter(at, 'refused');
      } catch (error) {
        const link = codeOf(error) === 'ENOENT' ? undefined : fs.lstatSync(at, { throwIfNoEntry: false });
        if (!link?.isSymbolicLink()) throw error;
        folder = parent ? followBelow(path, at, parent, link) : followRoot(link);
      }
      if (owners !== 'any' && !isTrusted(folder.uid) && (!parent || !owners.includes(folder.uid))) {
        leave(folder);
        throw refuse(
          `${path} belongs to user ${folder.uid}, who could replace what is written there: ${
            effectiveUid === 0 ? `give it to root (chown root ${path})` : `give it to root or to user ${effectiveUid}`
          }, or run certfleet as its owner`,
        );
      }
      openOnes(path).set(path, folder);
      return folder;
    }

    const refuseLink = (path: string, link: fs.Stats, remedy: string): Error =>
      refuse(`${path} is a symbolic link of user ${link.uid}, which could lead files elsewhere: ${remedy}`);

    function followRoot(link: fs.Stats): Folder {
      const folder = enter(root, 'followed');
      if (isTrusted(link.uid) || (owners === 'any' && link.uid === folder.uid)) return folder;
      leave(folder);
      throw refuseLink(root, link, 'name the folder that it leads to');
    }

    /** Follows a link in a web server's folder, if its owner can write to the folder that it leads to without us. */
    function followBelow(path: string, at: string, parent: Folder, link: fs.Stats): Folder {
      if (owners !== 'any') throw refuseLink(path, link, 'make it a folder');
      const target = fs.readlinkSync(at);
      const after = fs.lstatSync(at);
      const folder = enter(isAbsolute(target) ? target : `${parent.at}/${target}`, 'followed');
      const { uid } = folderAt(root);
      const isSame = after.ino === link.ino && after.ctimeMs === link.ctimeMs;
      const isAllowed =
        (folder.uid === uid && (isTrusted(link.uid) || link.uid === uid)) ||
        (folder.uid === effectiveUid && effectiveUid !== 0 && isTrusted(link.uid));
      if (isSame && isAllowed) return folder;
      leave(folder);
      throw refuseLink(
        path,
        link,
        `it must lead to a folder of user ${uid}, who owns ${root}, but ${target} belongs to user ${folder.uid}; make it a folder`,
      );
    }

    function close(): void {
      for (const folder of own.values()) leave(folder);
      common.users -= 1;
      if (common.users > 0) return;
      for (const folder of common.open.values()) leave(folder);
      shared.delete(key);
    }

    const entries = (): (readonly [string, Folder])[] => [...own, ...common.open];
    return { folderAt, entries, close };
  }

  return (path, guard, work) =>
    turns.run(async () => {
      const root = join(path, '.');
      const { folderAt, entries, close } = createWalk(root, guard);
      const running: Promise<unknown>[] = [];

      /** The path of a file or folder, by way of the open folder that it is in. */
      const place = (path: string): string => `${folderAt(dirname(path)).at}/${basename(path)}`;
      /** Undefined if the folder that it is in does not exist. */
      const placeIfThere = (path: string): string | undefined => unless(notThere, undefined, () => place(path));

      /** Names the folder, not its descriptor. */
      function spoken(error: unknown): unknown {
        if (!(error instanceof Error) || !('path' in error)) return error;
        const real = (text: string): string => {
          for (const [path, { at }] of entries())
            if (`${text}/`.includes(`${at}/`)) return text.replace(at, () => path);
          return text;
        };
        error.message = real(error.message);
        return Object.assign(error, { path: real(String(error.path)) });
      }
      const step = <T>(work: () => Promise<T>): Promise<T> => {
        const done = work().catch((error: unknown) => Promise.reject(spoken(error)));
        running.push(done);
        return done;
      };

      async function makeFolders(path: string, mode: number): Promise<readonly string[]> {
        if (unless(['ENOENT'], undefined, () => folderAt(path))) return [];
        if (path === root) {
          const made = await base.makeFolders(root, mode);
          folderAt(root);
          return made;
        }
        const made = await makeFolders(dirname(path), mode);
        // Otherwise another process was faster.
        const isNew = await makeFolder(place(path), mode);
        if (isNew) await syncFolder(folderAt(dirname(path)).at);
        folderAt(path);
        return isNew ? [...made, path] : made;
      }

      const inside: FilesWithin = {
        uid: effectiveUid,
        stat: (path) =>
          step(async () => {
            const at = path === root ? unless(notThere, undefined, () => `${folderAt(root).at}/.`) : placeIfThere(path);
            return at === undefined ? undefined : base.stat(at);
          }),
        read: (path) =>
          step(async () => {
            const at = placeIfThere(path);
            return at === undefined ? undefined : readRegular(at);
          }),
        list: (path) => step(async () => unless(notThere, undefined, () => fs.readdirSync(folderAt(path).at))),
        readLink: (path) =>
          step(async () => unless([...notThere, 'EINVAL'], undefined, () => fs.readlinkSync(place(path)))),
        replace: (path, content, attributes) => step(async () => replace(place(path), content, attributes)),
        append: (path, lines) =>
          step(async () => {
            const at = place(path);
            const link = fs.lstatSync(at, { throwIfNoEntry: false });
            await append(at, lines, link?.isSymbolicLink() && isTrusted(link.uid) ? 'followed' : 'refused');
          }),
        replaceLink: (path, target) => step(async () => replaceLink(place(path), target)),
        makeFolders: (path, mode) => step(() => makeFolders(path, mode)),
        createFolder: (path, mode, entries) =>
          step(async () => {
            await makeFolders(dirname(path), mode);
            if (!(await makeFolder(place(path), mode))) return false;
            const folder = folderAt(path);
            await fillFolder(folder.at, entries);
            await Promise.all([syncFolder(folder.at), syncFolder(folderAt(dirname(path)).at)]);
            return true;
          }),
        remove: (path) =>
          step(async () => {
            const at = placeIfThere(path);
            if (at !== undefined) await remove(at);
          }),
        removeFolder: (path, isOurs) =>
          step(async () => {
            const at = placeIfThere(path);
            const folder = at && unless([...notThere, 'ELOOP'], undefined, () => enter(at, 'refused'));
            if (!folder) return false;
            try {
              const entries = fs.readdirSync(folder.at, { withFileTypes: true });
              if (!isTrusted(folder.uid) || entries.some((entry) => entry.isDirectory() || !isOurs(entry.name)))
                return false;
              for (const { name } of entries) await remove(`${folder.at}/${name}`);
            } finally {
              leave(folder);
            }
            return await removeFolderIfEmpty(at);
          }),
        removeFolderIfEmpty: (path) =>
          step(async () => {
            const at = placeIfThere(path);
            return at !== undefined && (await removeFolderIfEmpty(at));
          }),
        syncFolder: (path) => step(async () => syncFolder(folderAt(path).at)),
      };
      try {
        return await work(inside);
      } finally {
        // A call that goes on after an error must not find another folder at its descriptor.
        await Promise.allSettled(running);
        close();
      }
    });
}

const isBelow = (root: string, path: string): boolean =>
  path.startsWith(root === '/' ? root : `${root}/`) && path !== root && !`${path}/`.includes('/../');
