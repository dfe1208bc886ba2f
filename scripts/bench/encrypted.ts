import { join } from 'node:path';
import { type Cost, inTurn, measure, medianOf, printNote, printRow } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

/** A hundred certificates in one command, with an encrypted store and without, in turn. */
export async function encrypted(rig: Rig): Promise<void> {
  const count = rig.count(100);
  const rounds = rig.rounds(3);
  const key = join(rig.folder, 'store.key');
  const [program, cli] = certfleet(rig.folder);
  await measure([program!, cli!, 'store', 'key', key, '--quiet']);
  const issue = async (kind: 'sealed' | 'open', round: number): Promise<Cost> => {
    const wanted = Array.from({ length: count }, (_, at) => {
      const name = `${kind}${round}-${at}`;
      return { name, identifiers: [`${name}.example.test`], solver: 'webroot' } as const;
    });
    const folder = await configure(rig, `${kind}-${round}`, wanted);
    return measure(
      certfleet(folder, 'issue'),
      kind === 'sealed' ? { env: { CERTFLEET_STORE_KEY: `file:${key}` } } : {},
    );
  };
  await issue('open', rounds); // fills the page cache: not counted
  const costs = await inTurn(rounds, {
    sealed: (round) => issue('sealed', round),
    open: (round) => issue('open', round),
  });
  const rate = (kind: keyof typeof costs) => count / medianOf(costs[kind], 'wall');
  const cpuMs = (kind: keyof typeof costs) => ((medianOf(costs[kind], 'cpu') / count) * 1_000).toFixed(1);
  printRow({
    what: `${count} certificates in one command: rate with an encrypted store against one that is not`,
    ours: `${rate('sealed').toFixed(1)} a second, encrypted`,
    peer: `not encrypted ${rate('open').toFixed(1)} a second`,
    ratio: rate('sealed') / rate('open'),
    bound: { atLeast: 0.9 },
  });
  printNote(`${cpuMs('sealed')} ms of CPU for each, without encryption ${cpuMs('open')} ms`);
}
