import type { Connection } from '../../clients/postgres/connection.ts';
import type { Pool } from '../../clients/postgres/pool.ts';
import { fail } from '../../core/errors/errors.ts';
import { identifier } from './names.ts';

/**
 * What each version of the schema adds to the one before. A migration that was released never changes, and an older
 * certfleet must be able to work on, because the machines of a fleet are not updated at once: otherwise the number of
 * the schema is not enough.
 *
 * - `name` is bytes, because a name may contain NUL; `key` makes names of any length fit into an index.
 * - A deleted document has no bytes, and stays for a day, so that others learn of the deletion.
 * - `at` is the transaction that wrote the row, for those who follow the changes.
 * - `token` is what a responder may read. Without the barrier, its role could see other rows by a function of its own in
 *   a condition, which the server might try first.
 */
const migrations: readonly ((schema: string) => string)[] = [
  (schema) => `
create table ${schema}.document (
  kind text not null,
  name bytea not null,
  key bytea not null generated always as (sha256(name)) stored,
  revision uuid not null,
  bytes bytea,
  at xid8 not null default pg_current_xact_id(),
  written timestamptz not null default now(),
  primary key (kind, key)
);
create index document_at on ${schema}.document (at);
create index document_deleted on ${schema}.document (written) where bytes is null;
create view ${schema}.token with (security_barrier) as
  select kind, name, key, revision, bytes, at from ${schema}.document where kind = 'token';`,
];

export const schemaVersion = migrations.length;

/** The version of the schema, or undefined if there is none. */
export async function readVersion(
  pool: Pick<Pool, 'read'>,
  schema: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const table = `${identifier(schema)}.migration`;
  const [found] = await pool.read('select to_regclass($1)::text as table', [table], signal);
  if (!found?.['table']) return undefined;
  const [row] = await pool.read(`select coalesce(max(number), 0)::text as version from ${table}`, [], signal);
  return Number(row?.['version']);
}

/** Reports whether there is a schema, for a role that may read tokens only. */
export async function hasTokens(pool: Pick<Pool, 'read'>, schema: string, signal: AbortSignal): Promise<boolean> {
  const [found] = await pool.read('select to_regclass($1)::text as view', [`${identifier(schema)}.token`], signal);
  return Boolean(found?.['view']);
}

export function refuseNewer(version: number, path: string): void {
  if (version > schemaVersion) throw fail('store/too-new', { path, found: version, known: schemaVersion });
}

/**
 * Makes the schema, or brings it up to date, in the transaction of the connection. Processes that do so at once wait for
 * each other.
 */
export async function migrate({ query }: Pick<Connection, 'query'>, schema: string, path: string): Promise<void> {
  const named = identifier(schema);
  // The server ends a process that was stopped in the middle, because all others wait for it.
  await query("set local idle_in_transaction_session_timeout = '5s'");
  await query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`certfleet ${schema}`]);
  // By the catalogue: while this session waited, `to_regnamespace` may keep what it knew before another one made it.
  const [is] = await query(
    `select exists (select from pg_namespace where nspname = $1)::text as schema,
  exists (select from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = $1 and relname = 'migration')::text as table`,
    [schema],
  );
  // `if not exists` would need the right to create one.
  if (is?.['schema'] !== 'true') await query(`create schema ${named}`);
  if (is?.['table'] !== 'true')
    await query(
      `create table ${named}.migration (number integer primary key, applied timestamptz not null default now())`,
    );
  const [row] = await query(`select coalesce(max(number), 0)::text as version from ${named}.migration`);
  const version = Number(row?.['version']);
  refuseNewer(version, path);
  for (const [at, migration] of migrations.entries()) {
    if (at < version) continue;
    await query(migration(named));
    await query(`insert into ${named}.migration (number) values ($1)`, [at + 1]);
  }
}
