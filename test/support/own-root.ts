import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * vitest's globalSetup: the program's default paths are below a folder of its own, so that no test reads or changes
 * this machine's certfleet (src/config/settings/defaults.ts). Nor does a test trust the roots that only this machine has.
 */
export default function setup(): () => void {
  const root = mkdtempSync(join(tmpdir(), 'certfleet-root-'));
  const cache = mkdtempSync(join(tmpdir(), 'certfleet-cache-'));
  process.env['CERTFLEET_ROOT'] = root;
  // Below the root, it would be among what tests leave there.
  process.env['CERTFLEET_CODE_CACHE'] = cache;
  // Roots that this machine adds to Node's: each client and process of a test would parse all of them again.
  delete process.env['NODE_EXTRA_CA_CERTS'];
  return () => {
    for (const folder of [root, cache]) rmSync(folder, { recursive: true, force: true });
  };
}
