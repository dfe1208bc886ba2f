import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import type { Files, Untrusted } from '../../ports/files.ts';

const advices: Readonly<Record<string, string>> = {
  EACCES:
    'Allow the user that runs certfleet to read and write this folder (and to enter its parents), or name another one with --store.',
  EPERM: 'Allow the user that runs certfleet to read and write this folder, or name another one with --store.',
  EROFS: 'Mount it writable, or name another folder with --store.',
  ENOSPC: 'Make room on this file system (blocks or inodes). Nothing in the store is lost.',
  EDQUOT: 'Raise the quota or make room. Nothing in the store is lost.',
  ENOTDIR: 'Name a folder with --store; a file is in the way.',
  EIO: 'The disk reports errors: check the kernel’s log, and copy the store to another disk.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENFILE: 'The machine has too many files open.',
  ESTALE: 'The network file system is gone: mount it again.',
  ELOOP: 'Symbolic links form a loop: correct the path.',
};

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';

/** The errors of link(2) on a file system without hard links (vfat, exfat, many FUSE and SMB mounts). */
const noHardLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'];

/** Turns a system error into `store/unusable`; returns other errors unchanged. */
async function unusable(root: string, files: Files, error: unknown): Promise<unknown> {
  if (isFailure(error) || !isSystemError(error)) return error;
  const code = error.code ?? '';
  if (error.syscall === 'link' && noHardLinks.includes(code)) {
    return refused(
      root,
      'its file system has no hard links',
      'Use a local file system such as ext4, xfs or btrfs, or NFS.',
      error,
    );
  }
  const where = error.path && error.path !== root ? ` (${error.path})` : '';
  const advice = (await adviceForOwner(root, files, error)) ?? advices[code] ?? 'Fix the error above.';
  return refused(root, `${reasonOf(error)}${where}`, advice, error);
}

/** Advises what to do if the folder belongs to another user, which is common for the volume of a container. */
async function adviceForOwner(
  root: string,
  files: Files,
  { code, path = root }: NodeJS.ErrnoException,
): Promise<string | undefined> {
  const user = files.user();
  if (user === 0 || (code !== 'EACCES' && code !== 'EPERM')) return undefined;
  const ownerOf = async (place: string) => (await files.stat(place).catch(() => undefined))?.uid;
  const owner = [await ownerOf(root), await ownerOf(path)].find((uid) => uid !== undefined && uid !== user);
  if (owner === undefined) return undefined;
  const name = owner === 0 ? 'root' : `user ${owner}`;
  const change = `chown -R ${user}`;
  return (
    `The folder belongs to ${name}, and certfleet runs as user ${user}: as root, run \`${change} ${shellWord(root)}\`, or run ` +
    `certfleet as ${name}. With docker, change the mounted folder on the host (\`sudo ${change} FOLDER\`), or give ` +
    `\`docker run\` the flag \`--user ${owner}\`.`
  );
}

export const refused = (path: string, reason: string, advice: string, cause?: unknown): CertfleetError =>
  fail('store/unusable', { path, reason, advice }, { cause });

/**
 * The error for a store that others can write to. They may have written anywhere in it, so the remedy covers all of it.
 */
export function untrusted(root: string, found: Untrusted): CertfleetError {
  const { path, reason, command, change, needsRoot } = found;
  if (command === 'rm' || command === 'none')
    return fail('store/untrusted', {
      path: root,
      reason,
      advice: `Check the contents of the store, then ${remedyOf(found)}.`,
    });
  const isInside = path === root || path.startsWith(`${root}/`);
  const remedy = isInside ? `${command} -R ${change} ${shellWord(root)}` : `${command} ${change} ${shellWord(path)}`;
  const then = needsRoot ? 'then, as root,' : 'then';
  const first = command === 'chown' ? 'Run certfleet as that user (`docker run --user`). Or check' : 'Check';
  return fail('store/untrusted', {
    path: root,
    reason,
    advice: `${first} the contents of the store, ${then} \`${remedy}\`.`,
  });
}

/**
 * Wraps the calls of a store: does not start them if the signal is aborted or the place is not trusted, and words
 * system errors.
 */
export const createGuard =
  (root: string, files: Files, trust: () => Promise<void>) =>
  async <T>(signal: AbortSignal, call: () => Promise<T>): Promise<T> => {
    signal.throwIfAborted();
    try {
      await trust();
      return await call();
    } catch (error) {
      throw await unusable(root, files, error);
    }
  };
