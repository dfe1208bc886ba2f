import { setTimeout as sleep } from 'node:timers/promises';
import { settled } from './daemon.ts';
import { measure, printNote, printRow } from './measure.ts';
import { fillDatabase, inWords, startDatabase } from './postgres-rig.ts';
import { startHosts, startReplicas } from './replica.ts';
import { certfleet, configure, type Rig } from './rig.ts';

const replicas = 3;
const hour = 3_600;
/** Every 20 s, and every 2 s. */
const [beats, polls] = [(replicas * hour) / 20, (replicas * hour) / 2];

/** What three replicas ask PostgreSQL while nothing is due. */
export async function pgIdle(rig: Rig): Promise<void> {
  const seconds = rig.count(300);
  const database = await startDatabase(rig);
  const store = database.store('idle');
  const model = await configure(
    rig,
    'pg-idle',
    [{ name: 'model', identifiers: ['model.example.test'], solver: 'webroot' }],
    { store },
  );
  await measure(certfleet(model, 'issue', 'model'));
  await fillDatabase(database, 'idle', 20);
  const hosts = await startHosts(rig, ['idle-a', 'idle-b', 'idle-c'], { store });
  const running = await startReplicas(hosts);
  try {
    for (const replica of running) await settled(replica, 0.1);
    // What begins once after a start is not of an idle hour.
    await sleep(rig.count(60) * 1_000);
    const [since] = await database.server.sql('select pg_current_snapshot()');
    await database.forget();
    const began = performance.now();
    await sleep(seconds * 1_000);
    const calls = await database.calls();
    const took = (performance.now() - began) / 1_000;
    const anHour = (what: string) => ((calls.get(what) ?? 0) / took) * hour;
    const changed = await database.server.sql(
      `select kind || '/' || convert_from(name, 'UTF8') from idle.document where not pg_visible_in_snapshot(at, '${since}') and kind <> 'replica'`,
    );
    const others = new Map([...calls].filter(([what]) => what !== 'poll' && what !== 'replace'));
    const what = `three idle replicas on PostgreSQL, ${seconds} s`;
    // A beat more or less at either end of the time.
    for (const [word, bound, one] of [
      ['replace', beats, 'signs of life'],
      ['poll', polls, 'polls'],
    ] as const)
      printRow({
        what: `${what}: ${one} an hour`,
        ours: `${anHour(word).toFixed(0)}, counted by PostgreSQL`,
        peer: `bound ${bound}`,
        ratio: anHour(word) / ((bound * (took + 20)) / took),
        bound: { atMost: 1 },
      });
    const count = [...others.values()].reduce((sum, n) => sum + n, 0) + changed.length;
    printRow({
      what: `${what}: other statements`,
      ours: `${count} (${inWords(others)})`,
      peer: 'bound 0',
      ratio: count,
      bound: { atMost: 0 },
    });
    if (changed.length > 0) printNote(`written: ${changed.join(', ')}`);
  } finally {
    await Promise.all(running.map((replica) => replica.stop()));
  }
}
