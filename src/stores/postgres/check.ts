import { type CertfleetError, fail } from '../../core/errors/errors.ts';
import type { Where } from './failures.ts';
import { identifier } from './names.ts';
import { migrate } from './schema.ts';
import type { Table } from './table.ts';

/** PostgreSQL 13 has transaction ids that never start over (xid8). */
const oldest = 130_000;

/** Tests that documents can be written and kept, also where there is no store yet, and changes nothing. */
export async function checkDatabase(table: Table, where: Where, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const { path, place, schema } = where;
  const unusable = (reason: string, advice: string): CertfleetError => fail('store/unusable', { path, reason, advice });
  const [row] = await table.read(
    `select current_setting('server_version_num') as version, current_setting('server_version') as name,
  current_setting('synchronous_commit') as commit, pg_is_in_recovery()::text as standby,
  current_setting('transaction_read_only') as readonly`,
    [],
    signal,
  );
  if (Number(row?.['version']) < oldest)
    throw unusable(`the server is PostgreSQL ${row?.['name']}`, 'Use PostgreSQL 13 or later.');
  if (row?.['standby'] === 'true') throw fail('store/read-only', { path, reason: 'it is a standby' });
  if (row?.['readonly'] === 'on')
    throw fail('store/read-only', { path, reason: 'its transactions are read-only (default_transaction_read_only)' });
  if (row?.['commit'] === 'off')
    throw unusable(
      'it reports writes before they are on the disk (synchronous_commit is off)',
      `A key that is lost with a power cut costs a certificate: \`alter role ${identifier(place.user)} set synchronous_commit = on\`.`,
    );
  const documents = `${identifier(schema)}.document`;
  await table.alone(async (connection) => {
    const { query } = connection;
    await query('begin');
    await migrate(connection, schema, path);
    await query(
      `insert into ${documents} (kind, name, revision, bytes) values ('meta', '~check', gen_random_uuid(), '')`,
    );
    await query(`select from ${documents} where kind = 'meta' and key = sha256('~check')`);
    await query(`update ${documents} set bytes = null where kind = 'meta' and key = sha256('~check')`);
    await query(`delete from ${documents} where kind = 'meta' and key = sha256('~check')`);
    await query('rollback');
  }, signal);
}
