import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { publint } from 'publint';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.ts';

const run = promisify(execFile);

// The package as it would be published, beside files that must not get in.
let folder: string;
let dist: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certfleet-build-'));
  dist = join(folder, 'dist');
  await run('node', ['--import', 'tsx', 'scripts/build.ts', '--out', dist], { cwd: repositoryRoot });
  for (const file of [
    'package.json',
    'README.md',
    'README.zh-CN.md',
    'LICENSE',
    'CHANGELOG.md',
    'SECURITY.md',
    'docs',
    'examples',
  ]) {
    await cp(join(repositoryRoot, file), join(folder, file), { recursive: true }).catch(() => {});
  }
  for (const file of ['.env', 'src/core/x.ts', 'src/core/x.test.ts', 'test/support/ca.pem', 'scripts/build.ts']) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), 'not for the world');
  }
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('the package', () => {
  it('declares types that consumers can compile against', async () => {
    const consumer = join(folder, 'consumer');
    await mkdir(join(consumer, 'node_modules/@types'), { recursive: true });
    // As npm would install it: what is in the pack, beside the dependencies that it declares.
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', consumer], {
      cwd: folder,
    });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    const installed = join(consumer, 'node_modules/certfleet');
    await mkdir(installed, { recursive: true });
    await run('tar', ['-xzf', join(consumer, filename), '--strip-components=1', '-C', installed]);
    const { dependencies } = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
    };
    for (const name of [...Object.keys(dependencies), '@types/node', 'undici-types']) {
      await mkdir(dirname(join(consumer, 'node_modules', name)), { recursive: true });
      await symlink(join(repositoryRoot, 'node_modules', name), join(consumer, 'node_modules', name));
    }
    // The declarations themselves are checked too, so everything that they import must be there.
    const settings = { module: 'nodenext', target: 'es2023', strict: true, noEmit: true, skipLibCheck: false };
    await writeFile(join(consumer, 'package.json'), '{"type":"module"}');
    await writeFile(
      join(consumer, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: { ...settings, types: ['node'], preserveSymlinks: true }, files: ['use.ts'] }),
    );
    const use = `import { openFleet, type Fleet, type Settings, type World } from 'certfleet';
import { defineDnsProvider, secret, z } from 'certfleet/define';
export * as api from 'certfleet/api';
export * as testing from 'certfleet/testing';
export const open = (settings: Settings, world: World): Promise<Fleet> =>
  openFleet(settings, { world, env: {}, reporter: { report() {} } });
export default defineDnsProvider({
  id: 'mine', title: 'Mine', since: '0.1.0', tested: 'by me', options: z.object({ token: secret('API token') }),
  traits: { writes: 'value', minTtl: 60, maxConcurrent: 4 },
  connect: ({ options }) => ({
    kind: 'values',
    append: async (value) => \`\${value.name} \${options.token.reveal()}\`,
    remove: async () => {},
  }),
});
`;
    const compile = async (text: string) => {
      await writeFile(join(consumer, 'use.ts'), text);
      return run(join(repositoryRoot, 'node_modules/.bin/tsc'), ['-p', consumer]).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
    };
    expect(await compile(use)).toBe('');
    expect(await compile(use.replace("kind: 'values'", "kind: 'other'"))).toContain('use.ts');
  });

  it('packs only the build and the documents', async () => {
    const { bin } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as { bin: { certfleet: string } };
    const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { cwd: folder });
    const packed = (JSON.parse(stdout) as [{ files: { path: string }[] }])[0].files.map((file) => file.path);
    expect(packed).toEqual(
      expect.arrayContaining([
        'package.json',
        'LICENSE',
        'SECURITY.md',
        bin.certfleet,
        'dist/types/index.d.ts',
        'dist/THIRD-PARTY-NOTICES',
        'dist/sbom.cdx.json',
        'docs/reference/errors.md',
      ]),
    );
    const other = packed.filter(
      (path) =>
        !path.startsWith('dist/') &&
        !/^(package\.json|LICENSE|[A-Z]+(\.zh-CN)?\.md|docs\/[\w./-]+\.(md|png|svg|json)|examples\/[\w./-]+)$/.test(
          path,
        ),
    );
    expect(other).toEqual([]);
    // Including what the README links to.
    const readme = await readFile(join(folder, 'README.md'), 'utf8');
    const links = [...readme.matchAll(/\]\((docs\/[^)#]*)/g)].map(([, link]) => link!);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((link) => !packed.includes(link) && !packed.some((path) => path.startsWith(link)))).toEqual([]);
    expect(packed.filter((path) => /\.test\.|\.(pem|key|env)$|fixture/.test(path))).toEqual([]);
  });

  it('is a package without a fault that publint knows', async () => {
    const { messages } = await publint({ pkgDir: folder, strict: true });
    expect(messages.map(({ code, path, args }) => ({ code, path, args }))).toEqual([]);
  });

  it('contains no path of the machine it was built on', async () => {
    const files = (await readdir(dist, { recursive: true })).filter((file) => /\.(js|d\.ts|json)$|NOTICES/.test(file));
    expect(files.length).toBeGreaterThan(20);
    for (const file of files) {
      expect((await readFile(join(dist, file), 'utf8')).includes(repositoryRoot), file).toBe(false);
    }
  });
});
