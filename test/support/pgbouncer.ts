import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asUser, type Postgres } from './postgres.ts';
import { findProgram, freePort, portAccepts, startService, temporaryFolder } from './service.ts';

/** PgBouncer before a server, which gives each transaction any of a few connections. */
export interface PgBouncer {
  /** The address of the database for the role `certfleet`. */
  readonly url: string;
  /** Takes another password of the role, also for the server, and ends all connections. */
  setPassword(password: string): Promise<void>;
}

export async function startPgBouncer(server: Postgres, password = server.owner.password): Promise<PgBouncer> {
  const folder = await temporaryFolder('pgbouncer');
  const port = await freePort();
  const { user } = server.owner;
  const users = join(folder, 'users.txt');
  const config = join(folder, 'pgbouncer.ini');
  const writeUsers = (now: string) => writeFile(users, `"${user}" "${now}"\n`);
  await writeUsers(password);
  await writeFile(
    config,
    `[databases]
certfleet = host=127.0.0.1 port=${server.port} dbname=certfleet
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = ${users}
pool_mode = transaction
default_pool_size = 3
`,
  );
  if (process.getuid?.() === 0) for (const path of [folder, users, config]) await chown(path, 65_534, 65_534);
  const [program, args] = asUser(findProgram('pgbouncer', 'system')!, [config]);
  const start = () => startService({ name: 'pgbouncer', program, args, cwd: folder, ready: () => portAccepts(port) });
  let service = await start();
  return {
    url: `postgres://${user}:${password}@127.0.0.1:${port}/certfleet`,
    async setPassword(next) {
      await writeUsers(next);
      service.signal('SIGQUIT');
      await service.ended;
      service = await start();
    },
  };
}
