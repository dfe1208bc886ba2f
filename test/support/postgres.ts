import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { freePort, type Service, startService, temporaryFolder } from './service.ts';

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

/** The command that runs a program as a user who owns the data. It gets no signal when its parent ends otherwise. */
const asUser = (program: string, args: readonly string[]): readonly [string, readonly string[]] =>
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
  /** The superuser's name and password. */
  readonly admin: Login;
  /** The address of a database for a role; by default, those that the server has from its start. */
  url(login?: Login, database?: string): string;
  /** Runs statements as the superuser, and returns rows as `psql -At` prints them. */
  sql(text: string, database?: string): Promise<readonly string[]>;
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
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a server with an empty database `certfleet` of the role `certfleet`. */
export async function startPostgres({ isDurable = false, settings = {} }: PostgresOptions = {}): Promise<Postgres> {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error(`no PostgreSQL in ${versions}: run \`npm run setup\``);
  const folder = await temporaryFolder('postgres');
  const port = await freePort();
  const data = join(folder, 'data');
  const admin = { user: 'postgres', password: randomBytes(9).toString('hex') };
  const owner = { user: 'certfleet', password: randomBytes(9).toString('hex') };
  const passwordFile = join(folder, 'password');
  await writeFile(passwordFile, admin.password, { mode: 0o600 });
  if (isRoot) for (const path of [folder, passwordFile]) await chown(path, nobody, nobody);
  const [program, args] = asUser(join(programs, 'initdb'), [
    ...['--pgdata', data, '--username', admin.user, '--pwfile', passwordFile, '--auth', 'scram-sha-256'],
    ...['--encoding', 'UTF8', '--locale', 'C', '--no-sync', '--no-instructions'],
  ]);
  await run(program, args, { cwd: folder });
  const lines = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    ...(isDurable ? {} : { fsync: 'off', synchronous_commit: 'on', full_page_writes: 'off' }),
    ...settings,
  };
  const text = Object.entries(lines).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
  await writeFile(join(data, 'postgresql.auto.conf'), text.join(''));
  const psql = async (sql: string, database = 'certfleet'): Promise<readonly string[]> => {
    const { stdout } = await run(
      join(programs, 'psql'),
      ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', folder, '-p', String(port), '-U', admin.user, '-d', database, '-c', sql],
      { env: { ...process.env, PGPASSWORD: admin.password } },
    );
    return stdout.split('\n').filter((line) => line !== '');
  };
  const begin = (): Promise<Service> => {
    const [server, flags] = asUser(join(programs, 'postgres'), ['-D', data]);
    return startService({
      name: 'postgres',
      program: server,
      args: flags,
      cwd: folder,
      ready: () =>
        psql('select 1', 'postgres').then(
          () => true,
          () => false,
        ),
    });
  };
  let service = await begin();
  await psql(`create role ${owner.user} login password '${owner.password}'`, 'postgres');
  await psql(`create database certfleet owner ${owner.user}`, 'postgres');
  return {
    ...{ port, socket: folder, folder, admin, sql: psql },
    get service() {
      return service;
    },
    url: ({ user, password } = owner, database = 'certfleet') =>
      `postgres://${user}:${password}@127.0.0.1:${port}/${database}`,
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
