import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { build, type Plugin } from 'esbuild';
import { manPage } from './man-page.ts';

// The build: JavaScript by esbuild, split so that `--version` loads almost nothing and every adapter is a file that is
// read only if it is used; declarations by tsc; and the manual page.
//
//   npm run build                    → dist/
//   npm run build -- --out DIR       elsewhere (for the tests)
//   npm run build -- --no-types      only JavaScript, in a fifth of the time

const run = promisify(execFile);
const root = fileURLToPath(new URL('..', import.meta.url));
const { values: flags } = parseArgs({
  options: { out: { type: 'string', default: join(root, 'dist') }, 'no-types': { type: 'boolean', default: false } },
});
const out = resolve(flags.out);

const entries: Readonly<Record<string, string>> = {
  cli: 'src/cli/index.ts',
  index: 'src/index.ts',
  api: 'src/clients/index.ts',
  define: 'src/define.ts',
  testing: 'src/testing/index.ts',
};

/** zod has messages in 50 languages, 250 kB that every start would read; keep only the English ones. */
const englishOnly: Plugin = {
  name: 'zod-in-english-only',
  setup(bundler) {
    bundler.onLoad({ filter: /zod\/v4\/locales\/index\.js$/ }, () => ({
      contents: "export { default as en } from './en.js';",
    }));
  },
};

// Built beside the old one and swapped by rename, so that a certfleet that runs from dist never sees half of it.
const drafts = out === join(root, 'dist') ? join(root, '.cache') : dirname(out);
await mkdir(drafts, { recursive: true });
const draft = await mkdtemp(join(drafts, '.build-'));
// Wait for both even if one fails: tsc would write into a folder that is being removed.
const built = await Promise.allSettled([
  buildJavaScript(draft),
  flags['no-types'] ? undefined : buildDeclarations(join(draft, 'types')),
]);
const failures = built.filter((part) => part.status === 'rejected').map((part) => part.reason as BuildFailure);
if (failures.length === 0) {
  await chmod(draft, 0o755);
  const old = `${draft}-old`;
  if (existsSync(out)) await rename(out, old);
  await rename(draft, out);
  await rm(old, { recursive: true, force: true });
} else {
  await rm(draft, { recursive: true, force: true });
  // tsc prints its errors on stdout, esbuild in its message. A stack of this script would not help.
  for (const { stdout, message } of failures) console.error(stdout || message);
  process.exitCode = 1;
}

interface BuildFailure {
  readonly message: string;
  readonly stdout?: string;
}

async function buildJavaScript(folder: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir: folder,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    chunkNames: 'chunks/[name]-[hash]',
    // For --enable-source-maps and debuggers; node does not read them by default.
    sourcemap: 'linked',
    sourcesContent: false,
    legalComments: 'external',
    // Half of a cold start is reading source text. Names stay, so that stack traces are readable.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [englishOnly],
    // Native parts of ssh2, which it does without: a build that needs no compiler is the same on every machine.
    external: ['*.node', 'cpu-features'],
    // ssh2 reads it at start, though it needs no file.
    define: { __dirname: 'import.meta.dirname' },
    // CommonJS libraries call require for node's own modules.
    banner: {
      js: "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);",
    },
    logLevel: 'silent',
  });
  const cli = join(folder, 'cli.js');
  const text = await readFile(cli, 'utf8');
  if (!text.startsWith('#!')) await writeFile(cli, `#!/usr/bin/env node\n${text}`);
  await chmod(cli, 0o755);
  await writeFile(join(folder, 'certfleet.1'), manPage());
}

async function buildDeclarations(folder: string): Promise<void> {
  const tsc = join(root, 'node_modules/.bin/tsc');
  await run(tsc, ['-p', join(root, 'scripts/tsconfig.types.json'), '--outDir', folder], { cwd: root });
}
