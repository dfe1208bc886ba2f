import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { houses } from '../../scripts/rooms.ts';
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
  'src/core/ca/planted': ['../../engine/engine.ts', 'zod', 'node:fs', 'node:net'],
  'src/ports/planted': ['../lib/files.ts', 'zod', 'node:fs'],
  'src/x509/planted': ['../acme/client.ts', 'undici', 'node:fs'],
  'src/acme/planted': ['../lib/http.ts', 'undici', 'node:https'],
  'src/engine/run/planted': [
    '../../lib/clock.ts',
    '../../define.ts',
    '../../dns/rfc2136.ts',
    'zod',
    'node:fs/promises',
    'node:crypto',
  ],
  // A step imports neither another step nor the path, and only issue.ts, obtain.ts, end-early.ts and sweep.ts import steps.
  'src/engine/path/steps/planted': ['./deploy.ts', '../issue.ts', '../../pass/sweep.ts', '../../../lib/clock.ts'],
  'src/engine/path/planted': ['./steps/deploy.ts', '../../lib/clock.ts'],
  'src/engine/pass/planted': ['../path/steps/deploy.ts', '../../lib/clock.ts'],
  'src/engine/acts/planted': ['../path/steps/deploy.ts', '../../lib/clock.ts'],
  'src/engine/engine': ['./leases/lease.ts', '../lib/clock.ts', 'zod'],
  'src/engine/solvers/planted': ['../../dns/rfc2136.ts', '../../lib/clock.ts', 'zod', 'node:dns'],
  'src/dns/planted': ['./rfc2136.ts', '../deployers/files.ts', '../engine/engine.ts', 'zod', 'node:dgram'],
  'src/solvers/planted': ['./command.ts', '../responder/server.ts', 'zod', 'node:fs'],
  'src/solvers/http01-responder': ['./command.ts', '../dns/rfc2136.ts', 'node:http'],
  'src/balancers/planted': ['../deployers/haproxy.ts', 'zod', 'node:net'],
  'src/deployers/planted': ['./files.ts', '../dns/rfc2136.ts', 'zod', 'node:child_process'],
  'src/stores/planted': ['./memory.ts', '../config/file/load.ts', 'zod', 'node:fs'],
  'src/stores/file': ['./memory.ts', 'zod', 'node:fs'],
  'src/stores/file/planted': ['../memory.ts', 'zod', 'node:fs'],
  'src/sources/planted': ['../stores/file.ts', 'zod', 'node:fs'],
  'src/notifiers/planted': ['../dns/rfc2136.ts', 'zod', 'node:https'],
  'src/clients/planted': ['../define.ts', '../deployers/files.ts', 'zod', 'node:net'],
  'src/clients/aws/planted': ['../alibaba/clb.ts', '../../define.ts', '../../deployers/files.ts', 'zod', 'node:net'],
  'src/lib/planted': ['../define.ts', '../engine/engine.ts', 'zod'],
  'src/responder/planted': ['../engine/engine.ts', '../define.ts', 'zod', 'node:fs'],
  'src/testing/planted': ['../lib/files.ts', 'vitest', 'node:fs'],
  'src/define': ['./lib/files.ts', './engine/run.ts', 'node:fs'],
  'src/config/planted': ['../lib/files.ts', '../engine/engine.ts', '../cli/index.ts', 'node:fs'],
  'src/config/options/planted': ['../../lib/files.ts', '../../engine/engine.ts', '../../cli/context.ts', 'node:fs'],
  'src/migrate/planted': ['../lib/files.ts', '../engine/engine.ts', '../cli/context.ts', 'zod', 'node:fs'],
  'src/migrate/certbot/planted': ['../../lib/files.ts', '../../engine/engine.ts', '../../cli/context.ts', 'node:fs'],
  'src/api/planted': ['../fleet/renew.ts', '../config/file/load.ts', 'node:fs'],
  'src/compose': ['./fleet.ts', './fleet/issue.ts', './cli/index.ts', 'zod', 'node:fs'],
  'src/whole-store': ['./lib/files.ts', './engine/engine.ts', './fleet.ts', 'zod', 'node:fs'],
  'src/fleet': ['./lib/files.ts', './config/file/load.ts', './acme/client.ts', 'zod', 'node:fs'],
  'src/fleet/planted': ['../lib/files.ts', '../config/file/load.ts', '../acme/client.ts', 'zod', 'node:fs'],
  'src/cli/planted': ['../fleet/issue.ts', '../engine/engine.ts', '../acme/client.ts', 'zod', 'node:fs'],
  'src/cli/flags/planted': ['../../fleet/issue.ts', '../../engine/engine.ts', 'zod', 'node:fs'],
  'src/cli/commands/orders/planted': ['../../../fleet/issue.ts', '../../../engine/engine.ts', 'zod', 'node:fs'],
  // A CA that calculated its limits with the code that foretells them would prove nothing.
  'test/simulation/world/ca-model/planted': [
    '../../../../src/core/limits/gcra.ts',
    '../../../../src/core/ca/known-issuers.ts',
    '../../../../src/core/names/identifiers.ts',
    '../../../../src/x509/pki.ts',
    '../world.ts',
    'zod',
    'node:fs',
  ],
  'src/daemon/planted': ['../fleet/issue.ts', '../engine/engine.ts', '../acme/client.ts', 'zod', 'node:fs'],
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

