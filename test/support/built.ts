import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { repositoryRoot } from './service.ts';

const variable = 'CERTFLEET_BUILT';

/**
 * vitest's globalSetup of the real tests: builds the program once for all files, from the sources as they are now, into
 * a folder outside the repository.
 */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(tmpdir(), 'certfleet-built-'));
  const dist = join(folder, 'dist');
  const build = ['--import', 'tsx', 'scripts/build.ts', '--out', dist, '--no-types'];
  await promisify(execFile)(process.execPath, build, { cwd: repositoryRoot });
  process.env[variable] = dist;
  return () => rm(folder, { recursive: true, force: true });
}

/** The command line that was built for this run. */
export function builtProgram(): string {
  const dist = process.env[variable];
  if (dist === undefined) throw new Error(`${variable} is missing: run this test with \`vitest --project real\``);
  return join(dist, 'cli.cjs');
}
