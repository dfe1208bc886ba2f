import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { decodeLineage, encodeDocument, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { Kind } from '../../src/ports/store.ts';
import { type Postgres, type PostgresOptions, startPostgres } from '../../test/support/postgres.ts';
import { copyOf, nameOfCopy } from './renew.ts';
import type { Rig } from './rig.ts';

/** A PostgreSQL that counts its statements. */
export interface Database {
  readonly server: Postgres;
  /** What stands behind `store:`, for a schema of its own. */
  readonly store: (schema: string) => string;
  /** Forgets what was counted. */
  forget(): Promise<void>;
  /** How often each statement has run since then; those of the store by what they do. */
  calls(role?: string): Promise<ReadonlyMap<string, number>>;
}

export async function startDatabase(rig: Rig, options: PostgresOptions = {}): Promise<Database> {
  const server = await startPostgres({ ...options, settings: { shared_preload_libraries: 'pg_stat_statements' } });
  await server.sql('create extension pg_stat_statements');
  const urlFile = join(rig.folder, `database-${server.port}`);
  await writeFile(urlFile, server.url(), { mode: 0o600 });
  return {
    server,
    store: (schema) => `{ type: postgres, url: "file:${urlFile}", schema: ${schema}, tls: "off", plaintext: true }`,
    forget: async () => void (await server.sql('select pg_stat_statements_reset()')),
    async calls(role = server.owner.user) {
      const rows = await server.sql(
        `select calls, regexp_replace(query, '\\s+', ' ', 'g') from pg_stat_statements where userid = '${role}'::regrole order by calls desc`,
      );
      const calls = new Map<string, number>();
      for (const row of rows) {
        const [, count = '0', text = ''] = /^(\d+)\|(.*)$/.exec(row) ?? [];
        const what = wordFor(text);
        calls.set(what, (calls.get(what) ?? 0) + Number(count));
      }
      return calls;
    },
  };
}

/** What a statement of src/stores/postgres/statements.ts does. */
function wordFor(text: string): string {
  const words = [
    ['pg_current_snapshot()', 'poll'],
    ['insert into', 'create'],
    ['update ', 'replace'],
    ['order by page.key', 'page'],
    ['unnest(', 'some'],
    ['delete from', 'tidy'],
    ['key = sha256(', 'get'],
  ] as const;
  return words.find(([part]) => text.includes(part))?.[1] ?? text.slice(0, 60);
}

/** What the store wrote, as pairs of a word and a number. */
export const inWords = (calls: ReadonlyMap<string, number>): string =>
  [...calls].map(([what, count]) => `${count} × ${what}`).join(', ') || 'none';

/**
 * Lays many copies of the certificate `model` into its store, each under its own name.
 *
 * @param change what else is to be different in each copy
 */
export async function fillDatabase(
  { server }: Database,
  schema: string,
  count: number,
  change: (copy: Lineage) => Lineage = (copy) => copy,
): Promise<void> {
  const client = new Client(server.url());
  await client.connect();
  const read = async (kind: Kind, name: string): Promise<Buffer> => {
    const { rows } = await client.query(`select bytes from ${schema}.document where kind = $1 and name = $2`, [
      kind,
      Buffer.from(name),
    ]);
    return rows[0].bytes as Buffer;
  };
  const stored = decodeLineage(await read('lineage', 'model'), 'model', schema);
  const id = stored.current?.id ?? '';
  const model = { ...stored, spec: { ...stored.spec, targets: [] }, deployments: {} };
  const [key, version] = [await read('key', `model~${id}`), await read('version', `model~${id}`)];
  const most = 500;
  for (let from = 0; from < count; from += most) {
    const rows = Array.from({ length: Math.min(most, count - from) }, (_, at) => nameOfCopy(from + at)).flatMap(
      (name): [kind: Kind, name: string, bytes: Uint8Array][] => [
        ['lineage', name, encodeDocument(change(copyOf(model, name)))],
        ['key', `${name}~${id}`, key],
        ['version', `${name}~${id}`, version],
      ],
    );
    await client.query(
      `insert into ${schema}.document (kind, name, revision, bytes)
select kind, name, gen_random_uuid(), bytes from unnest($1::text[], $2::bytea[], $3::bytea[]) as laid (kind, name, bytes)`,
      [
        rows.map(([kind]) => kind),
        rows.map(([, name]) => Buffer.from(name)),
        rows.map(([, , bytes]) => Buffer.from(bytes)),
      ],
    );
  }
  await client.query(`analyze ${schema}.document`);
  await client.end();
}