/** The way from a file in one room to a file in another. */
const way = (from: string, to: string) => {
  const path = relative(from, `${to}/planted-elsewhere.ts`);
  return path.startsWith('.') ? path : `./${path}`;
};

const refused: readonly Plant[] = [
  ...Object.entries(foreign).flatMap(([base, sources]) =>
    single(base)
      ? [plant(base, sources.map((from, i) => `export { x as x${i} } from '${from}';`).join('\n'), imports)]
      : sources.map((from) => plant(base, value(from), imports)),
  ),
  // A room may import those before it, and no room after it.
  ...houses.flatMap(({ folder, rooms }) =>
    rooms.flatMap(({ room }, at) =>
      rooms.slice(at + 1).map((later) => plant(`src/${folder}/${room}/planted`, value(way(room, later.room)), imports)),
    ),
  ),
  ...['src/core/ca', 'src/engine/run', 'src/acme', 'src/config', 'src/cli', 'src/dns', 'src/clients'].flatMap((room) =>
    forbiddenNode.map((from) => plant(`${room}/planted`, value(from), imports)),
  ),
  ...[
    ...['src/core/ca', 'src/engine/run', 'src/engine/path/steps', 'src/engine/solvers', 'src/acme'],
    'test/simulation/world/ca-model',
  ].flatMap((room) => timeAndChance.map(([expression, rule]) => plant(`${room}/planted`, says(expression), rule))),
  ...['src/solvers', 'src/deployers', 'src/dns', 'src/stores', 'src/clients', 'src/config', 'src/engine/run'].flatMap(
    (room) => ownEnvironment.map((expression) => plant(`${room}/planted`, says(expression), plugin)),
  ),
  // What depends on `import type`.
  ...['acme/client.ts', 'x509/pki.ts'].flatMap((room) => [
    plant('src/engine/run/planted', value(`../../${room}`), plugin),
    plant('src/engine/run/planted', `export { x } from '../../${room}';`, plugin),
    plant('src/engine/run/planted', `export * from '../../${room}';`, plugin),
    plant('src/engine/run/planted', `import '../../${room}';`, plugin),
    plant('src/engine/run/planted', `import { type X } from '../../${room}';\nexport type Y = X;`, plugin),
    plant('src/engine/run/planted', says(`import('../../${room}')`), plugin),
    plant('src/engine/solvers/planted', value(`../../${room}`), plugin),
  ]),
  ...[
    '(a?: string) => ({ ...(a === undefined ? {} : { a }) })',
    '(a?: string) => ({ b: 1, ...(a !== undefined ? { a } : {}) })',
    '(a?: string) => ({ ...(a && { a }) })',
  ].flatMap((made) =>
    ['src/core/ca', 'src/dns', 'src/cli'].map((room) => plant(`${room}/planted`, `export const y = ${made};`, plugin)),
  ),
  plant('src/core/ca/planted', value('../../ports/store.ts'), plugin),
  plant('src/lib/planted', value('../ports/files.ts'), plugin),
  plant('src/cli/planted', value('../ports/world.ts'), plugin),
  plant('test/simulation/world/ca-model/planted', value('../../../../src/ports/issuer.ts'), plugin),
  plant('src/ports/planted', value('../core/errors/errors.ts'), plugin),
  plant('src/ports/planted', 'export const port = 53;', plugin),
  plant('src/ports/planted', 'export function port() {}', plugin),
];

