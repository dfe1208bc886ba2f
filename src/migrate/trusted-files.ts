import { fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import { remedyOf } from '../core/trust/untrusted-code.ts';
import type { Files, Untrusted } from '../ports/files.ts';

/** The files of another client. */
export interface TrustedFiles {
  /**
   * Returns the text of a file, or undefined if it does not exist. Refuses a file that is larger than 1 MiB, or
   * `maxBytes`.
   */
  text(path: string, maxBytes?: number): Promise<string | undefined>;
  /** Does the same for a file that the client keeps behind links. Also returns where they lead. */
  linked(path: string): Promise<{ readonly path: string; readonly text: string | undefined }>;
  /** Returns an empty list if the folder does not exist. */
  list(folder: string): Promise<readonly string[]>;
}

export const untrusted = (root: string, found: Untrusted): Error =>
  fail('import/untrusted', {
    path: root,
    reason: found.reason,
    advice: `Check ${found.path}, then ${remedyOf(found)}.`,
  });

/**
 * Returns the same files with other errors. What this user may not read fails with `import/unreadable`, and what cannot
 * be read for other reasons (too large, a pipe, an invalid path) with `import/damaged`. A path through a file counts as
 * absent.
 */
export function readableFiles(files: Files, client: string): Files {
  const read =
    <A extends readonly [string, ...unknown[]], T>(method: (...args: A) => Promise<T>, absent?: { readonly is: T }) =>
    (...args: A): Promise<T> =>
      method(...args).catch((cause: unknown) => {
        const [path] = args;
        const { code = '' } = cause as { readonly code?: string };
        if (absent && code === 'ENOTDIR') return absent.is;
        if (isFailure(cause)) throw cause;
        const isDenied = ['EACCES', 'EPERM'].includes(code);
        const reason = code.startsWith('ERR_') ? 'its name is not one of a file' : reasonOf(cause);
        throw fail(isDenied ? 'import/unreadable' : 'import/damaged', { client, path: shown(path), reason }, { cause });
      });
  const nothing = { is: undefined };
  return {
    ...files,
    ...{ read: read(files.read, nothing), list: read(files.list, nothing), stat: read(files.stat, nothing) },
    ...{ readLink: read(files.readLink), untrusted: read(files.untrusted), place: read(files.place) },
  };
}

/** Shortens a path that was read from a file, and may be anything. */
const shown = (path: string): string => (path.length > 300 ? `${path.slice(0, 300)}…` : path);

/**
 * Opens a client's files. Imported data determines which commands run as this user, so no other user may be able to
 * write the folder or the files in it. Fails with `import/absent`, `import/untrusted`, `import/unreadable` and
 * `import/damaged`.
 */
export async function openTrusted(all: Files, root: string, client: string): Promise<TrustedFiles> {
  const files = readableFiles(all, client);
  const refuse = (found: Untrusted) => untrusted(root, found);
  const found = await files.untrusted(root);
  if (found) throw refuse(found);
  if ((await files.list(root)) === undefined) throw fail('import/absent', { client, path: shown(root) });
  const safe = new Set([root]);
  const seen = new Map<string, unknown>();
  const check = async (folder: string) => {
    if (safe.has(folder)) return;
    const inFolder = await files.untrusted(folder);
    if (inFolder) throw refuse(inFolder);
    safe.add(folder);
  };
  const read = async (path: string, maxBytes?: number): Promise<string | undefined> => {
    const bytes = await files.read(path, { trusted: refuse, ...present({ maxBytes }) });
    return bytes && new TextDecoder().decode(bytes);
  };
  return {
    async text(path, maxBytes) {
      await check(path.slice(0, path.lastIndexOf('/')));
      return read(path, maxBytes);
    },
    async linked(path) {
      const place = await files.place(path, seen);
      if (place.untrusted) throw refuse(place.untrusted);
      return { path: place.path, text: await read(place.path) };
    },
    async list(folder) {
      await check(folder);
      return [...((await files.list(folder)) ?? [])].sort();
    },
  };
}
