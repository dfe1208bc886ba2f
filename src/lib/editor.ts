import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fail, reasonOf } from '../core/errors.ts';

/** A text that a person has edited, and the file that it is in. */
export interface Edited {
  readonly text: string;
  readonly path: string;
  /** Removes the file and its folder. */
  remove(): Promise<void>;
}

/** Opens a text in the editor of `VISUAL` or `EDITOR`, at this terminal. Fails with `process/failed`. */
export async function editText(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Edited> {
  const editor = env['VISUAL'] || env['EDITOR'] || 'vi';
  const folder = await mkdtemp(join(tmpdir(), 'certfleet-edit-')); // mode 0700
  const path = join(folder, 'certfleet.yaml');
  await writeFile(path, text, { mode: 0o600 });
  // By a shell, because the variables may contain arguments (`code --wait`).
  const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', path], { stdio: 'inherit', signal });
  const status = await new Promise<number | string>((done, failed) => {
    child.once('error', failed);
    child.once('exit', (code, name) => done(code ?? name ?? 'unknown'));
  }).catch((cause: unknown) => {
    signal.throwIfAborted();
    throw fail('process/failed', { command: editor, reason: reasonOf(cause) }, { cause });
  });
  if (status !== 0)
    throw fail('process/failed', { command: editor, reason: `it ended with ${status}; your text is in ${path}` });
  return {
    text: await readFile(path, 'utf8'),
    path,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}
