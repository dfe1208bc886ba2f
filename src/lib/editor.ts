import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, reasonOf } from '../core/errors/errors.ts';
import { shellWord } from '../core/text/shell-word.ts';
import { untrustedOn } from './trust/untrusted.ts';

/** A text that a person edited, and the file that contains it. */
export interface Edited {
  readonly text: string;
  readonly path: string;
  /** Removes the file and its folder. */
  remove(): Promise<void>;
}

/**
 * Opens a text in the editor of `VISUAL` or `EDITOR`, or in `vi` at a terminal. Fails with `usage/invalid` if there is
 * no editor, or if the editor fails. Then the file stays only if the person changed it. After an abort, ends the
 * editor, and resolves with the content of the file.
 */
export async function editText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  { isTerminal, signal }: { readonly isTerminal: boolean; readonly signal: AbortSignal },
): Promise<Edited> {
  const editor = env['VISUAL'] || env['EDITOR'] || (isTerminal ? 'vi' : undefined);
  if (editor === undefined)
    throw fail('usage/needs-terminal', {
      what: '`certfleet edit`',
      advice: 'Set $VISUAL or $EDITOR to an editor that does not need one.',
    });
  signal.throwIfAborted();
  // Settings name hooks. A user who can rename the new folder can replace it by another one, with other settings.
  const parent = tmpdir();
  const hint = 'Name another folder: TMPDIR=/var/tmp';
  const untrusted = untrustedOn(join(parent, 'certfleet-edit'));
  if (untrusted)
    throw fail(
      'usage/place-untrusted',
      {
        place: `${parent} ($TMPDIR)`,
        harm: 'change what you edit there',
        reason: untrusted.reason,
      },
      { hint },
    );
  const folder = await mkdtemp(join(parent, 'certfleet-edit-')).catch((cause: unknown) => {
    throw fail('usage/place-unwritable', { place: `${parent} ($TMPDIR)`, reason: reasonOf(cause) }, { cause, hint });
  }); // created with mode 0700
  const remove = () => rm(folder, { recursive: true, force: true });
  const path = join(folder, 'certfleet.yaml');
  await writeFile(path, text, { mode: 0o600 });
  // Runs in a shell, because the variables may contain arguments (`code --wait`). `exec` replaces the shell, so that a
  // signal reaches the editor.
  const command = /^[\w./-]+( [\w./=+-]+)*$/.test(editor) ? `exec ${editor}` : editor;
  const child = spawn('/bin/sh', ['-c', `${command} "$1"`, 'sh', path], { stdio: 'inherit' });
  const end = () => void child.kill();
  signal.addEventListener('abort', end);
  const status = await new Promise<number | string>((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code, name) => done(code ?? name ?? 'unknown'));
  })
    .catch(async (cause: unknown) => {
      await remove();
      throw fail('process/failed', { command: editor, reason: reasonOf(cause) }, { cause });
    })
    .finally(() => signal.removeEventListener('abort', end));
  const unchanged = async (outcome: string, edited: string | undefined) => {
    const isWorthKeeping = edited !== undefined && edited !== text;
    if (!isWorthKeeping) await remove();
    const where = isWorthKeeping ? `; what you wrote is in ${shellWord(path)} until you delete it` : '';
    return fail('usage/editor-failed', { editor, outcome, where });
  };
  const edited = await readFile(path, 'utf8').catch(() => undefined);
  if (signal.aborted && edited !== undefined) return { text: edited, path, remove };
  if (status !== 0) throw await unchanged(`ended with ${status}`, edited);
  if (edited === undefined) throw await unchanged('has removed the file', edited);
  return { text: edited, path, remove };
}
