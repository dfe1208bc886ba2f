import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cost, inTurn, measure, medianOf, printNote, printRow } from './measure.ts';
import { certfleet, configure, installPeer, node, type Rig } from './rig.ts';

const count = 100;
const rounds = 3;
// acme-client's best of 1, 8 and 32 in the comparison of the peers (facts, part 2b).
const peerConcurrency = 32;

/** A hundred certificates in one command, against acme-client tuned. Starting node is part of both. */
export async function hundred(rig: Rig): Promise<void> {
  const acmeClient = installPeer('acme-client', '5.4.0');
  const script = fileURLToPath(new URL('acme-client-peer.mjs', import.meta.url));
  const challenges = join(rig.webroot, '.well-known/acme-challenge');
  mkdirSync(challenges, { recursive: true });
  const output = join(rig.folder, 'acme-client');
  mkdirSync(output);
  const namesOf = (who: string, round: number) =>
    Array.from({ length: count }, (_, i) => `${who}${round}x${i}.example.test`);

  const peer = (round: number) => {
    const names = namesOf('peer', round).join(',');
    const args = [acmeClient, rig.pebble.directoryUrl, challenges, output, names, String(peerConcurrency)];
    return measure([node, script, ...args], { env: rig.trust });
  };
  const folders = await Promise.all(
    Array.from({ length: rounds }, (_, round) =>
      configure(
        rig,
        `hundred${round}`,
        namesOf('ours', round).map((name) => ({ name, identifiers: [name], solver: 'webroot' })),
      ),
    ),
  );
  const ours = async (round: number): Promise<Cost> => {
    const cost = await measure(certfleet(folders[round]!, 'issue'));
    const live = readdirSync(join(folders[round]!, 'certs/live')).length;
    if (live !== count) throw new Error(`certfleet delivered ${live} of ${count} certificates`);
    return cost;
  };
  const costs = await inTurn(rounds, { ours, peer });
  const rate = (list: readonly Cost[]) => count / medianOf(list, 'wall');
  printRow({
    what: `${count} certificates in one command: rate against acme-client (back-off 20 ms, ${peerConcurrency} at once)`,
    ours: `${rate(costs.ours).toFixed(1)} a second`,
    peer: `acme-client ${rate(costs.peer).toFixed(1)} a second`,
    ratio: rate(costs.ours) / rate(costs.peer),
    bound: { atLeast: 1.5 },
  });
  const cpu = (list: readonly Cost[]) => ((medianOf(list, 'cpu') / count) * 1000).toFixed(1);
  const memory = (list: readonly Cost[]) => medianOf(list, 'peakMib').toFixed(0);
  printNote(
    `client CPU a certificate ${cpu(costs.ours)} ms (acme-client ${cpu(costs.peer)}), peak ${memory(costs.ours)} MiB (${memory(costs.peer)})`,
  );
}
