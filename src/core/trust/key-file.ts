import { shellWord } from '../text/shell-word.ts';

/**
 * Why a new private key must not replace a file, in words; undefined if it may. Another user may have made the file while
 * the folder was his, and chosen its group and its mode, so it does not say who may read the key.
 */
export function whyNoKeyFile(path: string, { uid }: { readonly uid: number }, user: number): string | undefined {
  if (uid === 0 || uid === user) return undefined;
  const [owner, word] = [user === 0 ? 'root' : `${user}`, shellWord(path)];
  return `${path} belongs to user ${uid}, who could read each new private key: remove it, or, if a server reads it, run \`chown ${owner}:GROUP ${word}\` with that server’s group, and \`chmod 640 ${word}\``;
}
