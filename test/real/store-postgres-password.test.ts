import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { connectStore } from '../../src/compose.ts';
import type { Store } from '../../src/ports/store.ts';
import { startPgBouncer } from '../support/pgbouncer.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { newSchema } from '../support/postgres-bench.ts';
import { atEnd, temporaryFolder } from '../support/service.ts';
import { storeWorld } from '../support/store-world.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

const { signal } = new AbortController();
const create = (store: Store, name: string) =>
  store.put({ kind: 'lineage', name }, Buffer.from(name), { ifRevision: null, signal });

describeWith([hasPostgres], 'a password that changes', () => {
  let server: Postgres;
  let file: string;
  let made = 0;
  beforeAll(async () => {
    server = await startPostgres();
  });
  beforeEach(async () => {
    file = join(await temporaryFolder('password'), 'secret');
  });

  /** Gives the role another password, and ends its connections, so that the next statement opens one. */
  async function rotate(): Promise<string> {
    const password = `rotated-${++made}`;
    await server.sql(`alter role certfleet password '${password}'`);
    await server.sql("select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'certfleet'");
    return password;
  }
  const write = (text: string) => writeFile(file, `${text}\n`, { mode: 0o600 });
  async function open(options: object, env: Readonly<Record<string, string>> = {}): Promise<Store> {
    const settings = { type: 'postgres', tls: 'off', plaintext: true, schema: newSchema(), ...options };
    const store = await connectStore(settings, { world: storeWorld(), env });
    atEnd(() => store.close?.());
    return store;
  }
  const urlWith = (password: string) => server.url({ user: 'certfleet', password });
  const urlWithout = () => server.url().replace(/:[^:@/]+@/, '@');

  it.each<[where: string, options: () => object, textWith: (password: string) => string]>([
    ['a file with the URL', () => ({ url: `file:${file}` }), urlWith],
    ['a file that a variable names', () => ({ url: 'env:DATABASE' }), urlWith],
    ['a file of its own', () => ({ url: urlWithout(), password: `file:${file}` }), (password) => password],
  ])('is taken without a restart from %s, as soon as it is there', async (_where, options, textWith) => {
    await write(textWith(await rotate()));
    const store = await open(options(), { DATABASE: `file:${file}` });
    await create(store, 'before');
    const password = await rotate();
    for (const text of [undefined, textWith('wrong'), 'nonsense']) {
      if (text) await write(text);
      await expect(create(store, 'refused')).rejects.toMatchObject({
        code: 'store/login-refused',
        message: expect.stringMatching(/password authentication failed/),
      });
    }
    await write(textWith(password));
    await Promise.all(['a', 'b', 'c'].map((name) => create(store, name)));
    expect((await store.list('lineage', signal)).names).toHaveLength(4);
  });

  it('is not taken from the URL of another database', async () => {
    await write(urlWith(await rotate()));
    const store = await open({ url: `file:${file}` });
    await create(store, 'a');
    await server.sql('create database other owner certfleet', 'postgres');
    await write(server.url({ user: 'certfleet', password: await rotate() }, 'other'));
    await expect(create(store, 'b')).rejects.toMatchObject({ code: 'store/login-refused' });
  });

  it('is taken behind PgBouncer', async () => {
    const password = await rotate();
    const pooler = await startPgBouncer(server, password);
    const text = (next: string) => pooler.url.replace(/:[^:@/]+@/, `:${next}@`);
    await write(text(password));
    const store = await open({ url: `file:${file}` });
    await create(store, 'a');
    const next = await rotate();
    await pooler.setPassword(next);
    await expect(create(store, 'b')).rejects.toMatchObject({ code: 'store/login-refused' });
    await write(text(next));
    await create(store, 'b');
    expect((await store.list('lineage', signal)).names).toHaveLength(2);
  });
});
