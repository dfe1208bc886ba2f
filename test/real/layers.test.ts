import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { repositoryRoot } from '../support/service.ts';

const run = promisify(execFile);

/** A planted file: its path, its one line, and the rule that must refuse it (undefined: it must pass). */
type Plant = readonly [path: string, line: string, rule: string | undefined];

const imports = 'lint/style/noRestrictedImports';
const globals = 'lint/style/noRestrictedGlobals';
const cycles = 'lint/suspicious/noImportCycles';
const plugin = 'plugin';

const value = (from: string) => `import { x } from '${from}';\nexport const y = x;`;
const type = (from: string) => `import type { X } from '${from}';\nexport type Y = X;`;
const says = (expression: string) => `export const y = () => ${expression};`;

// For each folder, something that it must not import. One list refuses everything, so one other folder, one npm package
// and one module of node are enough to show that the list applies.
const foreign: Readonly<Record<string, readonly string[]>> = {
  'src/core/planted': ['../engine/run.ts', 'zod', 'node:fs', 'node:net'],
  'src/ports/planted': ['../lib/files.ts', 'zod', 'node:fs'],
  'src/x509/planted': ['../acme/client.ts', 'undici', 'node:fs'],
  'src/acme/planted': ['../lib/http.ts', 'undici', 'node:https'],
  'src/engine/planted': [
    // Only issue.ts and sweep.ts import steps.
    './steps/deploy.ts',
    '../lib/clock.ts',
    '../define.ts',
    '../dns/rfc2136.ts',
    'zod',
    'node:fs/promises',
    'node:crypto',
  ],
  // A step imports neither another step nor the path.
  'src/engine/steps/planted': ['./deploy.ts', '../issue.ts', '../sweep.ts', '../reconcile.ts', '../../lib/clock.ts'],
  'src/engine/looks/planted': ['../steps/deploy.ts', '../issue.ts', '../../lib/clock.ts'],
  'src/engine/solvers/planted': ['../../dns/rfc2136.ts', '../../lib/clock.ts', 'zod', 'node:dns'],
  'src/dns/planted': ['./rfc2136.ts', '../deployers/files.ts', '../engine/run.ts', 'zod', 'node:dgram'],
  'src/solvers/planted': ['./command.ts', '../responder/server.ts', 'zod', 'node:fs'],
  'src/solvers/http01-responder': ['./command.ts', '../dns/rfc2136.ts', 'node:http'],
  'src/balancers/planted': ['../deployers/haproxy.ts', 'zod', 'node:net'],
  'src/deployers/planted': ['./files.ts', '../dns/rfc2136.ts', 'zod', 'node:child_process'],
  'src/stores/planted': ['./memory.ts', '../config/load.ts', 'zod', 'node:fs'],
  'src/stores/file': ['./memory.ts', 'zod', 'node:fs'],
  'src/stores/file/planted': ['../memory.ts', 'zod', 'node:fs'],
  'src/sources/planted': ['../stores/file.ts', 'zod', 'node:fs'],
  'src/notifiers/planted': ['../dns/rfc2136.ts', 'zod', 'node:https'],
  'src/clients/planted': ['../define.ts', '../deployers/files.ts', 'zod', 'node:net'],
  'src/lib/planted': ['../define.ts', '../engine/run.ts', 'zod'],
  'src/responder/planted': ['../engine/run.ts', '../define.ts', 'zod', 'node:fs'],
  'src/testing/planted': ['../lib/files.ts', 'vitest', 'node:fs'],
  'src/define': ['./lib/files.ts', './engine/run.ts', 'node:fs'],
  'src/config/planted': ['../lib/files.ts', '../engine/run.ts', '../cli/index.ts', 'node:fs'],
  'src/import/planted': ['../lib/files.ts', '../engine/run.ts', '../x509/pki.ts', 'zod', 'node:fs'],
  'src/api/planted': ['../fleet.ts', '../config/load.ts', 'node:fs'],
  'src/compose': ['./fleet.ts', './fleet/issue.ts', './cli/index.ts', 'zod', 'node:fs'],
  'src/whole-store': ['./lib/files.ts', './engine/engine.ts', './fleet.ts', 'zod', 'node:fs'],
  'src/fleet': ['./lib/files.ts', './config/load.ts', './acme/client.ts', 'zod', 'node:fs'],
  'src/fleet/planted': ['../lib/files.ts', '../config/load.ts', '../acme/client.ts', 'zod', 'node:fs'],
  'src/cli/planted': ['../fleet/issue.ts', '../engine/run.ts', '../acme/client.ts', 'zod', 'node:fs'],
  'src/daemon/planted': ['../fleet/issue.ts', '../engine/run.ts', '../acme/client.ts', 'zod', 'node:fs'],
};

