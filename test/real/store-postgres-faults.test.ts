import { randomUUID } from 'node:crypto';
import { Client } from 'pg';
import { beforeAll, expect, it } from 'vitest';
import type { Value } from '../../src/clients/postgres/connection.ts';
import { defaultSettings } from '../../src/config/settings/defaults.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { systemClock } from '../../src/lib/clock.ts';
import type { Clock } from '../../src/ports/clock.ts';
import type { Cursor, Key, Store } from '../../src/ports/store.ts';
import { migrate } from '../../src/stores/postgres/schema.ts';
import { createStatements } from '../../src/stores/postgres/statements.ts';
import { lookAtStore } from '../../src/whole-store.ts';
import { itDrawn } from '../support/drawn.ts';
import { makeLocalHttps } from '../support/https.ts';
import { hasPostgres, type Postgres, startPostgres, startStandby } from '../support/postgres.ts';
import { newSchema, openPostgres, startLossyWay } from '../support/postgres-bench.ts';
import { until } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const key = (name: string): Key => ({ kind: 'lineage', name });
const bytesOf = (text: string) => Buffer.from(text);
const textIn = async (store: Store, name: string) => {
  const entry = await store.get(key(name), signal);
  return entry && Buffer.from(entry.bytes).toString();
};
const create = (store: Store, name: string, text = name) =>
  store.put(key(name), bytesOf(text), { ifRevision: null, signal });

describeWith([hasPostgres], 'an empty database', () => {
  it('gets its schema once, also from a process that waited while another one made it', async () => {
    const server = await startPostgres();
    const schema = newSchema();
    const store = openPostgres(server.url(), schema);
    // Its session has looked for the schema by the same statement, as `certfleet run` does at its start.
    await store.check?.(signal);
    const other = new Client(server.url());
    await other.connect();
    await other.query('begin');
    const query = async (text: string, values: readonly Value[] = []) => (await other.query(text, [...values])).rows;
    await migrate({ query }, schema, 'of the test');
    const created = create(store, 'a');
    const waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted";
    await until(async () => (await server.sql(waiting))[0] === '1', { what: 'the store waits' });
    await other.query('commit');
    await other.end();
    await created;
    expect(await textIn(store, 'a')).toBe('a');
  });
});

