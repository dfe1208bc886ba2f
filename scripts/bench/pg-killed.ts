import { setTimeout as sleep } from 'node:timers/promises';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { until } from '../../test/support/service.ts';
import { settled } from './daemon.ts';
import { measure, printNote, printRow } from './measure.ts';
import { type Database, fillDatabase, inWords, startDatabase } from './postgres-rig.ts';
import { type Host, type Replica, startHosts, startReplica, startReplicas } from './replica.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const killEveryMs = 5_000;
const longestMs = 15 * 60_000;

interface Renewed {
  /** Certificates a second. */
  readonly rate: number;
  readonly finalized: number;
  readonly kills: number;
  /** Writes that came too late, because another process had written first. */
  readonly lost: number;
  readonly writes: number;
}

/** Many certificates that are due at once: one process, and three of which one is killed every 5 s and starts again. */
export async function pgKilled(servers: Rig): Promise<void> {
  // Pebble locks itself up about once in 4,000 orders. Without renewal information, as copies of one certificate cannot
  // all replace it.
  const ca = await startAcmeCa({ settings: { httpPort: servers.httpPort, renewalInfo: false } });
  const rig = { ...servers, ca };
  const count = rig.count(2_000);
  const database = await startDatabase(rig);
  const run = async (schema: string, names: readonly string[], isDisturbed: boolean): Promise<Renewed> => {
    const before = ca.accepted('finalize');
    const ended = await renewAll(rig, {
      database,
      schema,
      count,
      names,
      isDisturbed,
      finalized: () => ca.accepted('finalize') - before - 1,
    });
    return { ...ended, finalized: ca.accepted('finalize') - before - 1 };
  };
  const one = await run('undisturbed', ['alone'], false);
  const three = await run('killed', ['killed-a', 'killed-b', 'killed-c'], true);
  const what = `${count} certificates due at once, three replicas on PostgreSQL, one killed every 5 s`;
  printRow({
    what: `${what}: finalizes for each`,
    ours: `${three.finalized} finalizes`,
    peer: `${count} certificates`,
    ratio: three.finalized / count,
    bound: { atMost: 1 },
  });
  printRow({
    what: `${what}: rate against one process that is left alone`,
    ours: `${three.rate.toFixed(1)} a second, ${three.kills} killed`,
    peer: `one process ${one.rate.toFixed(1)} a second`,
    ratio: three.rate / one.rate,
    bound: { atLeast: 0.5 },
  });
  printRow({
    what: `${what}: writes that lost to another process, for each certificate`,
    ours: `${three.lost} of ${three.writes} writes`,
    peer: `one process ${one.lost} of ${one.writes}`,
    ratio: three.lost / count,
    bound: { atMost: 0.02 },
  });
}

interface Renewing {
  readonly database: Database;
  readonly schema: string;
  readonly count: number;
  readonly names: readonly string[];
  readonly isDisturbed: boolean;
  readonly finalized: () => number;
}

async function renewAll(
  rig: Rig,
  { database, schema, count, names, isDisturbed, finalized }: Renewing,
): Promise<Omit<Renewed, 'finalized'>> {
  const { server } = database;
  const store = database.store(schema);
  const model = await configure(
    rig,
    schema,
    [{ name: 'model', identifiers: [`${schema}.example.test`], solver: 'webroot' }],
    { store },
  );
  await measure(certfleet(model, 'issue', 'model'));
  // The text of this time becomes that of now, in one transaction.
  const later = new Date(Date.now() + 30 * 86_400_000).toISOString();
  await fillDatabase(database, schema, count, (copy) => ({ ...copy, renewal: { ...copy.renewal!, at: later } }));
  const hosts = await startHosts(rig, names, { store });
  const running = await startReplicas(hosts);
  for (const replica of running) await settled(replica, 0.3);
  await database.forget();
  const tuples = await tuplesOf(database, schema);
  const began = performance.now();
  await server.sql(
    `update ${schema}.document set revision = gen_random_uuid(), at = pg_current_xact_id(),
bytes = convert_to(replace(convert_from(bytes, 'UTF8'), '${later}', '${new Date().toISOString()}'), 'UTF8') where kind = 'lineage'`,
  );
  const killer = isDisturbed ? startKiller(hosts, running) : undefined;
  const left = `select count(*) from ${schema}.document where kind = 'lineage' and bytes is not null
and (convert_from(bytes, 'UTF8')::jsonb -> 'work' is not null or (convert_from(bytes, 'UTF8')::jsonb #>> '{renewal,at}')::timestamptz <= now())`;
  const isDone = async () => finalized() >= count && (await server.sql(left))[0] === '0';
  await until(isDone, { what: `${count} certificates are renewed`, everyMs: 500, deadlineMs: longestMs });
  const seconds = (performance.now() - began) / 1_000;
  await killer?.stop();
  // A connection that ends reports what it has counted.
  await Promise.all(running.map((replica) => replica.stop()));
  const calls = await database.calls();
  const writes = (calls.get('create') ?? 0) + (calls.get('replace') ?? 0);
  // Those that made them due are not counted as calls.
  const written = (await tuplesOf(database, schema)) - tuples - count - 1;
  printNote(`${names.length} at work: ${seconds.toFixed(1)} s, ${inWords(calls)}`);
  return { rate: count / seconds, kills: killer?.kills() ?? 0, writes, lost: writes - written };
}

/** Rows that were written so far. */
async function tuplesOf({ server }: Database, schema: string): Promise<number> {
  const [rows] = await server.sql(
    `select n_tup_ins + n_tup_upd from pg_stat_user_tables where schemaname = '${schema}' and relname = 'document'`,
  );
  return Number(rows);
}

/** Kills one after the other, and starts it again at once. */
function startKiller(hosts: readonly Host[], running: Replica[]) {
  const over = new AbortController();
  let kills = 0;
  const work = async () => {
    for (let at = 0; !over.signal.aborted; at = (at + 1) % hosts.length) {
      await sleep(killEveryMs, undefined, { signal: over.signal }).catch(() => {});
      if (over.signal.aborted) return;
      await running[at]!.kill();
      kills += 1;
      running[at] = await startReplica(hosts[at]!);
    }
  };
  const done = work();
  return {
    kills: () => kills,
    async stop() {
      over.abort();
      await done;
    },
  };
}
