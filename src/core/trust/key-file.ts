import { shellWord } from '../text/shell-word.ts';

/**
 * Returns why a new private key must not replace a file, or undefined if it may. Another user may have created the file
 * while that user owned the folder, and chosen its group and mode, so these do not say who may read the key.
 */
export function whyNoKeyFile(path: string, { uid }: { readonly uid: number }, user: number): string | undefined {
  if (uid === 0 || uid === user) return undefined;
  const [owner, word] = [user === 0 ? 'root' : `${user}`, shellWord(path)];
  return `${path} belongs to user ${uid}, who could read each new private key: remove it, or, if a server reads it, run \`chown ${owner}:GROUP ${word}\` with that server’s group, and \`chmod 640 ${word}\``;
}
