import { clientCosts, raceAcmeClient } from './acme-client.ts';
import { printNote, printRow } from './measure.ts';
import type { Rig } from './rig.ts';

/** A hundred certificates in one command, against acme-client tuned. */
export async function hundred(rig: Rig): Promise<void> {
  const count = rig.count(100);
  // acme-client's best of 1, 8 and 32 in the comparison of the peers (facts, part 2b).
  const peer = { concurrency: [32], backoffMs: 20 };
  const raced = await raceAcmeClient(rig, { name: 'hundred', count, rounds: rig.rounds(3), peer });
  printRow({
    what: `${count} certificates in one command: rate against acme-client (back-off 20 ms, 32 at once)`,
    ours: `${raced.ours.perSecond.toFixed(1)} a second`,
    peer: `acme-client ${raced.peer.perSecond.toFixed(1)} a second`,
    ratio: raced.ours.perSecond / raced.peer.perSecond,
    bound: { atLeast: 2 },
  });
  printNote(clientCosts(raced));
}
