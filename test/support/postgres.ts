import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, copyFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { findProgram, freePort, type Service, startService, temporaryFolder } from './service.ts';

const run = promisify(execFile);

/** Debian has a folder for each version, and none of it on PATH. */
const versions = '/usr/lib/postgresql';

/** The folder with the programs of the newest PostgreSQL. */
export function postgresPrograms(): string | undefined {
  const found = existsSync(versions) ? readdirSync(versions).map(Number) : [];
  return found
    .sort((a, b) => b - a)
    .map((version) => join(versions, String(version), 'bin'))
    .find((folder) => existsSync(join(folder, 'initdb')));
}

/** PostgreSQL refuses to run as root. */
const nobody = 65_534;
const isRoot = process.getuid?.() === 0;

/** The command that runs a program as a user who is not root. It gets no signal when its parent ends otherwise. */
export const asUser = (program: string, args: readonly string[]): readonly [string, readonly string[]] =>
  isRoot
    ? [
        '/usr/bin/setpriv',
        [
          '--reuid',
          `${nobody}`,
          '--regid',
          `${nobody}`,
          '--clear-groups',
          '--pdeathsig',
          'KILL',
          '--',
          program,
          ...args,
        ],
      ]
    : [program, args];

/** A PostgreSQL server of a test's own, on loopback and a Unix socket. */
export interface Postgres {
  readonly port: number;
  /** The folder of its Unix socket. */
  readonly socket: string;
  readonly folder: string;
  readonly service: Service;
  /** The superuser, and the owner of the database. */
  readonly admin: Login;
  readonly owner: Login;
  /** The address of a database for a role; by default, those that the server has from its start. */
  url(login?: Login, database?: string): string;
  /** Runs statements as the superuser, and returns rows as `psql -At` prints them. */
  sql(text: string, database?: string): Promise<readonly string[]>;
  /** Runs a statement in a transaction that stays open until the result is ended. */
  hold(text: string): Promise<{ end(): Promise<void> }>;
  /** Ends the server as `pg_ctl stop -m fast` does. Its data stay. */
  stop(): Promise<void>;
  /** Starts it again on its port. */
  start(): Promise<void>;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

export interface PostgresOptions {
  /** Waits for the disk at each commit. Tests that kill the server need it. */
  readonly isDurable?: boolean;
  /** Encrypts connections, and refuses others on TCP. */
  readonly certificate?: { readonly certFile: string; readonly keyFile: string };
  /** As in postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where its data are, if not in its folder. */
  readonly disk?: Disk;
}

/** A file system for the data of one server, small enough to fill. */
export interface Disk {
  readonly folder: string;
  /** A prefix that runs a command where it is mounted. */
  readonly inside: readonly string[];
  /** Takes all the room that is left. */
  fill(): Promise<void>;
  free(): Promise<void>;
}

/** Mounts one in a namespace of its own, which goes with it. Needs `ownNetwork` of rights.ts, as root. */
export async function mountDisk(mib: number): Promise<Disk> {
  const folder = await ownFolder();
  const data = join(folder, 'data');
  const script = `mkdir "$0" && mount -t tmpfs -o size=${mib}m,mode=700,uid=${nobody},gid=${nobody} tmpfs "$0" && touch "$0.mounted" && exec sleep infinity`;
  const { pid } = await startService({
    name: 'a disk',
    program: findProgram('unshare', 'system')!,
    args: ['--mount', 'sh', '-c', script, data],
    cwd: folder,
    ready: async () => existsSync(`${data}.mounted`),
  });
  const filler = `/proc/${pid}/root${data}/filler`;
  return {
    folder,
    inside: [findProgram('nsenter', 'system')!, `--mount=/proc/${pid}/ns/mnt`, '--'],
    fill: () => writeFile(filler, Buffer.alloc(mib * 1024 * 1024)).catch(() => undefined),
    free: () => rm(filler),
  };
}

const programs = (): string => {
  const folder = postgresPrograms();
  if (folder === undefined) throw new Error(`no PostgreSQL in ${versions}: run \`npm run setup\``);
  return folder;
};

/** Runs a program of PostgreSQL in a folder, as its owner. */
async function runIn(
  { folder, inside = [] }: Pick<Disk, 'folder'> & Partial<Pick<Disk, 'inside'>>,
  name: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
) {
  const [program, all] = asUser(join(programs(), name), args);
  const [first, ...rest] = [...inside, program, ...all];
  await run(first!, rest, { cwd: folder, env: { ...process.env, ...env } });
}

async function ownFolder(): Promise<string> {
  const folder = await temporaryFolder('postgres');
  if (isRoot) await chown(folder, nobody, nobody);
  return folder;
}

async function ownFile(path: string, write: (path: string) => Promise<unknown>): Promise<string> {
  await write(path);
  if (isRoot) await chown(path, nobody, nobody);
  return path;
}

/** Starts a server with an empty database `certfleet` of the role `certfleet`. */
export async function startPostgres(options: PostgresOptions = {}): Promise<Postgres> {
  const { isDurable = false, certificate, settings = {}, disk } = options;
  const folder = disk?.folder ?? (await ownFolder());
  const place = disk ?? { folder, inside: [] };
  const data = join(folder, 'data');
  const admin = { user: 'postgres', password: randomBytes(9).toString('hex') };
  const owner = { user: 'certfleet', password: randomBytes(9).toString('hex') };
  const passwordFile = await ownFile(join(folder, 'password'), (path) => writeFile(path, admin.password));
  await runIn(place, 'initdb', [
    ...['--pgdata', data, '--username', admin.user, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
    ...(disk ? ['--wal-segsize', '1'] : []),
  ]);
  if (certificate) {
    await ownFile(join(data, 'server.crt'), (path) => copyFile(certificate.certFile, path));
    await ownFile(join(data, 'server.key'), (path) => copyFile(certificate.keyFile, path));
    await writeFile(join(data, 'pg_hba.conf'), 'local all all scram-sha-256\nhostssl all all all scram-sha-256\n');
  }
  const server = await startIn(
    place,
    { admin, owner },
    {
      ...(isDurable ? {} : { fsync: 'off', full_page_writes: 'off' }),
      ...(certificate ? { ssl: 'on' } : {}),
      ...settings,
    },
  );
  await server.sql(`create role ${owner.user} login password '${owner.password}'`, 'postgres');
  await server.sql(`create database certfleet owner ${owner.user}`, 'postgres');
  return server;
}

/** Starts a server that follows another one, until it is promoted (`select pg_promote()`). */
export async function startStandby({ admin, owner, socket, port }: Postgres): Promise<Postgres> {
  const folder = await ownFolder();
  const args = ['-h', socket, '-p', String(port), '-U', admin.user, '--checkpoint', 'fast', '--no-sync', '-R'];
  await runIn({ folder }, 'pg_basebackup', ['-D', join(folder, 'data'), ...args], { PGPASSWORD: admin.password });
  return startIn({ folder, inside: [] }, { admin, owner }, {});
}

async function startIn(
  { folder, inside }: Pick<Disk, 'folder' | 'inside'>,
  { admin, owner }: Pick<Postgres, 'admin' | 'owner'>,
  settings: Readonly<Record<string, string>>,
): Promise<Postgres> {
  const port = await freePort();
  const data = join(folder, 'data');
  const lines = { listen_addresses: '127.0.0.1', port: String(port), unix_socket_directories: folder, ...settings };
  const options = Object.entries(lines).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const psql = async (sql: string, database = 'certfleet'): Promise<readonly string[]> => {
    const { stdout } = await run(
      join(programs(), 'psql'),
      ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', folder, '-p', String(port), '-U', admin.user, '-d', database, '-c', sql],
      { env: { ...process.env, PGPASSWORD: admin.password } },
    );
    return stdout.split('\n').filter((line) => line !== '');
  };
  const begin = (): Promise<Service> => {
    const [own, all] = asUser(join(programs(), 'postgres'), ['-D', data, ...options]);
    const [program, ...args] = [...inside, own, ...all] as [string, ...string[]];
    const ready = () =>
      psql('select 1', 'postgres').then(
        () => true,
        () => false,
      );
    return startService({ name: 'postgres', program, args, cwd: folder, ready });
  };
  let service = await begin();
  return {
    ...{ port, socket: folder, folder, admin, owner, sql: psql },
    get service() {
      return service;
    },
    url: ({ user, password } = owner, database = 'certfleet') =>
      `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
    async hold(sql) {
      const client = new Client({ host: folder, port, database: 'certfleet', ...admin });
      await client.connect();
      await client.query('begin');
      await client.query(sql);
      return { end: () => client.end() };
    },
    async stop() {
      // SIGTERM would wait for clients.
      service.signal('SIGINT');
      await service.ended;
    },
    async start() {
      service = await begin();
    },
  };
}

export const hasPostgres = { name: 'PostgreSQL', works: () => postgresPrograms() !== undefined };
