import { beforeAll, describe, expect, it } from 'vitest';
import { storeContract } from '../../src/testing/store-contract.ts';
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
