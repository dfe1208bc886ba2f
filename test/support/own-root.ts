import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * vitest's globalSetup: a folder stands in for `/` where the program looks for its defaults, so that no test reads or
 * changes the certfleet of this machine (src/config/defaults.ts).
 */
export default function setup(): () => void {
  const root = mkdtempSync(join(tmpdir(), 'certfleet-root-'));
  process.env['CERTFLEET_ROOT'] = root;
  return () => rmSync(root, { recursive: true, force: true });
}
