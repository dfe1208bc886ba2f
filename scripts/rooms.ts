import { relative } from 'node:path/posix';

/**
 * The rooms of the large folders, in order: a room imports only the rooms named before it. `npm run gen` writes
 * biome.rooms.json from this list, and biome.json extends it. biome.json itself has the rules of all other folders.
 */
export interface House {
  /** Below `src/`. */
  readonly folder: string;
  /** What every room may import besides: packages, and folders and files of `src/`. */
  readonly besides: readonly string[];
  /** Of these modules, only the names that match. */
  readonly limits: readonly { readonly module: string; readonly names: string; readonly why: string }[];
  readonly rooms: readonly Room[];
}

interface Room {
  readonly room: string;
  /** The rooms that it imports, if not all of those before it. */
  readonly only?: readonly string[];
  /** Files that it imports, although no room before it has them. */
  readonly files?: readonly string[];
  /** Its files must not import each other. */
  readonly apart?: true;
  /** A room that only these files of it import. */
  readonly kept?: { readonly room: string; readonly by: readonly string[] };
}

const steps = (...by: readonly string[]) => ({ kept: { room: 'path/steps', by } });
const engine = { files: ['engine.ts'] };
const problems = { files: ['problems.ts'] };

export const houses: readonly House[] = [
  {
    folder: 'core',
    besides: ['ports/**', 'node:net', 'node:url'],
    limits: [
      {
        module: 'node:net',
        names: '(BlockList|isIP(v[46])?)',
        why: 'Only BlockList and isIP… of node:net are pure; sockets live in src/lib.',
      },
      {
        module: 'node:url',
        names: 'domainToUnicode',
        why: 'The core has names, but no paths of files; of node:url it needs domainToUnicode only.',
      },
    ],
    rooms: [
      { room: 'text' },
      { room: 'errors/messages', files: ['errors/error-entry.ts', 'errors/template.ts', 'errors/version.ts'] },
      { room: 'errors/messages/zh', files: ['errors/template.ts', 'errors/version.ts'] },
      { room: 'errors' },
      { room: 'async' },
      { room: 'names' },
      { room: 'ca' },
      { room: 'limits' },
      { room: 'spec' },
      { room: 'trust' },
      { room: 'lineage' },
      { room: 'node' },
      { room: 'request-path' },
      { room: 'plan' },
      { room: 'history' },
      { room: 'alarm' },
      { room: 'access' },
      { room: 'lineage/work' },
    ],
  },
  {
    folder: 'engine',
    besides: ['acme/**', 'core/**', 'ports/**', 'x509/**', 'node:crypto'],
    limits: [
      {
        module: 'node:crypto',
        names: 'createHash',
        why: 'Of node:crypto the engine may have createHash alone, which is pure: keys belong to the port Pki, chance to the port Random.',
      },
    ],
    rooms: [
      { room: 'locks' },
      { room: 'history' },
      { room: 'memory' },
      { room: 'leases', ...engine },
      { room: 'ledger', ...engine },
      { room: 'run', ...engine },
      { room: 'zones', ...engine },
      { room: 'looks', ...engine },
      { room: 'solvers', ...engine },
      { room: 'accounts', ...engine },
      { room: 'delivery', ...engine },
      { room: 'path/steps', files: ['engine.ts', 'path/downloaded-chain.ts', 'path/persist-terms.ts'], apart: true },
      { room: 'path', ...engine, ...steps('issue.ts', 'obtain.ts', 'end-early.ts', 'window.ts') },
      { room: 'pass', ...engine, ...steps('sweep.ts') },
      { room: 'alarms', ...engine, ...steps() },
      { room: 'steady', ...engine, ...steps() },
      { room: 'acts', ...engine, ...steps() },
    ],
  },
  {
    folder: 'lib',
    besides: ['core/**', 'ports/**', 'undici', 'node:*'],
    limits: [],
    rooms: [
      { room: 'trust', only: [] },
      { room: 'processes' },
      { room: 'files' },
      { room: 'dns', only: [] },
      { room: 'http', files: ['abortable.ts', 'clock.ts'] },
    ],
  },
  {
    folder: 'config',
    besides: [
      'core/**',
      'ports/**',
      'generated/**',
      'define.ts',
      'js-yaml',
      'node:crypto',
      'node:path',
      'node:url',
      'tldts',
      'zod',
    ],
    limits: [],
    rooms: [
      { room: 'registry' },
      { room: 'options', ...problems },
      { room: 'adapters', ...problems },
      { room: 'certificates', only: [], ...problems },
      { room: 'settings', ...problems },
      { room: 'file', ...problems },
    ],
  },
  {
    folder: 'clients',
    besides: [
      'core/**',
      'lib/**',
      'ports/**',
      '@rgrove/parse-xml',
      'nodemailer/lib/mail-composer',
      'nodemailer/lib/smtp-connection',
      'pg',
      'ssh2',
      'node:crypto',
      'node:path',
    ],
    limits: [],
    rooms: [
      { room: 'http' },
      { room: 'signatures' },
      { room: 'dns-wire' },
      { room: 'folders' },
      { room: 'cdn', only: ['http'] },
      { room: 'alibaba', only: ['http', 'signatures', 'cdn'] },
      { room: 'aws', only: ['http', 'signatures'], files: ['hook-programs.ts'] },
      { room: 'azure', only: ['http'] },
      { room: 'google', only: ['http'] },
      { room: 'haproxy', only: [] },
      { room: 'mail', only: [] },
      { room: 'postgres', only: [] },
      { room: 'huawei', only: ['http', 'signatures', 'cdn'] },
      { room: 'qiniu', only: ['http', 'signatures', 'cdn'] },
      { room: 'ssh', only: ['folders'] },
      { room: 'tencent', only: ['http'] },
      { room: 'dnspod', only: ['http', 'tencent'] },
    ],
  },
];