const forbiddenNode = [
  ...['node:fs', 'node:net', 'node:dgram', 'node:tls', 'node:http', 'node:https', 'node:child_process', 'node:dns'],
  ...['node:worker_threads', 'node:timers/promises'],
];

const timeAndChance: readonly (readonly [string, string])[] = [
  ['Date.now()', plugin],
  ['new Date()', plugin],
  ['new Date', plugin],
  ['Date()', plugin],
  ['Math.random()', plugin],
  ['AbortSignal.timeout(1)', plugin],
  ['setTimeout(() => {}, 1)', globals],
  ['setInterval(() => {}, 1)', globals],
  ['setImmediate(() => {})', globals],
  ['performance.now()', globals],
  ['crypto.randomUUID()', globals],
  ['globalThis.crypto.randomUUID()', globals],
  ["fetch('http://127.0.0.1')", globals],
];

const ownEnvironment = ['process.env', "process.env['TOKEN']", '({ ...process.env })'];

let counter = 0;
const plant = (base: string, line: string, rule: string | undefined): Plant => [
  // The rule names the file `src/define` itself; other folders get a new file.
  base.endsWith('/planted') ? `${base}-${++counter}.ts` : `${base}.ts`,
  line,
  rule,
];

// A rule for a single file gets one planted file with all imports, and each must be reported.
const single = (base: string) => !base.endsWith('/planted');

const refused: readonly Plant[] = [
  ...Object.entries(foreign).flatMap(([base, sources]) =>
    single(base)
      ? [plant(base, sources.map((from, i) => `export { x as x${i} } from '${from}';`).join('\n'), imports)]
      : sources.map((from) => plant(base, value(from), imports)),
  ),
  ...['src/core', 'src/engine', 'src/acme', 'src/config', 'src/cli', 'src/dns', 'src/clients'].flatMap((room) =>
    forbiddenNode.map((from) => plant(`${room}/planted`, value(from), imports)),
  ),
  ...['src/core', 'src/engine', 'src/engine/steps', 'src/engine/solvers', 'src/acme'].flatMap((room) =>
    timeAndChance.map(([expression, rule]) => plant(`${room}/planted`, says(expression), rule)),
  ),
  ...['src/solvers', 'src/deployers', 'src/dns', 'src/stores', 'src/clients', 'src/config', 'src/engine'].flatMap(
    (room) => ownEnvironment.map((expression) => plant(`${room}/planted`, says(expression), plugin)),
  ),
  // What depends on `import type`.
  ...['acme/client.ts', 'x509/pki.ts'].flatMap((room) => [
    plant('src/engine/planted', value(`../${room}`), plugin),
    plant('src/engine/planted', `export { x } from '../${room}';`, plugin),
    plant('src/engine/planted', `export * from '../${room}';`, plugin),
    plant('src/engine/planted', `import '../${room}';`, plugin),
    plant('src/engine/planted', `import { type X } from '../${room}';\nexport type Y = X;`, plugin),
    plant('src/engine/planted', says(`import('../${room}')`), plugin),
    plant('src/engine/solvers/planted', value(`../../${room}`), plugin),
  ]),
  plant('src/core/planted', value('../ports/store.ts'), plugin),
  plant('src/lib/planted', value('../ports/files.ts'), plugin),
  plant('src/cli/planted', value('../ports/world.ts'), plugin),
  plant('src/ports/planted', value('../core/errors.ts'), plugin),
  plant('src/ports/planted', 'export const port = 53;', plugin),
  plant('src/ports/planted', 'export function port() {}', plugin),
];

const cycle: readonly Plant[] = [
  ['src/core/cycle-a.ts', "import { b } from './cycle-b.ts';\nexport const a = () => b();", cycles],
  ['src/core/cycle-b.ts', "import { a } from './cycle-a.ts';\nexport const b = () => a();", cycles],
];

