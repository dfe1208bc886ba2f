import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildCertfleet, type Certfleet, succeeded } from '../support/e2e.ts';
import { repositoryRoot, temporaryFolder } from '../support/service.ts';
import { stopAllAfterwards } from '../support/vitest.ts';

// A machine that runs the tests may also run certfleet. Tests must not use the program's default paths: what is there
// would order real certificates and deliver them (test/long/planted-paths.test.ts runs some with such files).

stopAllAfterwards();

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
