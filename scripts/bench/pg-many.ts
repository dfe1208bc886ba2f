import { memoryOf, settled, startDaemon, stopDaemon } from './daemon.ts';
import { measure, printNote, printRow } from './measure.ts';
import { fillDatabase, inWords, startDatabase } from './postgres-rig.ts';
import { certfleet, configure, type Rig } from './rig.ts';

/** `certfleet run` with many lineages in PostgreSQL, of which none is due. */
export async function pgMany(rig: Rig): Promise<void> {
  const count = rig.count(100_000);
  const database = await startDatabase(rig);
  const store = database.store('many');
  const model = await configure(
    rig,
    'pg-many',
    [{ name: 'model', identifiers: ['model.example.test'], solver: 'webroot' }],
    { store },
  );
  await measure(certfleet(model, 'issue', 'model'));
  await fillDatabase(database, 'many', count);
  await database.forget();
  const started = performance.now();
  const daemon = await startDaemon(model);
  try {
    const readySeconds = (performance.now() - started) / 1_000;
    await settled(daemon, 0.1);
    const peakMib = memoryOf(daemon, 'VmHWM');
    const what = `run, nothing due, ${count} lineages in PostgreSQL`;
    printRow({
      what: `${what}: ready, in seconds`,
      ours: `${readySeconds.toFixed(1)} s`,
      peer: 'bound 15 s',
      ratio: readySeconds / 15,
      bound: { atMost: 1 },
    });
    printRow({
      what: `${what}: largest memory`,
      ours: `${peakMib.toFixed(0)} MiB`,
      peer: 'bound 350 MiB',
      ratio: peakMib / 350,
      bound: { atMost: 1 },
    });
    printNote(inWords(await database.calls()));
  } finally {
    await stopDaemon(daemon);
  }
}