const cycle: readonly Plant[] = [
  ['src/core/ca/cycle-a.ts', "import { b } from './cycle-b.ts';\nexport const a = () => b();", cycles],
  ['src/core/ca/cycle-b.ts', "import { a } from './cycle-a.ts';\nexport const b = () => a();", cycles],
];

const allowed: readonly Plant[] = [
  ...houses.flatMap(({ folder, rooms }) =>
    rooms.flatMap(({ room, only }, at) =>
      (only ?? rooms.slice(0, at).map((one) => one.room))
        .filter((before) => before !== 'path/steps')
        .map((before) => plant(`src/${folder}/${room}/planted`, value(way(room, before)), undefined)),
    ),
  ),
  plant('src/core/ca/planted', value('./problem.ts'), undefined),
  plant('src/core/ca/planted', type('../../ports/store.ts'), undefined),
  plant('src/core/ca/planted', "import { isIP } from 'node:net';\nexport const y = isIP;", undefined),
  plant('src/core/ca/planted', says('new Date(0)'), undefined),
  plant('src/ports/planted', type('../core/errors/errors.ts'), undefined),
  plant('src/acme/planted', value('node:crypto'), undefined),
  plant('src/engine/run/planted', "import { createHash } from 'node:crypto';\nexport const y = createHash;", undefined),
  plant('src/engine/run/planted', type('../../acme/client.ts'), undefined),
  plant('src/engine/run/planted', type('../../x509/pki.ts'), undefined),
  plant('src/engine/run/planted', value('../../core/errors/errors.ts'), undefined),
  plant('src/engine/run/planted', value('../engine.ts'), undefined),
  ['src/engine/path/issue.ts', value('./steps/deploy.ts'), undefined],
  ['src/engine/path/obtain.ts', value('./steps/prepare.ts'), undefined],
  ['src/engine/path/end-early.ts', value('./steps/close.ts'), undefined],
  ['src/engine/pass/sweep.ts', value('../path/steps/deploy.ts'), undefined],
  plant('src/dns/planted', value('../define.ts'), undefined),
  plant('src/dns/planted', value('../clients/folders/target.ts'), undefined),
  plant('src/lib/planted', value('node:fs/promises'), undefined),
  plant('src/lib/planted', says('Date.now() + Math.random()'), undefined),
  plant('src/config/planted', value('zod'), undefined),
  plant('src/responder/planted', value('node:http'), undefined),
  plant('test/simulation/world/ca-model/planted', type('../../../../src/ports/issuer.ts'), undefined),
  plant('test/simulation/world/ca-model/planted', value('../../../../src/core/errors/errors.ts'), undefined),
  // Tests beside the code are exempt, because they make their own worlds.
  ['src/core/ca/planted.test.ts', value('node:fs'), undefined],
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
    const path = file!.slice(file!.search(/(src|test\/simulation)\//));
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
  await cp(join(repositoryRoot, 'biome.rooms.json'), join(folder, 'biome.rooms.json'));
  // Cycles are found among files that resolve; `node_modules` only quiets the schema path.
  await symlink(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  for (const [path, line] of [...refused, ...cycle, ...allowed]) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), `${line}\n`);
  }
  const biome = join(repositoryRoot, 'node_modules/.bin/biome');
  const { stdout } = await run(biome, ['lint', '--max-diagnostics=none', '--reporter=github', 'src', 'test'], {
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
