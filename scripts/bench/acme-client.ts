import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Cost, measure, medianOf } from './measure.ts';
import { acmeClientFolder, certfleet, configure, node, type Rig } from './rig.ts';

export interface Race {
  /** Of the folders and in the names. */
  readonly name: string;
  readonly count: number;
  readonly rounds: number;
  readonly peer: {
    /** Certificates at once; of several the quickest counts. */
    readonly concurrency: readonly number[];
    /** Between two looks at an authorization or an order. */
    readonly backoffMs: number;
  };
}

export interface Raced {
  readonly ours: Rate;
  readonly peer: Rate & { readonly concurrency: number };
}

/** Medians of the rounds. */
interface Rate {
  /** Certificates a second. */
  readonly perSecond: number;
  /** Of the client, for a certificate. */
  readonly cpuMs: number;
  readonly peakMib: number;
}

/** Certificates for one name each over HTTP-01: certfleet in one command, acme-client in one process, starts included. */
export async function raceAcmeClient(rig: Rig, { name, count, rounds, peer }: Race): Promise<Raced> {
  const namesOf = (who: string, round: number) =>
    Array.from({ length: count }, (_, i) => `${who}-${name}${round}x${i}.example.test`);
  const folders = await Promise.all(
    Array.from({ length: rounds }, (_, round) =>
      configure(
        rig,
        `${name}${round}`,
        ['first.example.test', ...namesOf('ours', round)].map((one) => ({
          name: one,
          identifiers: [one],
          solver: 'webroot',
        })),
      ),
    ),
  );
  const certfleetOnce = async (round: number): Promise<Cost> => {
    const folder = folders[round]!;
    // Registers the account, which the other has from its first run on: not counted.
    await measure(certfleet(folder, 'issue', 'first.example.test'));
    const cost = await measure(certfleet(folder, 'issue'));
    const live = readdirSync(join(folder, 'certs/live')).length - 1;
    if (live !== count) throw new Error(`certfleet delivered ${live} of ${count} certificates`);
    return cost;
  };
  const acmeClientOnce = prepareAcmeClient(rig, name, peer.backoffMs);

  const ours: Cost[] = [];
  const theirs = new Map(peer.concurrency.map((concurrency) => [concurrency, [] as Cost[]]));
  for (let round = 0; round < rounds; round++) {
    ours.push(await certfleetOnce(round));
    for (const [concurrency, costs] of theirs)
      costs.push(await acmeClientOnce(namesOf(`peer${concurrency}`, round), concurrency));
  }
  const rateOf = (costs: readonly Cost[]): Rate => ({
    perSecond: count / medianOf(costs, 'wall'),
    cpuMs: (medianOf(costs, 'cpu') / count) * 1000,
    peakMib: medianOf(costs, 'peakMib'),
  });
  const [best] = [...theirs]
    .map(([concurrency, costs]) => ({ ...rateOf(costs), concurrency }))
    .sort((a, b) => b.perSecond - a.perSecond);
  if (!best) throw new Error('acme-client is given no concurrency');
  return { ours: rateOf(ours), peer: best };
}

function prepareAcmeClient(rig: Rig, name: string, backoffMs: number) {
  const acmeClient = acmeClientFolder();
  const script = fileURLToPath(new URL('acme-client-peer.mjs', import.meta.url));
  const challenges = join(rig.webroot, '.well-known/acme-challenge');
  mkdirSync(challenges, { recursive: true });
  const output = join(rig.folder, `acme-client-${name}`);
  mkdirSync(output);
  return (names: readonly string[], concurrency: number): Promise<Cost> => {
    const args = [acmeClient, rig.ca.directoryUrl, challenges, output, names.join(','), concurrency, backoffMs];
    return measure([node, script, ...args.map(String)], { env: rig.trust });
  };
}

/** What is printed beside the ratio. */
export const clientCosts = ({ ours, peer }: Raced): string =>
  `client CPU a certificate ${ours.cpuMs.toFixed(1)} ms (acme-client ${peer.cpuMs.toFixed(1)}), ` +
  `peak ${ours.peakMib.toFixed(0)} MiB (${peer.peakMib.toFixed(0)})`;
