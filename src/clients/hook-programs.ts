import { join } from 'node:path';
import { programsNamed } from '../core/trust/programs.ts';
import { untrustedCode } from '../core/trust/untrusted-code.ts';
import type { Files, Untrusted } from '../ports/files.ts';

/**
 * Returns what users other than root and the effective user can change of the programs that a command names, or of the
 * folders that lead to them. Returns undefined if they can change nothing.
 */
export async function untrustedProgram(
  files: Pick<Files, 'untrusted' | 'list' | 'stat'>,
  command: string | readonly string[],
  home?: string,
): Promise<{ readonly program: string; readonly untrusted: Untrusted } | undefined> {
  const namesIn = async (folder: string) => (await files.list(folder).catch(() => undefined)) ?? [];
  for (const { path, as, isFolder, isPattern } of programsNamed(command, home)) {
    const programs = isPattern
      ? await matching(path, namesIn)
      : isFolder
        ? (await namesIn(path)).map((name) => join(path, name))
        : [path];
    for (const program of [...(isFolder ? [path] : []), ...programs]) {
      const untrusted = await files.untrusted(program).catch(() => undefined);
      // A program's argument may be data of another user.
      if (untrusted && (as === 'program' || (await mayRun(files, program, as)))) return { program, untrusted };
    }
  }
  return undefined;
}

/** Checking more paths would take too long. The rest is not checked. */
const maxMatches = 10_000;

/** Returns the paths that a glob matches, and the targets of links among them, as far as they exist. */
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

/**
 * Converts a shell pattern, never matching less than a shell: brackets match any letter, and a variable or an
 * alternative matches anything.
 */
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
 * Checks a hook before it runs as root. Fails with `config/untrusted-code` if another user could change a program that
 * it names. Hooks that run as other users are not checked: they belong to those users, and are often writable by their
 * group.
 */
export async function refuseUntrustedPrograms(
  files: Pick<Files, 'untrusted' | 'list' | 'stat' | 'user'>,
  command: string | readonly string[],
  home?: string,
) {
  if (files.user() !== 0) return;
  const found = await untrustedProgram(files, command, home);
  if (found) throw untrustedCode(found.program, found.untrusted);
}
