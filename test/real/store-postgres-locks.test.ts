import { Client } from 'pg';
import { beforeAll, expect, it } from 'vitest';
import type { Key, Store } from '../../src/ports/store.ts';
import { migrate } from '../../src/stores/postgres/schema.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { newSchema, openPostgres } from '../support/postgres-bench.ts';
import { until } from '../support/service.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const key = (name: string): Key => ({ kind: 'lineage', name });
const bytesOf = (text: string) => Buffer.from(text);
const create = (store: Store, name: string) => store.put(key(name), bytesOf('one'), { ifRevision: null, signal });

describeWith([hasPostgres], 'locks that others hold', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  const count = async (sql: string) => Number((await server.sql(sql))[0]);
  const waits = () =>
    until(async () => (await count('select count(*) from pg_locks where not granted')) > 0, { what: 'one waits' });

  it.each<[what: string, before: (table: string) => string, second: (table: string) => string, use: Use]>([
    [
      'a write',
      () => '',
      (table) => `lock table ${table} in share mode`,
      async (store) => {
        const { revision } = (await store.get(key('a'), signal))!;
        const next = await store.put(key('a'), bytesOf('two'), { ifRevision: revision, signal });
        const entry = (await store.get(key('a'), signal))!;
        expect([entry.revision, Buffer.from(entry.bytes).toString()]).toEqual([next, 'two']);
      },
    ],
    [
      'the removal of old rows',
      // In this order on the disk, so that it waits for the second while it has the first.
      (table) => `update ${table} set bytes = null, written = now() - interval '2 days'`,
      (table) => `update ${table} set written = written where name = 'b'`,
      async (store) => store.tidy?.(signal),
    ],
  ])('a deadlock ends %s, which is done again', async (_what, before, second, use) => {
    const schema = newSchema();
    const table = `${schema}.document`;
    const store = openPostgres(server.url(), schema);
    for (const name of ['b', 'a']) await create(store, name);
    if (before(table)) await server.sql(before(table));
    const deadlocks = "select deadlocks from pg_stat_database where datname = 'certfleet'";
    const known = await count(deadlocks);
    const other = new Client(server.url(server.admin));
    await other.connect();
    // The server ends the statement whose patience is over first.
    await other.query("set deadlock_timeout = '1h'");
    await other.query('begin');
    await other.query(`update ${table} set written = written where name = 'a'`);
    const used = use(store);
    await waits();
    await other.query(second(table));
    await other.query('commit');
    await used;
    await other.end();
    await until(async () => (await count(deadlocks)) > known, { what: 'the server has counted the deadlock' });
  });

  it('the server ends a process that was stopped while it made the schema, and others go on', async () => {
    const schema = newSchema();
    const stopped = new Client(server.url());
    const ended = new Promise((resolve) => stopped.on('error', resolve));
    await stopped.connect();
    await stopped.query('begin');
    const query = async (text: string, values: readonly unknown[] = []) =>
      (await stopped.query(text, [...values])).rows as never;
    await migrate({ query }, schema, 'of the test');
    await create(openPostgres(server.url(), schema), 'a');
    expect(await ended).toMatchObject({ code: '25P03' });
  });
});

type Use = (store: Store) => Promise<unknown>;
