import { fail, isFailure, reasonOf } from '../core/errors.ts';
import type { Files, Foreign } from '../ports/files.ts';

/** The files of another client. */
export interface TrustedFiles {
  /** Text of a file; undefined if there is none. */
  text(path: string): Promise<string | undefined>;
  /** None if it is no folder. */
  list(folder: string): Promise<readonly string[]>;
}

export const untrusted = (root: string, { reason, path, command, change }: Foreign): Error =>
  fail('import/untrusted', {
    path: root,
    reason,
    advice: `Run \`${command} ${change} ${path}\`, and look at its content.`,
  });

/** The same files; what this user may not read fails with `import/unreadable`. */
export function readableFiles(files: Files, client: string): Files {
  const read =
    <A extends readonly [string, ...unknown[]], T>(method: (...args: A) => Promise<T>) =>
    (...args: A): Promise<T> =>
      method(...args).catch((cause: unknown) => {
        const [path] = args;
        const isDenied = ['EACCES', 'EPERM'].includes((cause as { readonly code?: string }).code ?? '');
        throw isDenied ? fail('import/unreadable', { client, path, reason: reasonOf(cause) }, { cause }) : cause;
      });
  return {
    ...files,
    ...{ read: read(files.read), list: read(files.list), stat: read(files.stat) },
    ...{ readLink: read(files.readLink), foreign: read(files.foreign) },
  };
}

/**
 * What is imported says which commands run as this user, so nobody else may be able to write it: neither the folder, nor
 * the files in it. Fails with `import/absent`, `import/untrusted` and `import/unreadable`.
 */
export async function openTrusted(all: Files, root: string, client: string): Promise<TrustedFiles> {
  const files = readableFiles(all, client);
  const refuse = (foreign: Foreign) => untrusted(root, foreign);
  const foreign = await files.foreign(root);
  if (foreign) throw refuse(foreign);
  const names = await files.list(root).catch((cause: unknown) => {
    if (isFailure(cause)) throw cause;
    throw fail('import/unreadable', { client, path: root, reason: reasonOf(cause) }, { cause });
  });
  if (names === undefined) throw fail('import/absent', { client, path: root });
  const safe = new Set([root]);
  const check = async (folder: string) => {
    if (safe.has(folder)) return;
    const inFolder = await files.foreign(folder);
    if (inFolder) throw refuse(inFolder);
    safe.add(folder);
  };
  return {
    async text(path) {
      await check(path.slice(0, path.lastIndexOf('/')));
      const bytes = await files.read(path, { trusted: refuse });
      return bytes && new TextDecoder().decode(bytes);
    },
    async list(folder) {
      await check(folder);
      const names = await files.list(folder).catch((error: unknown) => {
        if ((error as { readonly code?: string }).code === 'ENOTDIR') return [];
        throw error;
      });
      return [...(names ?? [])].sort();
    },
  };
}
