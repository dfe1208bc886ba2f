import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeFreshClone } from '../support/fresh-clone.ts';
import { repositoryRoot } from '../support/service.ts';

const run = promisify(execFile);

// A newcomer adds DNS providers: `npm run new dns NAME`, `npm run gen`, `npm run check`.

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certfleet-contributing-'));
  await makeFreshClone(folder);
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

/** Every file with its content, except node_modules and git's own. */
async function contents(): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name).slice(folder.length + 1);
    if (/^(node_modules|\.git|\.cache)\//.test(path)) continue;
    found.set(path, await readFile(join(folder, path), 'utf8'));
  }
  return found;
}

// A new provider needs no long tests.
const { CERTFLEET_LONG: _, ...asUsual } = process.env;

const npm = (script: string, ...args: readonly string[]) =>
  run('npm', ['run', '-s', script, ...args], { cwd: folder, env: asUsual, maxBuffer: 64 * 1024 * 1024 }).then(
    ({ stdout }) => ({ ok: true, output: stdout }),
    (error: { stdout: string; stderr: string }) => ({ ok: false, output: `${error.stdout}${error.stderr}` }),
  );
/** The output of vitest's reporter `json`. */
interface UnitReport {
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly assertionResults: readonly unknown[];
  }[];
}

const fine = { ok: true, output: expect.anything() };
const ids = ['exampledns', 'anotherexampledns2'] as const;

describe("CONTRIBUTING's template", () => {
  it('adds DNS providers with one file and its test each, and every check passes', async () => {
    const before = await contents();
    expect(await npm('new', 'dns', 'Example DNS')).toMatchObject({
      ok: true,
      output: expect.stringContaining('npx vitest run --project unit src/dns/exampledns\n'),
    });
    expect(await npm('new', 'dns', 'Another Example DNS 2')).toEqual(fine);
    const text = before.get('CONTRIBUTING.md') ?? '';
    for (const [, path, code] of text.matchAll(/^```ts template (\S+)\n(.*?)^```$/gms))
      expect(await readFile(join(folder, path!), 'utf8')).toBe(code);

    expect((await npm('gen', '--', '--check')).output).toContain('src/generated/registry.ts'); // out of date
    expect(await npm('gen')).toEqual(fine);
    // `npm run check`, step by step; of test/real, only the tests that check the source tree.
    expect(await npm('types')).toEqual(fine);
    expect(await npm('lint')).toEqual(fine);
    expect(await npm('gen', '--', '--check')).toEqual(fine);
    expect(await npm('knip')).toEqual(fine);
    const providers = (await run('node', ['--import', 'tsx', 'src/cli/index.ts', 'providers'], { cwd: folder })).stdout;
    expect(providers).toMatch(/^ *exampledns +Example DNS/m);
    const report = join(folder, '.cache/unit.json');
    await npm('test:unit', '--', '--reporter=json', `--outputFile=${report}`);
    const unit = JSON.parse(await readFile(report, 'utf8')) as UnitReport;
    expect(unit.testResults.filter(({ status }) => status !== 'passed')).toEqual([]);
    for (const id of ids) {
      const file = unit.testResults.find(({ name }) => name.endsWith(`/src/dns/${id}.test.ts`));
      expect(file?.assertionResults.length).toBeGreaterThan(12);
    }
    expect(await npm('test:simulation')).toEqual(fine);
    const tree = ['test/real/layers.test.ts', 'test/real/build.test.ts'];
    const looked = await run('node_modules/.bin/vitest', ['run', '--project', 'real', ...tree], { cwd: folder });
    expect(looked.stdout).toMatch(/\d+ passed, 0 failed/);

    const after = await contents();
    const changed = [...after].filter(([path, content]) => before.get(path) !== content).map(([path]) => path);
    const made = (path: string) => path.startsWith('src/generated/') || path.startsWith('docs/reference/');
    expect(changed.filter((path) => !made(path)).sort()).toEqual(
      ids.flatMap((id) => [`src/dns/${id}.test.ts`, `src/dns/${id}.ts`]).sort(),
    );
    expect([...before.keys()].filter((path) => !after.has(path))).toEqual([]);
    expect(after.get('docs/reference/dns-providers.md')).toContain('Example DNS');
  }, 600_000); // all unit tests and the simulation, perhaps on a busy machine

  it.each([
    [['dns', 'Example DNS'], 'src/dns/exampledns.ts exists already'],
    [['dns', '中国'], 'has no letter to begin an id with'],
    [['dns'], 'usage: npm run new dns NAME'],
    [['solver', 'x'], 'usage: npm run new dns NAME'],
  ])('npm run new %j is refused: %s', async (args, reason) => {
    const before = await contents();
    expect(await npm('new', ...args)).toEqual({ ok: false, output: expect.stringContaining(reason) });
    expect(await contents()).toEqual(before);
  });
});
