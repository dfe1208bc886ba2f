import { join } from 'node:path';
import { programsNamed } from '../core/trust/programs.ts';
import { untrustedCode } from '../core/trust/untrusted-code.ts';
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
  const namesIn = async (folder: string) => (await files.list(folder).catch(() => undefined)) ?? [];
  for (const { path, as, isFolder, isPattern } of programsNamed(command, home)) {
    const programs = isPattern
      ? await matching(path, namesIn)
      : isFolder
        ? (await namesIn(path)).map((name) => join(path, name))
        : [path];
    for (const program of [...(isFolder ? [path] : []), ...programs]) {
      const foreign = await files.foreign(program).catch(() => undefined);
      // Data of another user may be an argument of a program.
      if (foreign && (as === 'program' || (await mayRun(files, program, as)))) return { program, foreign };
    }
  }
  return undefined;
}

/** More paths would take too long; what is left out is not checked. */
const maxMatches = 10_000;

/** The paths that a glob matches, and those to which it leads as far as they are there. */
async function matching(pattern: string, namesIn: (folder: string) => Promise<readonly string[]>) {
  let paths: readonly string[] = ['/'];
  for (const part of pattern.split(/\/+/).filter(Boolean)) {
    const isMatch = /[*?[]/.test(part) ? globOf(part) : undefined;
    const found: string[] = [];
    for (const path of paths) {
      const names = isMatch ? (await namesIn(path)).filter((name) => isMatch.test(name)) : [part];
      found.push(...names.map((name) => join(path, name)));
      if (found.length > maxMatches) break;
    }
    paths = found;
  }
  return paths;
}

/** Brackets match any letter, which is more than a shell matches. A variable or an alternative matches anything. */
const globOf = (part: string): RegExp => {
  const any = part.replace(/\[[^\]]*\]?/g, '?').replace(/[$`{].*$/, '*');
  return new RegExp(
    `^${any
      .replace(/[.+^|()\\{}$]/g, '\\$&')
      .replace(/\*+/g, '.*')
      .replaceAll('?', '.')}$`,
    's',
  );
};

async function mayRun(files: Pick<Files, 'stat'>, path: string, as: 'file' | 'argument'): Promise<boolean> {
  const stat = await files.stat(path).catch(() => undefined);
  return stat?.kind === 'symlink' || (stat?.kind === 'file' && (as === 'file' || (stat.mode & 0o111) !== 0));
}

/**
 * Before a hook runs as root: fails with `config/untrusted-code` if another user could change a program that it names.
 * Other users' own hooks are theirs, and often open to their group.
 */
export async function refuseForeignPrograms(
  files: Pick<Files, 'foreign' | 'list' | 'stat' | 'user'>,
  command: string | readonly string[],
  home?: string,
) {
  if (files.user() !== 0) return;
  const found = await foreignProgram(files, command, home);
  if (found) throw untrustedCode(found.program, found.foreign);
}
