import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Cost, inTurn, measure, medianOf, printNote, printRow, range } from './measure.ts';
import { certfleet, configure, type Rig } from './rig.ts';

/** Apex and wildcard over RFC 2136, again and again, against certbot with no waiting at all. */
export async function dns(rig: Rig): Promise<void> {
  const times = rig.rounds(50);
  const folder = await configure(rig, 'dns', [
    { name: 'wildcard', identifiers: ['example.test', '*.example.test'], solver: 'dns' },
  ]);
  await measure(certfleet(folder, 'issue', 'wildcard')); // the account
  const certbot = await prepareCertbot(rig);
  const walls: number[] = [];
  const cpus: number[] = [];
  const peer: Cost[] = [];
  for (let i = 0; i < times; i++) {
    const cost = await measure(certfleet(folder, 'issue', 'wildcard', '--force'));
    walls.push(cost.wall);
    cpus.push(cost.cpu);
    // certbot's time is its sleeps: five runs between ours are enough.
    if (i % 10 === Math.min(5, times - 1)) peer.push(...(await inTurn(1, { certbot })).certbot);
  }
  const sorted = [...walls].sort((a, b) => a - b);
  const ours = middleOf(walls);
  printRow({
    what: `apex and wildcard over RFC 2136, ${times} times in a row, against certbot with propagation 0 s`,
    ours: range(walls),
    peer: `certbot ${range(peer.map((cost) => cost.wall))}`,
    ratio: ours / medianOf(peer, 'wall'),
    bound: { atMost: 0.25 },
  });
  const left = (await rig.bind.txt('example.test')).filter(({ name }) => name.startsWith('_acme-challenge'));
  printNote(
    `${Math.round(middleOf(cpus) * 1000)} ms of CPU each; all ${times} issued; 95 % within ${sorted[Math.floor(times * 0.95)]!.toFixed(3)} s; TXT values left in the zone: ${left.length}`,
  );
}

const middleOf = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

async function prepareCertbot(rig: Rig): Promise<() => Promise<Cost>> {
  const base = join(rig.folder, 'certbot-dns');
  const credentials = join(rig.folder, 'certbot-dns.ini');
  writeFileSync(
    credentials,
    `dns_rfc2136_server = ${rig.bind.address}
dns_rfc2136_port = ${rig.bind.port}
dns_rfc2136_name = ${rig.bind.key.name}
dns_rfc2136_secret = ${rig.bind.key.secret}
dns_rfc2136_algorithm = ${rig.bind.key.algorithm.toUpperCase()}
`,
    { mode: 0o600 },
  );
  const folders = ['--config-dir', `${base}/c`, '--work-dir', `${base}/w`, '--logs-dir', `${base}/l`];
  const common = [...folders, '--server', rig.ca.directoryUrl, '--agree-tos', '--non-interactive', '--quiet'];
  await measure(['certbot', 'register', ...common, '--register-unsafely-without-email'], { env: rig.trust });
  const plugin = ['--dns-rfc2136', '--dns-rfc2136-credentials', credentials, '--dns-rfc2136-propagation-seconds', '0'];
  const names = ['--domain', 'example.test', '--domain', '*.example.test', '--cert-name', 'wildcard'];
  return () =>
    measure(['certbot', 'certonly', ...common, ...plugin, ...names, '--key-type', 'ecdsa', '--force-renewal'], {
      env: rig.trust,
    });
}
