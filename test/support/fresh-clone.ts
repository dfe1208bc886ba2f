import { execFile } from 'node:child_process';
import { cp, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './service.ts';

const run = promisify(execFile);

/** Makes a clone with everything that git knows or would add here, also what is not committed yet. */
export async function makeFreshClone(folder: string): Promise<void> {
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
    maxBuffer: 16 * 1024 * 1024,
  });
  for (const file of stdout.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(repositoryRoot, file), join(folder, file)).catch(() => {}); // removed, but not yet in git
  }
  // As in CI: biome reads .gitignore through git. Committed, so that vitest finds what has changed.
  const git = (...args: readonly string[]) =>
    run('git', ['-c', 'user.name=n', '-c', 'user.email=n', ...args], { cwd: folder });
  await git('init', '--quiet');
  await git('add', '--all');
  await git('commit', '--quiet', '--no-gpg-sign', '--message=As it is');
}
