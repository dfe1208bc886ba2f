import { fail, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import type { Session } from '../context.ts';
import { wholePathOf } from './values.ts';

/** Reads a password from a file, without the line break at its end. */
export async function passwordIn(session: Session, flag: string, typed: string): Promise<Secret> {
  const path = wholePathOf(flag, typed, session.context.env);
  const unreadable = (reason: string) => fail('usage/file-unreadable', { typed: `${flag}${typed}`, reason });
  const { files } = await session.world();
  const bytes = await files.read(path, { named: true }).catch((error: unknown) => {
    throw isFailure(error) ? error : unreadable(reasonOf(error));
  });
  if (!bytes) throw unreadable('there is no such file');
  const stat = await files.stat(path);
  if (stat?.kind === 'file' && (stat.mode & 0o007) !== 0)
    session.complain(`warning: the password file ${path} can be read by every user: chmod 600 ${shellWord(path)}`);
  return new Secret(new TextDecoder().decode(bytes).replace(/\r?\n$/, ''));
}

/** Asks for a new password, twice. Without a terminal, says what to do instead. */
export async function askNewPassword(
  session: Session,
  { what, advice, question }: { readonly what: string; readonly advice: string; readonly question: string },
): Promise<Secret> {
  const ask = session.json ? undefined : session.context.askSecret;
  const first = await ask?.(question, session.signal);
  if (first === undefined) throw fail('usage/needs-terminal', { what, advice });
  const second = await ask?.('The same once more: ', session.signal);
  if (first !== second) throw fail('usage/password-unusable', { reason: 'the two passwords that you entered differ' });
  return new Secret(first);
}
