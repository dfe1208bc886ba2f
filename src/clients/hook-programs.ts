import { join } from 'node:path';
import { programsNamed } from '../core/programs.ts';
import { untrustedCode } from '../core/untrusted-code.ts';
import type { Files, Foreign } from '../ports/files.ts';

/**
 * What users other than root and the effective user can change of the programs that a command names, or of the way to
 * them; undefined if there is nothing.
 */
export async function foreignProgram(
  files: Pick<Files, 'foreign' | 'list' | 'stat'>,
  command: string | readonly string[],
  home?: string,
): Promise<{ readonly program: string; readonly foreign: Foreign } | undefined> {
  for (const { path, as, isFolder } of programsNamed(command, home)) {
    const programs = isFolder
      ? ((await files.list(path).catch(() => undefined)) ?? []).map((name) => join(path, name))
      : [path];
    for (const program of [...(isFolder ? [path] : []), ...programs]) {
      const foreign = await files.foreign(program).catch(() => undefined);
      // Data of another user may be an argument of a program.
      if (foreign && (as === 'program' || (await mayRun(files, program, as)))) return { program, foreign };
    }
  }
  return undefined;
}

async function mayRun(files: Pick<Files, 'stat'>, path: string, as: 'file' | 'argument'): Promise<boolean> {
  const stat = await files.stat(path).catch(() => undefined);
  return stat?.kind === 'symlink' || (stat?.kind === 'file' && (as === 'file' || (stat.mode & 0o111) !== 0));
}

/**
 * Before a hook runs as root: fails with `config/untrusted-code` if another user could change a program that it names.
 * Other users' own hooks are theirs, and often open to their group.
 */
export async function refuseForeignPrograms(files: Files, command: string | readonly string[], home?: string) {
  if (files.user() !== 0) return;
  const found = await foreignProgram(files, command, home);
  if (found) throw untrustedCode(found.program, found.foreign);
}
