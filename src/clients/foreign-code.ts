import { fail } from '../core/errors.ts';
import { shellWord } from '../core/shell-word.ts';
import type { Files } from '../ports/files.ts';

/** Fails with `config/untrusted-code` if users other than root and the effective one could change what will be run. */
export async function refuseForeignCode(files: Pick<Files, 'foreign'>, path: string): Promise<void> {
  const foreign = await files.foreign(path);
  if (!foreign) return;
  const command = `${foreign.needsRoot ? 'sudo ' : ''}${foreign.command} ${foreign.change} ${shellWord(foreign.path)}`;
  throw fail('config/untrusted-code', { path, reason: foreign.reason, command });
}