const isTest = ['!**/*.test.ts', '!**/test-*.ts'];

/** A path of `src/` as a file in a room names it. */
function from(house: House, { room }: Room, path: string): string {
  const named = relative(`${house.folder}/${room}`, path);
  return named.startsWith('.') ? named : `./${named}`;
}

/** The rule that refuses every import which is not listed, and these rooms. */
function ruleOf(house: House, one: Room, refused: readonly string[]) {
  const { folder, besides, limits, rooms } = house;
  const at = rooms.indexOf(one);
  const before = one.only ?? rooms.slice(0, at).map(({ room }) => room);
  const isWithin = (room: string) => [one.room, ...before].some((other) => room.startsWith(`${other}/`));
  const later = rooms.slice(at + 1).flatMap(({ room }) => (isWithin(room) ? [room] : []));
  // `../**` would also be the rooms beside the one that this one is in.
  const filesOf = (room: string) => (one.room.startsWith(`${room}/`) ? `${room}/*.ts` : `${room}/**`);
  const inHouse = [...before.map(filesOf), ...(one.files ?? [])].map((path) => `${folder}/${path}`);
  const isOurs = (path: string) => path.endsWith('/**') || path.endsWith('.ts');
  const paths = [...inHouse, ...besides.filter(isOurs)].map((path) => from(house, one, path));
  const group = [
    '**',
    ...(one.apart ? [] : ['!./**']),
    ...[...paths, ...besides.filter((path) => !isOurs(path))].map((path) => `!${path}`),
    ...[...later, ...refused].map((room) => from(house, one, `${folder}/${room}/**`)),
  ];
  const message = `${folder}/${one.room} imports only rooms of ${folder} that scripts/rooms.ts names before it, and ${besides.join(', ')}.`;
  const limited = limits.map(({ module, names, why }) => ({
    group: [module],
    importNamePattern: names,
    invertImportNamePattern: true,
    message: why,
  }));
  const options = { patterns: [{ group, message }, ...limited] };
  return { linter: { rules: { style: { noRestrictedImports: { level: 'error', options } } } } };
}

function overridesOf(house: House) {
  const at = (path: string) => `src/${house.folder}/${path}`;
  return house.rooms.flatMap((one) => {
    const { room, by } = one.kept ?? { by: [] };
    const mayImport = by.map((file) => at(`${one.room}/${file}`));
    const within = house.rooms.filter((other) => other.room.startsWith(`${one.room}/`));
    const others = [...within.map((other) => at(`${other.room}/**`)), ...mayImport].map((path) => `!${path}`);
    return [
      {
        includes: [at(`${one.room}/**`), ...others, ...isTest],
        ...ruleOf(house, one, room ? [room] : []),
      },
      ...(mayImport.length > 0 ? [{ includes: mayImport, ...ruleOf(house, one, []) }] : []),
    ];
  });
}

/** biome.rooms.json. */
export const roomsText = (): string =>
  `${JSON.stringify({ root: false, overrides: houses.flatMap(overridesOf) }, undefined, 2)}\n`;
