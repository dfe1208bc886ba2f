import { beforeAll, expect, it } from 'vitest';
import { createSessions } from '../../src/engine/locks/sessions.ts';
import { createFollower } from '../../src/engine/steady/follow.ts';
import { joinPeers } from '../../src/engine/steady/peers.ts';
import { createVitals } from '../../src/engine/steady/vitals.ts';
import { fakeClock } from '../../src/testing/fake-clock.ts';
import { fakeProcesses } from '../support/fake-processes.ts';
import { type Postgres, startPostgres } from '../support/postgres.ts';
import { newSchema, openPostgres } from '../support/postgres-bench.ts';
import { randomOf, seeded } from '../support/seeded.ts';

// What processes that keep running ask of a database while nothing is to be done.

const { signal } = new AbortController();
const everyMs = 20_000;
let server: Postgres;

beforeAll(async () => {
  server = await startPostgres({ settings: { shared_preload_libraries: 'pg_stat_statements' } });
  await server.sql('create extension pg_stat_statements', 'certfleet');
}, 120_000);

it('asks once every two seconds, and gives a sign of life every 20', async () => {
  const schema = newSchema();
  const store = openPostgres(server.url(), schema);
  await store.put({ kind: 'meta', name: 'store' }, Buffer.from('{}'), { ifRevision: null, signal });
  const clock = fakeClock();
  const stop = new AbortController();
  const reporter = { report() {} };
  const running: Promise<void>[] = [];
  const peers = [];
  for (const [at, node] of ['a', 'b', 'c'].entries()) {
    const own = openPostgres(server.url(), schema);
    const ports = {
      ...{ node, store: own, clock, reporter, random: randomOf(seeded(node)) },
      limits: { leaseTtlMs: 3 * everyMs, shutdownBudgetMs: 8_000, deployTimeoutMs: 0, deployDeadlineMs: 0 },
      processes: fakeProcesses({ pid: at + 1, dead: new Set() }),
    };
    const engine = { ...ports, sessions: createSessions(ports) };
    const vitals = createVitals(clock);
    const changes = await createFollower(engine, vitals, signal);
    const joined = await joinPeers(engine, { role: 'node', vitals, changes, everyMs, configuration: () => '' }, signal);
    peers.push(joined);
    running.push(changes.follow(stop.signal), joined.stay(stop.signal));
  }
  /** Statements of the store since the last reset, by what they do. */
  const statements = async () => {
    const rows = await server.sql(
      `select calls || ' ' || regexp_replace(query, '\\s+', ' ', 'g') from pg_stat_statements where query like '%${schema}%'`,
      'certfleet',
    );
    const counts = { looks: 0, writes: 0, others: [] as string[] };
    for (const row of rows.filter((one) => !one.includes('pg_stat_statements'))) {
      const [calls, text] = [Number.parseInt(row, 10), row.slice(row.indexOf(' ') + 1)];
      if (text.includes('pg_visible_in_snapshot')) counts.looks += calls;
      else if (text.includes('update')) counts.writes += calls;
      else counts.others.push(row);
    }
    return counts;
  };
  /** Lets time pass in steps, in each of which all answers come. */
  const pass = async (ms: number) => {
    for (let passedMs = 0; passedMs < ms; passedMs += 1_000) {
      await clock.advance(1_000);
      await expect.poll(() => clock.waiting, { timeout: 20_000 }).toBe(6);
    }
  };
  // The first sign of life reads what the name was taken with.
  await pass(2 * everyMs);
  await server.sql('select pg_stat_statements_reset()', 'certfleet');
  await pass(5 * everyMs);
  expect(await statements()).toEqual({ looks: 3 * 50, writes: 3 * 5, others: [] });
  expect(peers.map((one) => one.known().map(({ node }) => node))).toEqual(Array(3).fill(['a', 'b', 'c']));
  stop.abort();
  await Promise.all(running);
}, 120_000);
