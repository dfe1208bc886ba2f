import { dirname, join } from 'node:path';
import type { Files, Untrusted } from '../../ports/files.ts';

/**
 * Returns what users other than root and the effective user can change on the way to a file of the configuration: its
 * folders, a link, or the file. A folder that such a user can write is fine if it is a mounted ConfigMap, which has mode
 * 0777: only root can have put the link `..data` there, and each file or link in it must belong to root, too.
 */
export async function untrustedAt(
  files: Pick<Files, 'stat' | 'untrusted' | 'user'>,
  path: string,
): Promise<Untrusted | undefined> {
  const found = await files.untrusted(path);
  if (found?.command !== 'chmod' || !(await isOurs(join(found.path, '..data')))) return found;
  for (const at of [dirname(path), path])
    if (!(await isOurs(at))) {
      const reason = `${at} belongs to another user`;
      return { path: at, reason, command: 'rm', change: '', needsRoot: files.user() !== 0 };
    }
  return undefined;

  /** Reports whether what is there belongs to root or the effective user. A link is not followed. */
  async function isOurs(at: string): Promise<boolean> {
    const stat = await files.stat(at);
    return stat !== undefined && (stat.uid === 0 || stat.uid === files.user());
  }
}
