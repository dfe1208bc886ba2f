import { execFile } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildCertfleet, type Certfleet, succeeded } from '../support/e2e.ts';
import { repositoryRoot, temporaryFolder } from '../support/service.ts';
import { noteSkipped, stopAllAfterwards } from '../support/vitest.ts';

// A machine that runs the tests may also run certfleet. Tests must not use the program's default paths: what is there
// would order real certificates and deliver them.

stopAllAfterwards();

const execute = promisify(execFile);
const declared = `issuers: { le: { directory: letsencrypt } }
solvers: { web: { type: http01-responder } }
certificates: [{ name: planted, identifiers: [planted.example.com] }]
`;

let certfleet: Certfleet;
let root: string;

beforeAll(async () => {
  certfleet = await buildCertfleet();
  root = await temporaryFolder('root');
});

describe('CERTFLEET_ROOT', () => {
  it('replaces / in every default path', async () => {
    const file = join(root, 'etc/certfleet/certfleet.yaml');
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, declared);
    const env = { CERTFLEET_ROOT: root };
    const checked = await certfleet(['config', 'check'], { env });
    succeeded(checked);
    expect(checked.stdout).toContain(`${file} is valid: 1 certificate`);
    const status = await certfleet(['status'], { env });
    expect(status.stdout).toContain(`there is no store at ${join(root, 'var/lib/certfleet')}`);
  });

  it('is set for every test, and is empty', async () => {
    const own = process.env['CERTFLEET_ROOT'];
    expect(await readdir(own ?? '/')).toEqual([]);
    expect((await certfleet(['config', 'check'])).stdout).toContain('There is no configuration');
    for (const file of (await readdir(join(repositoryRoot, 'test'), { recursive: true })).filter((name) =>
      name.endsWith('.ts'),
    )) {
      const text = await readFile(join(repositoryRoot, 'test', file), 'utf8');
      if (file === 'support/built.ts') continue; // It starts the build, not the program.
      if (/['/]cli\.cjs'/.test(text) && /\b(spawn|execFile)\b/.test(text))
        expect(text, file).toContain('bareEnvironment');
    }
  });
});

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
    const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env;
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
