import { rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { encodeDocument } from '../../src/core/lineage/lineage.ts';
import { testLineage } from '../../src/core/lineage/test-lineages.ts';
import type { Kind } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { itDrawn } from '../support/drawn.ts';
import { buildCertfleet, type Certfleet, type Ran, stderrOf, succeeded } from '../support/e2e.ts';
import { startPebble } from '../support/pebble.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { newSchema, openPostgres } from '../support/postgres-bench.ts';
import { sampled, seeded } from '../support/seeded.ts';
import { freePort, temporaryFolder } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const kinds: readonly Kind[] = ['lineage', 'account', 'credential', 'key', 'version', 'ledger', 'history', 'meta'];

describeWith([hasPostgres], 'a store that moves between a folder and PostgreSQL', () => {
  let certfleet: Certfleet;
  let server: Postgres;
  let folder: string;
  let schema: string;
  beforeAll(async () => {
    [certfleet, server] = await Promise.all([buildCertfleet(), startPostgres()]);
  });
  beforeEach(async () => {
    folder = await temporaryFolder('store-move');
    schema = newSchema();
  });

  const at = (name: string) => join(folder, name);
  const environment = () => ({
    DATABASE: server.url(),
    CERTFLEET_POSTGRES_TLS: 'off',
    CERTFLEET_POSTGRES_SCHEMA: schema,
  });
  /** Runs a command. No output may have the password. */
  async function run(line: string, options: Parameters<Certfleet>[1] = {}): Promise<Ran> {
    const ran = await certfleet(line.split(' '), { ...options, env: { ...environment(), ...options.env } });
    expect(ran.stdout + ran.stderr).not.toContain(server.owner.password);
    return ran;
  }
  async function did(line: string, options?: Parameters<Certfleet>[1]): Promise<string> {
    const ran = await run(line, options);
    succeeded(ran);
    return ran.stdout.replaceAll(/\s+/g, ' ');
  }
  const inFolder = (path: string) => fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });
  const inDatabase = () => openPostgres(server.url(), schema);

  async function contentOf(store: ReturnType<typeof inFolder>): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    for (const kind of kinds)
      for await (const page of store.scan(kind, signal))
        for (const { key, bytes } of page) found[`${kind}/${key.name}`] = Buffer.from(bytes).toString('base64');
    return found;
  }

  /** A folder with a store of some certificates, one of which has a long name that the folder hashes. */
  async function filled(path: string, count: number) {
    const store = inFolder(path);
    await store.check(signal);
    const put = (kind: Kind, name: string, document: object) =>
      store.put({ kind, name }, encodeDocument(document), { ifRevision: null, signal });
    await put('meta', 'store', { schema: 1, id: 'the-id' });
    await put('account', `https://ca.test/${'x y\u0000'.repeat(60)}`, { keyPem: 'k' });
    for (let number = 0; number < count; number += 1) {
      const name = `c${number}`;
      await put('lineage', name, { ...testLineage, name });
      for (const kind of ['key', 'version'] as const) await put(kind, `${name}~v1`, { chainPem: 'x'.repeat(6_000) });
    }
    return contentOf(store);
  }

  describeWith(['pebble'], 'with certificates of Pebble', () => {
    let proxy: AcmeProxy;
    let httpPort: number;
    beforeAll(async () => {
      httpPort = await freePort();
      const pebble = await startPebble({ httpPort });
      proxy = await startAcmeProxy({ directoryUrl: pebble.directoryUrl, caFile: pebble.caFile });
    });
    const orders = () => proxy.requests.filter(({ kind }) => kind === 'newOrder').length;
    const statusOf = async (more: string) =>
      (await did(`status --json ${more}`))
        .replaceAll(/"lastRun":"[^"]+"/g, '')
        .replaceAll(/\{[^{}]*"object":"summary".*/g, '');

    it('keeps everything there and back, sealed, and the old place refuses every command', async () => {
      const [key, old, back, files] = ['store.key', 'old', 'back', 'files'].map(at) as [string, string, string, string];
      const config = at('certfleet.yaml');
      const storeKey = `file:${key}`;
      await writeFile(config, JSON.stringify({ store: { type: 'postgres', url: 'env:DATABASE' }, storeKey }));
      await did(`store key ${key}`);
      const byKey = `--store-key ${storeKey}`;
      await did(
        `issue -d move.example.test --agree-tos --http standalone:127.0.0.1:${httpPort} --issuer ${proxy.directoryUrl} --ca-file ${proxy.caFile} --http01-port ${httpPort} --deploy files:${files} --ignore-preflight --store ${old} ${byKey}`,
      );
      const before = await contentOf(inFolder(old));
      const status = await statusOf(`--store ${old} ${byKey}`);
      expect(await did(`store move ${old} config --config ${config}`)).toMatch(
        /^Moved .*old to postgres:\/\/certfleet@127.*: 1 certificate, \d+ documents/,
      );
      expect(await contentOf(inDatabase())).toEqual(before);
      expect((await server.sql(`select encode(bytes, 'escape') from ${schema}.document`)).join()).not.toContain(
        'PRIVATE KEY',
      );
      const users = [
        'status',
        'renew',
        'issue -d x.example.test --agree-tos',
        'run',
        'sweep',
        'store check',
        'store encrypt',
        `backup ${at('b')}`,
        'show move.example.test',
        'doctor --store',
      ];
      for (const line of sampled(users, 4, 'users of a moved store')) {
        const refused = await run(
          `${line} ${line === 'doctor --store' ? '' : '--store '}${old} ${byKey}`.replace('--store  ', '--store '),
        );
        const said = `${refused.stdout} ${refused.stderr}`.replaceAll(/\n +│? */g, ' ').replaceAll(/\s+/g, ' ');
        expect([line, refused.status, said]).toEqual([
          line,
          7,
          expect.stringMatching(
            /the store \S+\/old was moved to postgres:\/\/certfleet@127\S+ \(schema \w+\) on \d{4}-/,
          ),
        ]);
      }
      expect(await statusOf(`--config ${config}`)).toBe(status);
      await did(`renew --config ${config}`);
      expect(orders()).toBe(1);
      // And back, into a folder.
      const there = await contentOf(inDatabase());
      await did(`store move env:DATABASE ${back}`);
      expect(await contentOf(inFolder(back))).toEqual(there);
      expect(await statusOf(`--store ${back} ${byKey}`)).toBe(status);
      await did(`renew --store ${back} ${byKey}`);
      expect(orders()).toBe(1);
      // The account has come along, too.
      await did(`renew --force --store ${back} ${byKey}`);
      expect(orders()).toBe(2);
      expect(proxy.requests.filter(({ kind }) => kind === 'newAccount')).toHaveLength(1);
    });
  });

  /** Lets a table wait for {@link killedThere} where the condition, which may have `new`, is true. */
  const waitAt = (event: 'insert' | 'update', condition: string) =>
    server.sql(`create sequence ${schema}.turn;
grant usage on sequence ${schema}.turn to ${server.owner.user};
create or replace function ${schema}.wait() returns trigger language plpgsql as $$ begin
  if ${condition} then perform pg_advisory_xact_lock(77); end if;
  return new;
end $$;
create trigger wait before ${event} on ${schema}.document for each row execute function ${schema}.wait()`);

  /** Kills a move while the server makes it wait. What the server has received, it does later. */
  async function killedThere(line: string, env: Readonly<Record<string, string>>): Promise<void> {
    const lock = await server.hold('select pg_advisory_xact_lock(77)');
    const isWaiting = server.sql(`do $$ begin
  while not exists (select from pg_locks where locktype = 'advisory' and not granted) loop perform pg_sleep(0.05); end loop;
end $$`);
    const killed = await run(line, { env, killWhen: isWaiting }).finally(() => lock.end());
    expect(killed.status, killed.stderr).toBe('SIGKILL');
  }

  const unfinished = (from: string, to: string): RegExp =>
    new RegExp(
      `the move of the store .+ has not finished, and neither can be used before Run .*: \`certfleet store move ${from} ${to}\``,
    );

  itDrawn('killed while it writes any document, goes on and loses nothing', async () => {
    const old = at('old');
    const before = await filled(old, 12);
    const env = { CERTFLEET_POSTGRES_PLAINTEXT: 'true' };
    const there = `store move ${old} env:DATABASE`;
    await did(there, { env });
    const rows = (await server.sql(`select count(*) from ${schema}.document`)).map(Number)[0]!;
    const random = seeded('rows');
    for (const row of sampled([1, 2 + Math.floor(random() * (rows - 2)), rows], 1, 'rows')) {
      schema = newSchema();
      await rm(old, { recursive: true });
      await filled(old, 12);
      await inDatabase().put({ kind: 'token', name: 'x' }, encodeDocument({}), { ifRevision: null, signal });
      await server.sql(`truncate ${schema}.document`);
      await waitAt('insert', `new.name <> '~check' and (select count(*) from ${schema}.document) >= ${row - 1}`);
      await killedThere(there, env);
      const refused = await run(`status --store ${old}`);
      expect([row, refused.status, stderrOf(refused)]).toEqual([
        row,
        7,
        expect.stringMatching(row === rows ? /was moved to/ : unfinished(old, 'env:DATABASE')),
      ]);
      await did(there, { env });
      expect(await contentOf(inDatabase())).toEqual(before);
      expect((await run(`status --store ${old}`)).status).toBe(7);
    }
  });

  it.each(sampled([1, 2, 3], 1, 'marks'))('killed while it marks a database, goes on: mark %i', async (turn) => {
    const [old, back] = [at('old'), at('back')];
    const before = await filled(old, 12);
    const env = { CERTFLEET_POSTGRES_PLAINTEXT: 'true' };
    await did(`store move ${old} env:DATABASE`, { env });
    await waitAt('update', `new.name = 'store' and nextval('${schema}.turn') = ${turn}`);
    const user = inDatabase();
    await user.anchor?.({ kind: 'meta', name: 'store' }, signal);
    await killedThere(`store move env:DATABASE ${back}`, env);
    const refused = await run(`store check --store ${back}`);
    const says = turn < 3 ? /there is no store at/ : unfinished('env:DATABASE', back);
    expect([refused.status, stderrOf(refused)]).toEqual([7, expect.stringMatching(says)]);
    await did(`store move env:DATABASE ${back}`, { env });
    expect(await contentOf(inFolder(back))).toEqual(before);
    // A process that had opened the database has lost it.
    await expect(user.get({ kind: 'lineage', name: 'c1' }, signal)).rejects.toMatchObject({ code: 'store/unusable' });
    const config = at('certfleet.yaml');
    await writeFile(config, JSON.stringify({ store: { type: 'postgres', url: 'env:DATABASE' } }));
    const moved = await run(`status --config ${config}`, { env });
    expect([moved.status, stderrOf(moved)]).toEqual([7, expect.stringContaining(`was moved to ${back} on`)]);
  });

  itDrawn('is backed up in one place and restored in the other', async () => {
    const [old, back, backup, config] = ['old', 'back', 'b', 'certfleet.yaml'].map(at) as [
      string,
      string,
      string,
      string,
    ];
    const before = await filled(old, 2);
    await writeFile(config, JSON.stringify({ store: { type: 'postgres', url: 'env:DATABASE' } }));
    // It names an account that these certificates lack.
    expect((await run(`backup ${backup} --store ${old}`)).stderr).toContain('Backed up');
    const refused = await run(`restore ${backup} --config ${config}`);
    expect([refused.status, stderrOf(refused)]).toEqual([
      7,
      expect.stringContaining(`${backup} has private keys in the clear, and postgres://certfleet@`),
    ]);
    expect(await inDatabase().exists(signal)).toBe(false);
    const plain = { env: { CERTFLEET_POSTGRES_PLAINTEXT: 'true' } };
    await did(`restore ${backup} --config ${config}`, plain);
    expect(await contentOf(inDatabase())).toEqual(before);
    expect((await run(`backup ${backup} --config ${config}`, plain)).stderr).toContain('Backed up');
    await did(`restore ${backup} --store ${back}`);
    expect(await contentOf(inFolder(back))).toEqual(before);
  });

  it('refuses what cannot be meant, in one sentence, and changes nothing', async () => {
    const old = at('old');
    const before = await filled(old, 1);
    await rename(old, at('s'));
    const [store, url] = [at('s'), server.url()];
    await writeFile(at('url'), 'mysql://x', { mode: 0o600 });
    const refusals = [
      [
        `${store} ${url}`,
        2,
        'every user of this machine can see a secret on the command line; use env:NAME or file:/path',
      ],
      [`${store} ${store}`, 2, `both places are ${store}`],
      [`${store} env:NOT_SET`, 2, 'the environment variable NOT_SET'],
      [`${store} file:${at('url')}`, 2, 'expected a URL like postgres://USER'],
      [`${store} file:${at('none')}`, 2, 'no such file'],
      [`${store} s3:bucket`, 2, 's3:bucket: expected a folder, env:NAME'],
      [`${store} config:${at('none')}`, 2, 'none'],
      [store, 2, 'missing required argument'],
      [`${at('none')} ${at('new')}`, 7, `there is no store at ${at('none')}`],
      [`${store} env:DATABASE`, 7, `${store} has private keys in the clear, and postgres://certfleet@`],
      [`${store} ${at('url')}`, 7, 'url'],
      [`${store} postgres://certfleet@127.0.0.1:1/x`, 7, 'private keys in the clear'],
      [`${store} ${at('new')} --store ${store}`, 2, '--store does not apply here'],
      [`${store} ${at('new')} --cancel`, 7, `the store ${store} is not being moved`],
    ] as const;
    for (const [line, status, says] of sampled(refusals, 5, 'moves that are refused')) {
      const refused = await run(`store move ${line}`);
      expect([line, refused.status, stderrOf(refused)]).toEqual([line, status, expect.stringContaining(says)]);
    }
    expect(await contentOf(inFolder(store))).toEqual(before);
    expect(await inDatabase().exists(signal)).toBe(false);
  });

  itDrawn('is used as before after a cancelled move, also if the database is away', async () => {
    const old = at('old');
    const before = await filled(old, 1);
    const plain = { env: { CERTFLEET_POSTGRES_PLAINTEXT: 'true' } };
    await openPostgres(server.url(), schema).put({ kind: 'token', name: 'x' }, encodeDocument({}), {
      ifRevision: null,
      signal,
    });
    await server.sql(`truncate ${schema}.document;
create function ${schema}.no() returns trigger language plpgsql as $$ begin raise exception 'no more'; end $$;
create trigger no before insert on ${schema}.document for each row when (new.kind = 'version') execute function ${schema}.no()`);
    const failed = await run(`store move ${old} env:DATABASE`, plain);
    expect([failed.status, stderrOf(failed)]).toEqual([7, expect.stringContaining('no more')]);
    expect(await did(`store move ${old} env:DATABASE --cancel`, plain)).toContain('is used as before');
    expect(await server.sql(`select name from ${schema}.document where bytes is not null`)).toEqual([]);
    expect(await contentOf(inFolder(old))).toEqual(before);
    await did(`status --store ${old}`);
    expect((await run(`store move ${old} env:DATABASE`, plain)).status).toBe(7);
    await server.stop();
    const cancelled = await run(`store move ${old} env:DATABASE --cancel`, plain);
    await server.start();
    expect([cancelled.status, stderrOf(cancelled)]).toEqual([
      0,
      expect.stringContaining('warning: what was copied is still at postgres://'),
    ]);
    await did(`status --store ${old}`);
    // What is left there is not taken for an empty place.
    const again = await run(`store move ${old} env:DATABASE`, plain);
    expect([again.status, stderrOf(again)]).toEqual([7, expect.stringContaining('has not finished')]);
  });
});