describeWith([hasPostgres, 'openssl'], 'a server that refuses', () => {
  let plain: Postgres;
  let encrypted: Postgres;
  let caFile: string;
  let otherCa: string;
  beforeAll(async () => {
    const certificate = await makeLocalHttps();
    caFile = certificate.caFile;
    otherCa = (await makeLocalHttps()).caFile;
    [plain, encrypted] = await Promise.all([
      startPostgres(),
      startPostgres({ certificate, settings: { listen_addresses: '127.0.0.1,127.0.0.2' } }),
    ]);
    const password = 'secret';
    for (const role of ['poor', 'reader', 'careless'])
      await plain.sql(`create role ${role} login password '${password}'`);
    await plain.sql('create schema poor_schema; grant usage on schema poor_schema to poor');
    await plain.sql('alter role reader set default_transaction_read_only = on');
    await plain.sql('alter role careless set synchronous_commit = off');
  });

  const as = (user: string) => plain.url({ user, password: 'secret' });
  const cases: readonly (readonly [
    what: string,
    url: () => string,
    options: () => Parameters<typeof openPostgres>[2] & { schema?: string },
    code: string,
    words: RegExp,
  ])[] = [
    [
      'nothing there',
      () => 'postgres://a:the-password@127.0.0.1:1/db',
      () => ({}),
      'store/unreachable',
      /connection refused/,
    ],
    ['an unknown host', () => 'postgres://a:the-password@no.invalid/db', () => ({}), 'store/unreachable', /host name/],
    [
      'a wrong password',
      () => plain.url({ user: 'certfleet', password: 'x' }),
      () => ({}),
      'store/login-refused',
      /password authentication failed/,
    ],
    [
      'no password',
      () => plain.url().replace(/:[0-9a-f]+@/, '@'),
      () => ({}),
      'store/login-refused',
      /wants a password/,
    ],
    [
      'another database',
      () => plain.url(plain.owner, 'none'),
      () => ({}),
      'store/login-refused',
      /"none" does not exist/,
    ],
    ['no TLS', () => plain.url(), () => ({ tls: 'verified' }), 'store/tls-refused', /the server has no TLS/],
    ['only TLS', () => encrypted.url(), () => ({}), 'store/login-refused', /no encryption/],
    [
      'an unknown CA',
      () => encrypted.url(),
      () => ({ tls: 'verified', caFile: otherCa }),
      'store/tls-refused',
      /certificate/,
    ],
    [
      'another name',
      () => encrypted.url().replace('127.0.0.1', '127.0.0.2'),
      () => ({ tls: 'verified', caFile }),
      'store/tls-refused',
      /127\.0\.0\.2/,
    ],
    ['no right to make the schema', () => as('poor'), () => ({}), 'store/right-missing', /for database certfleet/],
    [
      'no right in the schema',
      () => as('poor'),
      () => ({ schema: 'poor_schema' }),
      'store/right-missing',
      /for schema poor_schema/,
    ],
    ['a read-only role', () => as('reader'), () => ({}), 'store/read-only', /read-only/],
    ['a careless commit', () => as('careless'), () => ({}), 'store/unusable', /synchronous_commit is off/],
  ];
  it.each(cases)('%s', async (_what, url, options, code, words) => {
    const { schema = newSchema(), ...more } = options();
    const store = openPostgres(url(), schema, more);
    const error = await store.check(signal).then(
      () => expect.fail('it is usable'),
      (reason: unknown) => reason,
    );
    expect(error).toMatchObject({ code, message: expect.stringMatching(words) });
    // Nothing of the URL but its place is in a message.
    const { password } = new URL(url());
    if (password) expect(String(error) + JSON.stringify(error)).not.toContain(password);
  });

  it('a schema of a newer certfleet', async () => {
    const schema = newSchema();
    await create(openPostgres(plain.url(), schema), 'a');
    await plain.sql(`insert into ${schema}.migration (number) values (99)`);
    const store = openPostgres(plain.url(), schema);
    await expect(store.get(key('a'), signal)).rejects.toMatchObject({
      code: 'store/too-new',
      message: expect.stringMatching(/its schema is 99, and this one knows 1/),
    });
  });

  it('a standby', async () => {
    const standby = await startStandby(plain);
    const store = openPostgres(standby.url(), newSchema());
    await expect(store.check(signal)).rejects.toMatchObject({ code: 'store/read-only' });
    await expect(create(store, 'a')).rejects.toMatchObject({ code: 'store/read-only' });
    await standby.stop();
  });

  it('works over TLS, and over a Unix socket', async () => {
    const schema = newSchema();
    const store = openPostgres(encrypted.url(), schema, { tls: 'verified', caFile });
    await create(store, 'a');
    const [count] = await encrypted.sql('select count(*) from pg_stat_ssl where ssl');
    expect(Number(count)).toBeGreaterThan(0);
    const { user, password } = encrypted.owner;
    const place = { socket: encrypted.socket, port: encrypted.port, user, database: 'certfleet' };
    const local = openPostgres(undefined, schema, { ...place, password: new Secret(password) });
    expect(await textIn(local, 'a')).toBe('a');
    expect(local.location).not.toContain(password);
  });
});

