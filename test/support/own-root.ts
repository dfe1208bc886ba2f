import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * vitest's globalSetup: the program's default paths are below a folder of its own, so that no test reads or changes
 * this machine's certfleet (src/config/settings/defaults.ts).
 */
export default function setup(): () => void {
  const root = mkdtempSync(join(tmpdir(), 'certfleet-root-'));
  const cache = mkdtempSync(join(tmpdir(), 'certfleet-cache-'));
  process.env['CERTFLEET_ROOT'] = root;
  // Below the root, it would be among what tests leave there.
  process.env['CERTFLEET_CODE_CACHE'] = cache;
  return () => {
    for (const folder of [root, cache]) rmSync(folder, { recursive: true, force: true });
  };
}
