import { beforeAll, describe, expect, it } from 'vitest';
import { storeContract } from '../../src/testing/store-contract.ts';
import { startPgBouncer } from '../support/pgbouncer.ts';
import { hasPostgres, type Postgres, startPostgres } from '../support/postgres.ts';
import { createPostgresBench } from '../support/postgres-bench.ts';
import { describeWith, stopAllAfterwards } from '../support/vitest.ts';

stopAllAfterwards();

describeWith([hasPostgres], 'the PostgreSQL store', () => {
  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres();
  });
  const { makeStore, medium } = createPostgresBench(() => server);
  storeContract({ describe, it, expect }, makeStore, medium);
});

describeWith([hasPostgres, { name: 'pgbouncer', where: 'system' }], 'the PostgreSQL store behind PgBouncer', () => {
  let server: Postgres;
  let address: string;
  beforeAll(async () => {
    server = await startPostgres();
    address = (await startPgBouncer(server)).url;
  });
  const { makeStore, medium } = createPostgresBench(
    () => server,
    () => address,
  );
  storeContract({ describe, it, expect }, makeStore, medium);
});