describeWith([hasPostgres], 'a server that fails', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres({
      settings: { shared_preload_libraries: 'pg_stat_statements', 'pg_stat_statements.track_planning': 'off' },
    });
    await server.sql('create extension pg_stat_statements');
  });
  const open = (schema: string, world = {}) => openPostgres(server.url(), schema, { world });

  it('ends connections: at rest, and in the middle of a write', async () => {
    const schema = newSchema();
    const store = open(schema);
    const first = await create(store, 'a', 'one');
    const endAll = () =>
      server.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where application_name = 'certfleet'");
    await endAll();
    expect(await textIn(store, 'a')).toBe('one');
    // The write waits for this transaction, and so is sent when its connection ends.
    const holder = await server.hold(`select from ${schema}.document for update`);
    const write = store.put(key('a'), bytesOf('two'), { ifRevision: first, signal });
    await until(
      async () => (await server.sql("select pid from pg_stat_activity where wait_event_type = 'Lock'")).length > 0,
      {
        what: 'the write waits',
      },
    );
    await endAll();
    await holder.end();
    const second = await write;
    expect(await store.get(key('a'), signal)).toMatchObject({ revision: second });
    expect(await textIn(store, 'a')).toBe('two');
  });

  it('executes a write late: it brings nothing back that others have deleted since', async () => {
    const schema = newSchema();
    const store = open(schema);
    const revision = randomUUID();
    const late = new Client(server.url());
    await late.connect();
    await create(store, 'ready');
    const { create: text } = createStatements(`${schema}.document`);
    const write = () => late.query(text, ['lineage', bytesOf('a'), revision, bytesOf('late'), null]);
    await write();
    await store.delete(key('a'), { ifRevision: revision, signal });
    await write();
    expect(await textIn(store, 'a')).toBeUndefined();
    await create(store, 'a', 'again');
    await write();
    expect(await textIn(store, 'a')).toBe('again');
    await late.end();
  });

  it('starts again: writes wait for it, and what was written is there', async () => {
    const store = open(newSchema());
    await create(store, 'a');
    await server.stop();
    const write = create(store, 'b');
    await server.start();
    await write;
    expect([await textIn(store, 'a'), await textIn(store, 'b')]).toEqual(['a', 'b']);
  });

  it('is away for longer than the caller waits: the failure is the database’s, not a bug', async () => {
    const store = open(newSchema());
    await create(store, 'a');
    await server.stop();
    const failure = { code: 'store/unreachable', message: expect.stringMatching(/connection refused/) };
    const deadline = () => AbortSignal.timeout(300);
    await Promise.all([
      expect(store.get(key('a'), deadline())).rejects.toMatchObject(failure),
      expect(store.put(key('b'), bytesOf('b'), { ifRevision: null, signal: deadline() })).rejects.toMatchObject(
        failure,
      ),
    ]);
    const stopped = new Error('stopped');
    const controller = new AbortController();
    const read = expect(store.get(key('a'), controller.signal)).rejects.toBe(stopped);
    controller.abort(stopped);
    await read;
    await server.start();
    expect(await textIn(store, 'a')).toBe('a');
  });

  it('says nothing for a while: no call waits for ever, and the next one works', async () => {
    // Limits pass a hundred times faster while it says nothing.
    let speed = 1;
    const clock: Clock = {
      ...systemClock,
      deadline: (ms, parent) => systemClock.deadline(ms / speed, parent),
      monotonicMs: () => systemClock.monotonicMs() * speed,
    };
    const store = open(newSchema(), { clock });
    const revision = await create(store, 'a');
    const others = await server.sql("select pid from pg_stat_activity where application_name = 'certfleet'");
    for (const pid of [server.service.pid, ...others.map(Number)]) process.kill(pid, 'SIGSTOP');
    speed = 100;
    try {
      const write = store.put(key('a'), bytesOf('two'), { ifRevision: revision, signal });
      await expect(write).rejects.toMatchObject({
        code: 'store/unreachable',
        message: expect.stringMatching(/timed out/),
      });
    } finally {
      speed = 1;
      for (const pid of [...others.map(Number), server.service.pid]) process.kill(pid, 'SIGCONT');
    }
    // It may have arrived, or it did not.
    expect(['a', 'two']).toContain(await textIn(store, 'a'));
  });

  it('isolates transactions strictly: conflicts of the server are no conflicts of documents', async () => {
    const schema = newSchema();
    await create(open(schema), 'count', '0');
    await server.sql('alter role certfleet set default_transaction_isolation = serializable');
    const stores = [open(schema), open(schema), open(schema)];
    await Promise.all(
      stores.map(async (store) => {
        for (let n = 0; n < 10; ) {
          const entry = (await store.get(key('count'), signal))!;
          const next = bytesOf(String(Number(Buffer.from(entry.bytes).toString()) + 1));
          const done = await store.put(key('count'), next, { ifRevision: entry.revision, signal }).then(
            () => true,
            (error: { code: string }) => {
              expect(error.code).toBe('store/conflict');
              return false;
            },
          );
          if (done) n += 1;
        }
      }),
    );
    expect(await textIn(stores[0]!, 'count')).toBe('30');
    await server.sql('alter role certfleet reset default_transaction_isolation');
  });

  it('has ten connections of a process at most, and one of a process that only follows', async () => {
    let ms = 0;
    const store = open(newSchema(), { clock: { ...systemClock, monotonicMs: () => ms } });
    await create(store, 'a');
    const count = async () =>
      Number((await server.sql("select count(*) from pg_stat_activity where application_name = 'certfleet'"))[0]);
    const before = (await count()) - 1;
    await Promise.all(Array.from({ length: 100 }, () => store.get(key('a'), signal)));
    expect((await count()) - before).toBe(10);
    ms = 60_000;
    await store.get(key('a'), signal);
    await until(async () => (await count()) - before === 1, { what: 'the others have ended' });
  });

  it('is asked once by all who follow something', async () => {
    const schema = newSchema();
    const store = open(schema);
    const other = open(schema);
    await create(other, 'a');
    const kinds = ['lineage', 'replica', 'token'] as const;
    let cursors: readonly Cursor[] = await Promise.all(
      kinds.map(async (kind) => (await store.changes(kind, undefined, signal)).cursor),
    );
    await server.sql('select pg_stat_statements_reset()');
    const look = async () => {
      const found = await Promise.all(kinds.map((kind, at) => store.changes(kind, cursors[at], signal)));
      cursors = found.map(({ cursor }) => cursor);
      return found.map(({ entries }) =>
        entries.map((entry) => [entry.key.name, 'gone' in entry ? 0 : entry.bytes.length]),
      );
    };
    for (let n = 0; n < 20; n += 1) expect(await look()).toEqual([[], [], []]);
    await other.put({ kind: 'replica', name: 'n' }, bytesOf('x'.repeat(2_000)), { ifRevision: null, signal });
    expect(await look()).toEqual([[], [['n', 2_000]], []]);
    const calls = async () =>
      (
        await server.sql(
          "select calls from pg_stat_statements where userid = 'certfleet'::regrole order by calls desc, queryid",
        )
      ).map(Number);
    // The other one is the write.
    expect(await calls()).toEqual([21, 1]);
    // A large document comes with one more statement.
    await other.put(key('big'), bytesOf('x'.repeat(100_000)), { ifRevision: null, signal });
    expect(await look()).toEqual([[['big', 100_000]], [], []]);
    expect(await calls()).toEqual([22, 2, 1]);
  });

  it('has another time', async () => {
    const settings = {
      ...defaultSettings({}),
      store: { type: 'postgres', url: server.url(), tls: 'off', plaintext: true, schema: newSchema() },
    };
    const look = async (ms: number) => {
      const now = () => new Date(Date.now() + ms);
      const { hops } = await lookAtStore(
        settings,
        { world: storeWorld({ clock: { ...systemClock, now } }), env: {} },
        signal,
      );
      return hops.at(-1);
    };
    expect(await look(1_000)).toMatchObject({ at: 'clock', state: 'well' });
    for (const [ms, words] of [
      [300_000, / minutes behind that of this machine/],
      [-7_200_000, / ahead of that of this machine/],
    ] as const)
      expect(await look(ms)).toMatchObject({ code: 'store/clock-off', finding: expect.stringMatching(words) });
  });

  it('is another store, or none, all of a sudden', async () => {
    const schema = newSchema();
    const store = open(schema);
    const id: Key = { kind: 'meta', name: 'store' };
    await store.put(id, bytesOf('{}'), { ifRevision: null, signal });
    const revision = await create(store, 'a');
    await store.anchor?.(id, signal);
    const { cursor } = await store.changes('lineage', undefined, signal);
    expect(await textIn(store, 'a')).toBe('a');
    const calls = {
      get: () => store.get(key('b'), signal),
      create: () => create(store, 'c'),
      replace: () => store.put(key('a'), bytesOf('x'), { ifRevision: revision, signal }),
      scan: async () => void (await store.scan('token', signal)[Symbol.asyncIterator]().next()),
      list: () => store.list('token', signal),
      changes: () => store.changes('lineage', cursor, signal),
    };
    for (const change of [`delete from ${schema}.document where kind = 'meta'`, `drop schema ${schema} cascade`]) {
      await server.sql(change);
      for (const [what, call] of Object.entries(calls))
        expect([
          what,
          await call().then(
            () => '',
            ({ code }: { code: string }) => code,
          ),
        ]).toEqual([what, 'store/unusable']);
    }
    expect(await server.sql(`select to_regnamespace('${schema}')`)).toEqual([]);
  });
});

