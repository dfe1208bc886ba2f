import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startAcmeCa } from '../../test/support/acme-ca.ts';
import { writeAccount, writeLineage } from './import.ts';
import { measure, printRow } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

/**
 * Renewing what was taken over from certbot, against as many first certificates at the same CA. That is the simulated
 * one: Pebble locks itself up in nearly every run of 2,000 certificates (pebble-lock.ts).
 */
export async function renewImported(servers: Rig): Promise<void> {
  const rig = { ...servers, ca: await startAcmeCa({ settings: { httpPort: servers.httpPort } }) };
  const count = rig.count(1_000);
  const names = Array.from({ length: count }, (_, number) => `i${number}.example.test`);
  const first = await configure(
    rig,
    'imported-first',
    names.map((name) => ({ name, identifiers: [name], solver: 'webroot' })),
  );
  const issued = await measure(certfleet(first, 'issue'));

  const root = join(rig.folder, 'imported-certbot');
  await writeAccount(root, rig.ca.directoryUrl);
  for (const name of names) {
    const read = (kind: string) => readFile(join(first, 'certs/live', name, `${kind}.pem`), 'utf8');
    const texts = {
      cert: await read('cert'),
      chain: await read('chain'),
      fullchain: await read('fullchain'),
      privkey: await read('privkey'),
    };
    await writeLineage(root, name, texts, { server: rig.ca.directoryUrl, webroot: rig.webroot });
  }
  const folder = await configure(rig, 'imported', []);
  await measure(certfleet(folder, 'import', 'certbot', root, '--deploy', `files:${join(folder, 'certs')}`));
  const renewed = await measure(certfleet(folder, 'renew', '--force'));
  const rate = ({ wall }: { readonly wall: number }) => count / wall;
  printRow({
    what: `renewing ${count} lineages imported from certbot: rate against as many first certificates`,
    ours: `${rate(renewed).toFixed(1)} a second`,
    peer: `first certificates ${rate(issued).toFixed(1)} a second`,
    ratio: rate(renewed) / rate(issued),
    bound: { atLeast: 0.95 },
  });
}
