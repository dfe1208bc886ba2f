import { inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { startDatabase } from './postgres-rig.ts';
import { certfleet, configure, type Rig } from './rig.ts';

/** One certificate, HTTP-01, cold process, account registered, with a store in PostgreSQL and one in a folder. */
export async function pgOne(rig: Rig): Promise<void> {
  const rounds = rig.rounds(15);
  // The file store waits for the disk at each write.
  const database = await startDatabase(rig, { isDurable: true });
  const prepare = async (kind: 'file' | 'pg', store: string | undefined) => {
    const names = Array.from({ length: rounds + 1 }, (_, i) => `${kind}${i}`);
    const folder = await configure(
      rig,
      `pg-one-${kind}`,
      names.map((name) => ({ name, identifiers: [`${name}.example.test`], solver: 'webroot' })),
      store === undefined ? {} : { store },
    );
    // The first run registers the account and fills the page cache: not counted.
    await measure(certfleet(folder, 'issue', names[rounds]!));
    return (round: number) => measure(certfleet(folder, 'issue', names[round]!));
  };
  const [file, pg] = [await prepare('file', undefined), await prepare('pg', database.store('one'))];
  await database.forget();
  const costs = await inTurn(rounds, { file, pg });
  const walls = (kind: keyof typeof costs) => range(costs[kind].map((cost) => cost.wall));
  printRow({
    what: 'one certificate, HTTP-01, cold process, store in PostgreSQL: wall time against a store in a folder',
    ours: walls('pg'),
    peer: `in a folder ${walls('file')}`,
    ratio: medianOf(costs.pg, 'wall') / medianOf(costs.file, 'wall'),
    bound: { atMost: 1.5 },
  });
  const statements = [...(await database.calls()).values()].reduce((sum, count) => sum + count, 0);
  const cpu = (kind: keyof typeof costs) => Math.round(medianOf(costs[kind], 'cpu') * 1_000);
  printNote(
    `${(statements / rounds).toFixed(1)} statements for each; ${cpu('pg')} ms of CPU, in a folder ${cpu('file')}`,
  );
}
