import fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { createTurns } from '../../core/async/turns.ts';
import type { Files, FilesWithin, ReadOptions } from '../../ports/files.ts';
import { effectiveUid, isTrusted } from '../trust/effective-user.ts';
import {
  append,
  create,
  fillFolder,
  makeFolder,
  remove,
  removeFolderIfEmpty,
  replace,
  replaceLink,
  syncFolder,
  unless,
} from './durable.ts';
import { createFolders } from './open-folders.ts';
import { readRegular } from './read-file.ts';

/** The limit for concurrent work. Each piece has few folders open. */
const maxAtOnce = 64;

const notThere = ['ENOENT', 'ENOTDIR'];

/** Returns the content of a regular file, or undefined for a link and anything else. */
const readFile = (path: string, options: ReadOptions = {}): Uint8Array | undefined =>
  unless([...notThere, 'ELOOP', 'ENXIO', 'EFTYPE', 'EISDIR'], undefined, () => readRegular(path, options));

/** Creates access to a folder that other users may be able to change; see open-folders.ts. */
export function createWithin(base: Pick<Files, 'stat' | 'makeFolders'>): Files['within'] {
  const turns = createTurns(maxAtOnce);
  const folders = createFolders();

  const inFolder: Files['within'] = async (path, guard, work) => {
    const root = join(path, '.');
    const { folderAt, checkWay, entries, close } = folders.open(root, guard);
    const running: Promise<unknown>[] = [];

    /** Returns the path of a file or folder, relative to the open folder that contains it. */
    const place = (path: string): string => `${folderAt(dirname(path)).at}/${basename(path)}`;
    /** Returns undefined if the containing folder does not exist. */
    const placeIfThere = (path: string): string | undefined => unless(notThere, undefined, () => place(path));

    /** Replaces the descriptor in an error by the folder's path. */
    function spoken(error: unknown): unknown {
      if (!(error instanceof Error) || !('path' in error)) return error;
      const real = (text: string): string => {
        for (const [path, { at }] of entries()) if (`${text}/`.includes(`${at}/`)) return text.replace(at, () => path);
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
      if (path === root && guard.isPrivate) {
        const made = await inFolder(dirname(root), guard, (above) => above.makeFolders(root, mode));
        folderAt(root);
        return made;
      }
      if (path === root) {
        checkWay();
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
      uid: effectiveUid(),
      stat: (path) =>
        step(async () => {
          const at = path === root ? unless(notThere, undefined, () => `${folderAt(root).at}/.`) : placeIfThere(path);
          return at === undefined ? undefined : base.stat(at);
        }),
      read: (path, options) =>
        step(async () => {
          const at = placeIfThere(path);
          return at === undefined ? undefined : readFile(at, options);
        }),
      create: (path, content, attributes) => step(async () => create(place(path), content, attributes)),
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
          const folder = at && unless([...notThere, 'ELOOP'], undefined, () => folders.enter(at, 'refused'));
          if (!folder) return false;
          try {
            const entries = fs.readdirSync(folder.at, { withFileTypes: true });
            if (!isTrusted(folder.uid) || entries.some((entry) => entry.isDirectory() || !isOurs(entry.name)))
              return false;
            for (const { name } of entries) await remove(`${folder.at}/${name}`);
          } finally {
            folders.leave(folder);
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
      // A call that continues after an error must not find another folder under its descriptor.
      await Promise.allSettled(running);
      close();
    }
  };
  return (path, guard, work) => turns.run(() => inFolder(path, guard, work));
}
