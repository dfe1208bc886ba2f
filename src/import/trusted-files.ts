import { fail, reasonOf } from '../core/errors.ts';
import type { Files, Foreign } from '../ports/files.ts';

/** The files of another client. */
export interface TrustedFiles {
  /** Text of a file; undefined if there is none. */
  text(path: string): Promise<string | undefined>;
  list(folder: string): Promise<readonly string[]>;
}

export const untrusted = (root: string, { reason, path, command, change }: Foreign): Error =>
  fail('import/untrusted', {
    path: root,
    reason,
    advice: `Run \`${command} ${change} ${path}\`, and look at its content.`,
  });

/**
 * What is imported says which commands run as this user, so nobody else may be able to write it: neither the folder, nor
 * the files in it. Fails with `import/absent` and `import/untrusted`.
 */
export async function openTrusted(files: Files, root: string, client: string): Promise<TrustedFiles> {
  const refuse = (foreign: Foreign) => untrusted(root, foreign);
  const foreign = await files.foreign(root);
  if (foreign) throw refuse(foreign);
  const names = await files.list(root).catch((cause: unknown) => {
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
      return [...((await files.list(folder)) ?? [])].sort();
    },
  };
}
