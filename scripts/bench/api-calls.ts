import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Cluster, startCluster } from '../../test/support/alibaba-cluster.ts';
import { temporaryFolder } from '../../test/support/service.ts';
import { measure, printNote, printRow } from './measure.ts';
import { certfleet, type Rig } from './rig.ts';

/** Alibaba's documents gave this once as what an access key may call in a day. */
const mostADay = 5_000;
const orders = 50;

/**
 * Calls of the load balancer's API for an order over HTTP-01 with a forward rule, against a day's allowance. The fake of
 * Alibaba's load balancer counts them.
 */
export async function apiCalls(rig: Rig): Promise<void> {
  const count = rig.count(orders);
  const cluster = await startCluster({ https: ['c0.example.test'] });
  const alone = await callsFor(cluster, 1);
  const delivered = await callsFor(cluster, 1, true);
  const together = await callsFor(cluster, count);
  const row = (what: string, calls: number, most: number) =>
    printRow({
      what: `${what}: calls of the load balancer’s API, against a day’s`,
      ours: `${calls} calls`,
      peer: `Alibaba ${mostADay} a day`,
      ratio: calls / mostADay,
      bound: { atMost: most },
    });
  row(`${count} orders at once`, together, 0.02);
  printNote(`${(together / count).toFixed(1)} calls an order; one order alone makes ${alone}`);
  row(`${orders} orders one after another`, orders * alone, 0.2);
  printNote(
    `${alone} calls each, ${delivered} with the delivery to the HTTPS listener; a run with nothing due makes none`,
  );
}

/** The calls while one command gets so many certificates, each for one name. */
async function callsFor(cluster: Cluster, count: number, deliver = false): Promise<number> {
  const folder = await temporaryFolder('bench-api');
  const identifiers = Object.fromEntries(Array.from({ length: count }, (_, i) => [`c${i}`, [`c${i}.example.test`]]));
  const configuration = cluster.configuration(join(folder, 'store'), { identifiers, deliver });
  await writeFile(join(folder, 'certfleet.yaml'), JSON.stringify(configuration)); // JSON is YAML
  const before = cluster.clb.records.length;
  await measure(certfleet(folder, 'issue'));
  const made = cluster.clb.records.length - before;
  await measure(certfleet(folder, 'renew'));
  if (cluster.clb.records.length - before !== made) throw new Error('a run with nothing due called the API');
  return made;
}
