import { type CertfleetError, fail, isFailure, reasonOf } from '../../core/errors.ts';

const advices: Readonly<Record<string, string>> = {
  EACCES:
    'Let the user that runs certfleet read and write this folder (and pass through those above it), or name another with --store.',
  EPERM: 'Let the user that runs certfleet read and write this folder, or name another with --store.',
  EROFS: 'Mount it writable, or name another folder with --store.',
  ENOSPC: 'Make room on this file system (blocks or inodes). Nothing that was stored is lost.',
  EDQUOT: 'Raise the quota or make room. Nothing that was stored is lost.',
  ENOTDIR: 'Name a folder with --store; a file is in the way.',
  EIO: 'The disk reports errors: look at the kernel’s log, and copy the store to another disk.',
  EMFILE: 'Raise the limit of open files (ulimit -n).',
  ENFILE: 'The machine has too many files open.',
  ESTALE: 'The network file system went away: mount it again.',
  ELOOP: 'Symbolic links lead in a circle: correct the path.',
};

const isSystemError = (error: unknown): error is NodeJS.ErrnoException =>
  error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';

/** What link(2) says where a file system has no hard links (vfat, exfat, many FUSE and SMB mounts). */
const noHardLinks = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EXDEV', 'EMLINK'];

/** A system error in words, as `store/unusable`; everything else as it is. */
export function unusable(root: string, error: unknown): unknown {
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
  return refused(root, `${reasonOf(error)}${where}`, advices[code] ?? 'Fix what is named above.', error);
}

export const refused = (path: string, reason: string, advice: string, cause?: unknown): CertfleetError =>
  fail('store/unusable', { path, reason, advice }, { cause });
