import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.ts';

const run = promisify(execFile);

// A newcomer adds a DNS provider: the two files of CONTRIBUTING.md's template, `npm run gen`, `npm run check`.

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certfleet-contributing-'));
  const { stdout } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: repositoryRoot,
  });
  for (const file of stdout.split('\0').filter(Boolean)) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await cp(join(repositoryRoot, file), join(folder, file)).catch(() => {}); // removed, and git not told yet
  }
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  // What CI has too: biome reads .gitignore through git.
  await run('git', ['init', '--quiet'], { cwd: folder });
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every file but node_modules and git's own, with its content. */
async function contents(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (/^(node_modules|\.git)\//.test(path)) continue;
    found.set(path, await readFile(join(folder, path), 'utf8'));
  }
  return found;
}

const npm = (script: string, ...args: readonly string[]) =>
  run('npm', ['run', '-s', script, ...(args.length > 0 ? ['--', ...args] : [])], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  }).then(
    () => 'fine',
    (error: { stdout: string; stderr: string }) => `${error.stdout}${error.stderr}`,
  );

describe("CONTRIBUTING's template", () => {
  it('adds a DNS provider with one file and its test, and everything stays in order', async () => {
    expect(await npm('gen', '--check')).toBe('fine');
    const [before, unusedBefore] = [await contents(), await npm('knip')];
    const text = await readFile(join(folder, 'CONTRIBUTING.md'), 'utf8');
    const templates = [...text.matchAll(/^```ts template (\S+)\n(.*?)^```$/gms)];
    expect(templates.map(([, path]) => path)).toEqual(['src/dns/exampledns.ts', 'src/dns/exampledns.test.ts']);
    for (const [, path, code] of templates) await writeFile(join(folder, path!), code!);

    expect(await npm('gen', '--check')).toContain('src/generated/registry.ts'); // stale, and it says so
    expect(await npm('gen')).toBe('fine');
    // `npm run check`, step by step; of its tests those that look at the tree (this one is among the others).
    expect(await npm('types')).toBe('fine');
    expect(await npm('lint')).toBe('fine');
    expect(await npm('gen', '--check')).toBe('fine');
    expect(await npm('knip')).toBe(unusedBefore);
    const providers = (await run('node', ['--import', 'tsx', 'src/cli/index.ts', 'providers'], { cwd: folder })).stdout;
    expect(providers).toMatch(/^ *exampledns +Example DNS/m);
    const { stdout } = await run('node_modules/.bin/vitest', ['run', '--project', 'unit', 'src/dns/exampledns'], {
      cwd: folder,
    });
    expect(Number(/(\d+) passed, 0 failed/.exec(stdout)?.[1])).toBeGreaterThan(12);
    const tree = ['test/real/layers.test.ts', 'test/real/build.test.ts'];
    const looked = await run('node_modules/.bin/vitest', ['run', '--project', 'real', ...tree], { cwd: folder });
    expect(looked.stdout).toMatch(/\d+ passed, 0 failed/);

    const after = await contents();
    const changed = [...after].filter(([path, content]) => before.get(path) !== content).map(([path]) => path);
    const made = (path: string) => path.startsWith('src/generated/') || path.startsWith('docs/reference/');
    expect(changed.filter((path) => !made(path)).sort()).toEqual([
      'src/dns/exampledns.test.ts',
      'src/dns/exampledns.ts',
    ]);
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual([]);
    expect(after.get('docs/reference/dns-providers.md')).toContain('Example DNS');
  });
});
