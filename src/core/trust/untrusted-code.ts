import { type CertfleetError, fail } from '../errors/errors.ts';
import { shellWord } from '../text/shell-word.ts';

/** A file, folder or link that other users can change. See the port `Files`. */
interface Untrusted {
  readonly path: string;
  readonly reason: string;
  readonly command: 'chown' | 'chmod' | 'rm' | 'none';
  readonly change: string;
  readonly needsRoot: boolean;
}

/** Returns what to do about it, as the rest of a sentence. */
export function remedyOf({ path, command, change, needsRoot }: Untrusted): string {
  if (command === 'none') return `choose a place other than ${path}, which is open to all users`;
  const words = [...(needsRoot ? ['sudo'] : []), command, ...(change === '' ? [] : [change]), shellWord(path)];
  return `run \`${words.join(' ')}\``;
}

/** Returns the error for code that certfleet refuses to run because another user could change it. */
export const untrustedCode = (path: string, untrusted: Untrusted): CertfleetError =>
  fail('config/untrusted-code', { path, reason: untrusted.reason, remedy: remedyOf(untrusted) });