const allowed: readonly Plant[] = [
  plant('src/core/planted', value('./errors.ts'), undefined),
  plant('src/core/planted', type('../ports/store.ts'), undefined),
  plant('src/core/planted', "import { isIP } from 'node:net';\nexport const y = isIP;", undefined),
  plant('src/core/planted', says('new Date(0)'), undefined),
  plant('src/ports/planted', type('../core/errors.ts'), undefined),
  plant('src/acme/planted', value('node:crypto'), undefined),
  plant('src/engine/planted', "import { createHash } from 'node:crypto';\nexport const y = createHash;", undefined),
  plant('src/engine/planted', type('../acme/client.ts'), undefined),
  plant('src/engine/planted', type('../x509/pki.ts'), undefined),
  plant('src/engine/planted', value('../core/errors.ts'), undefined),
  plant('src/engine/solvers/planted', value('../wait.ts'), undefined),
  plant('src/engine/looks/planted', value('../zones/zone.ts'), undefined),
  plant('src/engine/solvers/planted', value('../../core/errors.ts'), undefined),
  plant('src/dns/planted', value('../define.ts'), undefined),
  plant('src/dns/planted', value('../clients/target.ts'), undefined),
  plant('src/lib/planted', value('node:fs/promises'), undefined),
  plant('src/lib/planted', says('Date.now() + Math.random()'), undefined),
  plant('src/config/planted', value('zod'), undefined),
  plant('src/responder/planted', value('node:http'), undefined),
  // Tests beside the code are exempt, because they make their own worlds.
  ['src/core/planted.test.ts', value('node:fs'), undefined],
  ['src/acme/test-planted.ts', value('../testing/fake-clock.ts'), undefined],
  ['src/engine/planted.test.ts', `${value('../acme/client.ts')}\nexport const now = Date.now();`, undefined],
];

interface Finding {
  readonly rule: string;
  readonly line: number;
}

/** biome's findings by file, from its format for GitHub, the only one with file, rule and line on one line. */
function parse(output: string): Map<string, Finding[]> {
  const found = new Map<string, Finding[]>();
  for (const [, rule, file, line] of output.matchAll(/^::error title=([^,]*),file=([^,]*),line=(\d+)/gm)) {
    const path = file!.slice(file!.indexOf('src/'));
    found.set(path, [...(found.get(path) ?? []), { rule: rule!, line: Number(line) }]);
  }
  return found;
}

let folder: string;
let found: Map<string, Finding[]>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'certfleet-layers-'));
  await cp(join(repositoryRoot, 'scripts/biome'), join(folder, 'scripts/biome'), { recursive: true });
  const configuration = JSON.parse(await readFile(join(repositoryRoot, 'biome.json'), 'utf8'));
  await writeFile(join(folder, 'biome.json'), JSON.stringify({ ...configuration, vcs: { enabled: false } }));
  // Cycles are found among files that resolve; `node_modules` only quiets the schema path.
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, line] of [...refused, ...cycle, ...allowed]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${line}\n`);
  }
  const biome = join(repositoryRoot, 'node_modules/.bin/biome');
  const { stdout } = await run(biome, ['lint', '--max-diagnostics=none', '--reporter=github', 'src'], {
    cwd: folder,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' })); // biome exits 1, since it finds errors
  found = parse(stdout);
});

afterAll(() => rm(folder, { recursive: true, force: true }));

const roomOf = (path: string) => path.replace(/\/planted-\d+\.ts$|\.ts$/, '');
const rooms = [...new Set(refused.map(([path]) => roomOf(path)))];

describe('biome checks the layers', () => {
  it.each(rooms)('%s: every planted violation is refused', (room) => {
    const planted = refused.filter(([path]) => roomOf(path) === room);
    const missed = planted.filter(([path, , rule]) => !found.get(path)?.some((finding) => finding.rule === rule));
    expect(planted.length).toBeGreaterThan(0);
    expect(missed).toEqual([]);
  });

  it('reports each import of a rule for one file', () => {
    for (const base of Object.keys(foreign).filter(single)) {
      const findings = found.get(`${base}.ts`)?.filter((finding) => finding.rule === imports) ?? [];
      const lines = new Set(findings.map((finding) => finding.line));
      expect([base, [...lines].sort()]).toEqual([base, foreign[base]!.map((_, i) => i + 1)]);
    }
  });

  it('refuses a cycle of imports', () => {
    const rules = cycle.map(([path]) => found.get(path)?.map((finding) => finding.rule));
    expect(rules).toEqual([[cycles], [cycles]]);
  });

  it('accepts allowed imports, and tests beside the code', () => {
    expect(allowed.map(([path, line]) => [path, line, found.get(path)])).toEqual(
      allowed.map(([path, line]) => [path, line, undefined]),
    );
  });
});
