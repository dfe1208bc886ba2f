/**
 * `npm run gen`: writes src/generated/ and docs/reference/ from the adapters' definitions, the schema, the error table
 * and the commands, and biome.rooms.json from rooms.ts. `--check` writes nothing, and fails if a file is out of date.
 */
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { apiDocument } from '../src/api/routes.ts';
import { configurationJsonSchema } from '../src/config/file/json-schema.ts';
import type { WithOptions } from '../src/config/options/options.ts';
import { optionFields } from '../src/config/registry/option-fields.ts';
import type { DeployerFacts, SolverFacts } from '../src/define.ts';
import { type AdapterEntry, type AdapterKind, adapterInfoOf, type Registry } from './adapters.ts';
import { apiPage } from './api-page.ts';
import { pageAssetsText } from './page-assets.ts';
import { referencePages } from './reference.ts';
import { roomsText } from './rooms.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folders = {
  dns: 'dns',
  solver: 'solvers',
  balancer: 'balancers',
  deployer: 'deployers',
  notifier: 'notifiers',
  store: 'stores',
} as const satisfies Record<AdapterKind, string>;

interface Found {
  readonly file: string;
  readonly definition: WithOptions & Definition & Partial<SolverFacts & DeployerFacts>;
}

interface Definition {
  readonly title: string;
  readonly since: string;
  readonly homepage?: string;
  readonly apiDocs?: string;
  readonly notes?: string;
}

const broken: string[] = [];

/** Every adapter of a folder, by id. A module without a default export is part of an adapter. */
async function scan(folder: string): Promise<readonly Found[]> {
  const names = await readdir(join(root, 'src', folder)).catch(() => []);
  const found: Found[] = [];
  const isAdapter = (name: string) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !name.startsWith('test-');
  for (const name of names.filter(isAdapter).sort()) {
    const file = `src/${folder}/${name}`;
    let module: { default?: Found['definition'] };
    try {
      module = await import(pathToFileURL(join(root, file)).href);
    } catch (error) {
      // A broken adapter must not keep the others out, but the command fails.
      broken.push(`${file}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    if (module.default === undefined) continue;
    if (module.default.id !== name.slice(0, -3))
      throw new Error(`${file}: its id is "${module.default.id}"; it must be the file's name`);
    found.push({ file, definition: module.default });
  }
  return found.sort((a, b) => (a.definition.id < b.definition.id ? -1 : 1));
}

const literal = (value: unknown): string => JSON.stringify(value);

function registryText(all: Readonly<Record<AdapterKind, readonly Found[]>>): string {
  const kinds = Object.entries(all).map(([kind, found]) => {
    const entries = found.map(({ file, definition }) => {
      const info = adapterInfoOf(definition, optionFields(definition.options));
      const fields = Object.entries(info).map(([key, value]) =>
        key === 'options'
          ? `      options: [${info.options.map((option) => `\n        ${literal(option)},`).join('')}${info.options.length > 0 ? '\n      ' : ''}],`
          : `      ${key}: ${literal(value)},`,
      );
      return `    ${literal(definition.id)}: {\n${fields.join('\n')}\n      load: async () => (await import('../${file.slice(4)}')).default,\n    },`;
    });
    return `  ${kind}: {${entries.map((entry) => `\n${entry}`).join('')}${entries.length > 0 ? '\n  ' : ''}},`;
  });
  return `// Made by \`npm run gen\` from src/{dns,solvers,balancers,deployers,notifiers,stores}/*.ts. Do not edit.
import type { Registry } from '../config/registry/registry.ts';

export const registry: Registry = {
${kinds.join('\n')}
};

/** See src/lib/outside-module.ts. */
export const importOutside = async (path: string) => (await import('../lib/outside-module.ts')).importOutside(path);
`;
}

/** The registry of what was just scanned, so that the reference is never older than the generated registry. */
const liveRegistry = (all: Readonly<Record<AdapterKind, readonly Found[]>>): Registry =>
  Object.fromEntries(
    Object.entries(all).map(([kind, found]) => [
      kind,
      Object.fromEntries(
        found.map(({ definition }) => [
          definition.id,
          {
            ...adapterInfoOf(definition, optionFields(definition.options)),
            load: async () => definition,
          } as AdapterEntry<unknown>,
        ]),
      ),
    ]),
  ) as unknown as Registry;

async function main(check: boolean): Promise<number> {
  const all = Object.fromEntries(
    await Promise.all(Object.entries(folders).map(async ([kind, folder]) => [kind, await scan(folder)])),
  ) as Record<AdapterKind, readonly Found[]>;
  const registry = liveRegistry(all);
  const files = new Map<string, string>([
    ['src/generated/registry.ts', registryText(all)],
    ['src/generated/page-assets.ts', await pageAssetsText(root)],
    ['biome.rooms.json', roomsText()],
    [
      'docs/reference/certfleet.schema.json',
      `${JSON.stringify(await configurationJsonSchema(registry), undefined, 2)}\n`,
    ],
    ['docs/reference/openapi.json', `${JSON.stringify(apiDocument(), undefined, 2)}\n`],
    ['docs/reference/api.md', apiPage(apiDocument())],
    ...(await referencePages(registry)).map(([name, text]) => [`docs/reference/${name}`, text] as [string, string]),
  ]);
  const stale: string[] = [];
  for (const [file, text] of files) {
    const path = join(root, file);
    if ((await readFile(path, 'utf8').catch(() => undefined)) === text) continue;
    stale.push(file);
    if (check) continue;
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  }
  for (const name of await readdir(join(root, 'src/generated')).catch(() => [])) {
    const file = `src/generated/${name}`;
    if (files.has(file) || name === 'README.md') continue;
    stale.push(file);
    if (!check) await rm(join(root, file));
  }
  if (check && stale.length > 0) {
    process.stderr.write(`out of date: run \`npm run gen\` for\n${stale.map((file) => `  ${file}\n`).join('')}`);
    return 1;
  }
  process.stdout.write(
    stale.length === 0 ? 'generated files are up to date\n' : `wrote\n${stale.map((file) => `  ${file}\n`).join('')}`,
  );
  return 0;
}

process.exitCode = await main(process.argv.includes('--check'));
if (broken.length > 0) {
  process.stderr.write(`left out, because they could not be loaded:\n${broken.map((line) => `  ${line}\n`).join('')}`);
  process.exitCode = 1;
}
