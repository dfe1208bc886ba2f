import { execFile } from 'node:child_process';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { repositoryRoot, temporaryFolder } from '../support/service.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// The tests in an environment where the default paths are taken (test/real/default-paths.test.ts). It tests tests.

stopAllAfterwards();

const execute = promisify(execFile);

/** A shell in a mount namespace, with a configuration and a store planted at the real default paths. */
async function plantedMachine(): Promise<((script: string) => Promise<string>) | undefined> {
  const folder = await temporaryFolder('planted');
  const enter = join(folder, 'enter');
  await writeFile(
    enter,
    `#!/bin/sh -e
mount -t tmpfs none ${folder}
for place in etc var/lib; do
  mkdir -p ${folder}/$place/upper ${folder}/$place/work
  mount -t overlay none -o lowerdir=/$place,upperdir=${folder}/$place/upper,workdir=${folder}/$place/work /$place
done
mkdir -p /etc/certfleet
echo 'planted: on this machine' > /etc/certfleet/certfleet.yaml
rm -rf /var/lib/certfleet
echo 'a file is in the way' > /var/lib/certfleet
cd ${repositoryRoot}
exec "$@"
`,
  );
  await chmod(enter, 0o755);
  const namespace = ['--mount', ...(process.getuid?.() === 0 ? [] : ['--map-root-user'])];
  const run = async (...command: string[]) => {
    // Samples are enough to see what the tests read.
    const { VITEST: _, NODE_OPTIONS: __, CERTFLEET_LONG: ___, ...env } = process.env;
    const { stdout, stderr } = await execute('unshare', [...namespace, enter, ...command], {
      env: { ...env, CERTFLEET_ROOT: undefined },
      maxBuffer: 64 * 1024 * 1024,
    }).catch((error: { stdout: string; stderr: string }) => error);
    return `${stdout}${stderr}`;
  };
  const works = await run('cat', '/etc/certfleet/certfleet.yaml');
  return works.includes('planted') ? (script) => run('/bin/sh', '-c', script) : undefined;
}

describe('a configuration and a store planted at the default paths', async () => {
  const planted = await plantedMachine();
  if (!planted) noteSkipped('not tested: no test reads /etc/certfleet (mount namespaces are not allowed here)');

  it.runIf(planted)('are used by the program, and by no test', async () => {
    const read = await planted!('node --import tsx src/cli/index.ts status');
    expect(read).toContain('/etc/certfleet/certfleet.yaml:1: unknown key "planted"');
    const store = await planted!('node --import tsx src/cli/index.ts status --config /dev/null');
    expect(store).toContain('the store /var/lib/certfleet cannot be used');

    const units = await planted!('node_modules/.bin/vitest run --project unit src/cli src/config');
    expect(units).toMatch(/ 0 failed/);
    const real = await planted!(
      'node_modules/.bin/vitest run --project real test/real/cli-run.test.ts -t "the built command line"',
    );
    expect(real).toMatch(/ 0 failed/);
  });
});