describeWith([hasPostgres], 'a fail-over', () => {
  itDrawn('to a standby that lacks the last commits: all that is otherwise there is reported', async () => {
    const primary = await startPostgres();
    const way = await startLossyWay(primary.port);
    const url = primary.url().replace(`:${primary.port}/`, `:${way.port}/`);
    const schema = newSchema();
    const store = openPostgres(url, schema);
    await create(store, 'same');
    const old = await create(store, 'changed', 'old');
    const gone = await create(store, 'deleted', 'again');
    const standby = await startStandby(primary);
    const received = async () => (await standby.sql(`select count(*) from ${schema}.document`)).includes('3');
    await until(received, { what: 'the standby has the documents' });
    await standby.sql("alter system set primary_conninfo = ''");
    await standby.sql('select pg_reload_conf()');
    await until(async () => (await primary.sql('select pid from pg_stat_replication')).length === 0, {
      what: 'the standby hears nothing any more',
    });
    let { cursor } = await store.changes('lineage', undefined, signal);
    const look = async () => {
      const found = await store.changes('lineage', cursor, signal);
      cursor = found.cursor;
      return Object.fromEntries(
        found.entries.map((entry) => [entry.key.name, 'gone' in entry ? 'gone' : Buffer.from(entry.bytes).toString()]),
      );
    };
    const lost = await store.put(key('changed'), bytesOf('new'), { ifRevision: old, signal });
    await store.delete(key('deleted'), { ifRevision: gone, signal });
    await create(store, 'made', 'mine');
    // So that the old server's transactions are far ahead of the new one's.
    for (let n = 0; n < 50; n += 1) await create(store, `later-${n}`);
    expect(await look()).toMatchObject({ changed: 'new', deleted: 'gone', made: 'mine' });
    primary.service.signal('SIGKILL');
    await primary.service.ended;
    await standby.sql('select pg_promote()');
    way.leadTo(standby.port);
    const found = await look();
    expect(Object.keys(found)).toHaveLength(53);
    expect(found).toMatchObject({ changed: 'old', deleted: 'again', made: 'gone', 'later-0': 'gone' });
    expect(found).not.toHaveProperty('same');
    // No revision that was lost comes back.
    await expect(store.put(key('changed'), bytesOf('x'), { ifRevision: lost, signal })).rejects.toMatchObject({
      code: 'store/conflict',
    });
    await create(store, 'made', 'again');
    expect(await look()).toEqual({ made: 'again' });
  });

  it('of a table that was restored from a dump, with transactions that are far ahead', async () => {
    const server = await startPostgres();
    const schema = newSchema();
    const store = openPostgres(server.url(), schema);
    await create(store, 'restored');
    await server.sql(`update ${schema}.document set at = '1000000'`);
    let { cursor } = await store.changes('lineage', undefined, signal);
    for (const name of ['a', 'b']) {
      await create(store, name);
      const found = await store.changes('lineage', cursor, signal);
      expect(found.entries.map((entry) => entry.key.name)).toEqual([name]);
      cursor = found.cursor;
    }
  });
});
