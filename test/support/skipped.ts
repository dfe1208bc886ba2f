import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const skippedFileVariable = 'CERTFLEET_SKIPPED_FILE';

/**
 * vitest's globalSetup. Test files run in separate processes, so a file collects which tests were skipped because a
 * program is missing, and the end of the run prints them.
 */
export default function setup(): () => void {
  const folder = mkdtempSync(join(tmpdir(), 'certfleet-skipped-'));
  const file = join(folder, 'lines');
  process.env[skippedFileVariable] = file;
  return () => {
    for (const line of readLines(file)) process.stderr.write(`${line}\n`);
    rmSync(folder, { recursive: true, force: true });
  };
}

function readLines(file: string): readonly string[] {
  try {
    return [...new Set(readFileSync(file, 'utf8').split('\n').filter(Boolean))];
  } catch {
    return [];
  }
}
