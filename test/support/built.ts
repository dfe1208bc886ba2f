import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { importsLater } from '../../src/lib/code-cache.ts';
import { repositoryRoot } from './service.ts';

const variable = 'CERTFLEET_BUILT';

/**
 * vitest's globalSetup of the real tests: builds the program once for all files, from the sources as they are now, into
 * a folder outside the repository. Beside it stands the program that the crash tests stop.
 */
export default async function setup(): Promise<(() => Promise<void>) | undefined> {
  // Two projects have real tests.
  if (process.env[variable] !== undefined) return undefined;
  const folder = await mkdtemp(join(tmpdir(), 'certfleet-built-'));
  const dist = join(folder, 'dist');
  const program = ['--import', 'tsx', 'scripts/build.ts', '--out', dist, '--no-types'];
  await Promise.all([
    promisify(execFile)(process.execPath, program, { cwd: repositoryRoot }),
    buildRunner(join(folder, 'crash')),
    writeFile(join(folder, clockFile), movedClock),
  ]);
  process.env[variable] = folder;
  return async () => {
    delete process.env[variable];
    await rm(folder, { recursive: true, force: true });
  };
}

/** One file, which starts from cached code like the program: in half the time that the sources take. */
async function buildRunner(folder: string): Promise<void> {
  const at = (name: string) => join(repositoryRoot, 'test/crash', name);
  await build({
    entryPoints: { start: at('start-runner.ts'), runner: at('runner.ts') },
    outdir: folder,
    outExtension: { '.js': '.cjs' },
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    // The cache cannot keep a file with `import()`; the runner needs it for its own modules alone. Comments of libraries
    // contain it too.
    supported: { 'dynamic-import': false },
    minifyWhitespace: true,
    legalComments: 'none',
    // Its optional native parts cannot be bundled.
    external: ['*.node', 'cpu-features'],
    define: { 'import.meta.url': 'ownUrl', 'import.meta.dirname': '__dirname' },
    banner: { js: "const ownUrl = require('node:url').pathToFileURL(__filename).href;" },
    logLevel: 'error',
  });
  if (importsLater(await readFile(join(folder, 'runner.cjs'))))
    throw new Error('runner.cjs contains `import(`, so each crash test would compile it again (lib/code-cache)');
}

const clockFile = 'moved-clock.cjs';

/** Names the file with the offset in ms. An argument of node would make a code cache of its own for each test. */
export const clockVariable = 'CERTFLEET_TEST_CLOCK';

const movedClock = `const { readFileSync } = require('node:fs');
const RealDate = Date;
let [offset, readMs] = [0, -Infinity];
const movedMs = () => {
  if (performance.now() - readMs > 100) {
    offset = Number(readFileSync(process.env.${clockVariable}, 'utf8'));
    readMs = performance.now();
  }
  return RealDate.now() + offset;
};
globalThis.Date = class Date extends RealDate {
  constructor(...args) { args.length === 0 ? super(movedMs()) : super(...args); }
  static now() { return movedMs(); }
};
`;

/** A module for node's `--require`, which moves `Date`. */
export const builtClock = (): string => builtFile(clockFile);

/** The command line that was built for this run. */
export const builtProgram = (): string => builtFile('dist/cli.cjs');

/** The program that the crash tests stop (test/crash/runner.ts). */
export const builtRunner = (): string => builtFile('crash/start.cjs');

function builtFile(name: string): string {
  const folder = process.env[variable];
  if (folder === undefined) throw new Error(`${variable} is missing: run this test with \`vitest --project real\``);
  return join(folder, name);
}
