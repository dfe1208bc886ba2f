import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * vitest's globalSetup: the program's default paths are below a folder of its own, so that no test reads or changes
 * this machine's certfleet (src/config/defaults.ts).
 */
export default function setup(): () => void {
  const root = mkdtempSync(join(tmpdir(), 'certfleet-root-'));
  process.env['CERTFLEET_ROOT'] = root;
  return () => rmSync(root, { recursive: true, force: true });
}
