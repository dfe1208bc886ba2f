import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import {
  build,
  type CodeSplittingGroup,
  type InputOptions,
  type OutputChunk,
  type OutputOptions,
  type Plugin,
} from 'rolldown';
import { manPage } from './man-page.ts';
import { bundledPackages, noticesText, sbomText } from './notices.ts';
import { assetModules } from './page-assets.ts';

// The build: JavaScript by Rolldown, split so that `--version` loads almost nothing and every adapter is a file that is
// read only if it is used; declarations by tsc; the manual page; and what is said about the packages in it.
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

/** What others import. */
const library: Readonly<Record<string, string>> = {
  index: 'src/index.ts',
  api: 'src/clients/index.ts',
  define: 'src/define.ts',
  testing: 'src/testing/index.ts',
};

/** zod has messages in 50 languages, 250 kB that every start would read; keep only the English ones. */
const englishOnly: Plugin = {
  name: 'zod-in-english-only',
  load: {
    filter: { id: /zod\/v4\/locales\/index\.js$/ },
    handler: () => "export { default as en } from './en.js';",
  },
};

/**
 * Modules that are loaded together are one file, because node takes its time for each file, however small. A module that
 * the source says `import()` for, and what nobody else needs, is another file.
 */
const files: CodeSplittingGroup[] = [
  { name: startName(join(root, 'src/cli/main.ts')), priority: 3 },
  { name: 'zod', test: /node_modules\/zod\//, priority: 2 },
  // Only a daemon with pages needs it.
  { name: 'web', test: /node_modules\/@?hono\//, priority: 2 },
  // Most passes need most of it.
  { name: 'shared', minShareCount: 3, priority: 1 },
];

/** `start` for the modules that are loaded with this one. */
function startName(entry: string): CodeSplittingGroup['name'] {
  const start = new Set<string>();
  return (id, modules) => {
    if (start.size === 0) follow(entry);
    return start.has(id) ? 'start' : null;

    function follow(module: string): void {
      if (start.has(module)) return;
      start.add(module);
      for (const imported of modules.getModuleInfo(module)?.importedIds ?? []) follow(imported);
    }
  };
}

/** CommonJS, because only that can be loaded with code that V8 compiled before (decision 0034). */
const output: OutputOptions = {
  format: 'cjs',
  // Half of a cold start is reading source text. Names stay, so that stack traces are readable.
  minify: { compress: { keepNames: { function: true, class: true } }, mangle: false, codegen: true },
  comments: { legal: true, annotation: false, jsdoc: false },
  // For --enable-source-maps and debuggers; node does not read them by default.
  sourcemap: true,
  sourcemapExcludeSources: true,
};

const input: InputOptions = {
  cwd: root,
  platform: 'node',
  // Native parts of ssh2, which it does without: a build that needs no compiler is the same on every machine. Of pg, what
  // it is never asked for.
  external: [/\.node$/, 'cpu-features', 'pg-native', 'pg-cloudflare', 'pgpass'],
  plugins: [englishOnly],
  logLevel: 'silent',
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
  // tsc prints its errors on stdout, Rolldown in its message. A stack of this script would not help.
  for (const { stdout, message } of failures) console.error(stdout || message);
  process.exitCode = 1;
}

interface BuildFailure {
  readonly message: string;
  readonly stdout?: string;
}

async function buildJavaScript(folder: string): Promise<void> {
  const { output: chunks } = await build({
    ...input,
    input: { run: 'src/cli/run.ts', ...library },
    transform: { target: 'node20.19' },
    output: {
      ...output,
      dir: join(folder, 'chunks'),
      entryFileNames: '[name]-[hash].cjs',
      chunkFileNames: '[name]-[hash].cjs',
      codeSplitting: { groups: files },
    },
  });
  const entries = chunks.filter((file) => file.type === 'chunk' && file.isEntry) as OutputChunk[];
  const builtRun = entries.find(({ name }) => name === 'run')!;
  const { output: start } = await build({
    ...input,
    input: { cli: 'src/cli/index.ts' },
    external: ['./run.ts'],
    transform: { target: 'node20.19', define: { builtRun: JSON.stringify(`chunks/${builtRun.fileName}`) } },
    output: {
      ...output,
      dir: folder,
      entryFileNames: '[name].cjs',
      chunkFileNames: 'chunks/[name]-[hash].cjs',
    },
  });
  for (const { name, fileName, exports } of entries)
    if (name in library) await writeFile(join(folder, `${name}.js`), facade(fileName, exports));
  await chmod(join(folder, 'cli.cjs'), 0o755);
  await writeFile(join(folder, 'certfleet.1'), manPage());
  // What is in the files, after what nothing uses was left out.
  const modules = [...chunks, ...start].flatMap((file) => (file.type === 'chunk' ? file.moduleIds : []));
  const packages = await bundledPackages(root, [...modules, ...assetModules]);
  await writeFile(join(folder, 'THIRD-PARTY-NOTICES'), noticesText(packages));
  await writeFile(join(folder, 'sbom.cdx.json'), await sbomText(root, packages));
}

/** A module with the exports of a file of the build. Whoever loads it, each file is there once. */
function facade(fileName: string, exports: readonly string[]): string {
  return `import { createRequire } from 'node:module';
export const { ${exports.join(', ')} } = createRequire(import.meta.url)('./chunks/${fileName}');
`;
}

async function buildDeclarations(folder: string): Promise<void> {
  const tsc = join(root, 'node_modules/.bin/tsc');
  await run(tsc, ['-p', join(root, 'scripts/tsconfig.types.json'), '--outDir', folder], { cwd: root });
}
