import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startPebble } from '../../test/support/pebble.ts';
import { atEnd } from '../../test/support/service.ts';
import { type Cost, inTurn, measure, medianOf, printNote, printRow, range, seconds, syncLatencyMs } from './measure.ts';
import { certfleet, configure, node, type Rig } from './rig.ts';

/** One certificate, HTTP-01, cold process, account registered, against acme-tiny with the two openssl calls it needs. */
export async function one(rig: Rig): Promise<void> {
  const rounds = rig.rounds(9);
  const names = Array.from({ length: rounds + 2 }, (_, i) => `one${i}`);
  const folder = await configure(
    rig,
    'one',
    names.map((name) => ({ name, identifiers: [`${name}.example.test`], solver: 'webroot' })),
  );
  const tiny = acmeTiny(rig);
  // The first run registers the account and fills the page cache: not counted.
  await measure(certfleet(folder, 'issue', names[rounds]!));
  await tiny(rounds);
  const costs = await inTurn(rounds, {
    certfleet: (round) => measure(certfleet(folder, 'issue', names[round]!)),
    tiny,
    node: () => measure([node, '-e', '0']),
  });
  const walls = (list: readonly Cost[]) => list.map((cost) => cost.wall);
  printRow({
    what: 'one certificate, HTTP-01, cold process: wall time against acme-tiny',
    ours: range(walls(costs.certfleet)),
    peer: `acme-tiny with openssl ${range(walls(costs.tiny))}`,
    ratio: medianOf(costs.certfleet, 'wall') / medianOf(costs.tiny, 'wall'),
    bound: { atMost: 1.15 },
  });
  printRow({
    what: 'peak memory of one issue against bare node',
    ours: `${medianOf(costs.certfleet, 'peakMib').toFixed(0)} MiB`,
    peer: `node -e 0 ${medianOf(costs.node, 'peakMib').toFixed(0)} MiB`,
    ratio: medianOf(costs.certfleet, 'peakMib') / medianOf(costs.node, 'peakMib'),
    bound: { atMost: 2.5 },
  });
  const { puts, syncs } = durableWrites(folder, names[rounds + 1]!);
  printNote(
    `${Math.round(medianOf(costs.certfleet, 'cpu') * 1000)} ms of CPU in all (acme-tiny ${Math.round(medianOf(costs.tiny, 'cpu') * 1000)}), ` +
      `${puts} store puts and ${syncs} fsyncs a certificate (strace, without the account's), ` +
      `fsync latency of this disk ${syncLatencyMs(folder).toFixed(2)} ms`,
  );
  await againstCertbot(rig, 'with a CA that answers at once');
  await againstCertbot(await slowlyValidating(rig), 'with a CA that takes a second to validate');
}

function acmeTiny(rig: Rig): (round: number) => Promise<Cost> {
  const folder = join(rig.folder, 'acme-tiny');
  const challenges = join(rig.webroot, '.well-known/acme-challenge');
  mkdirSync(folder);
  mkdirSync(challenges, { recursive: true });
  const account = join(folder, 'account.key');
  execFileSync('openssl', ['genrsa', '-out', account, '2048'], { stdio: 'ignore' });
  return (round) => {
    const base = join(folder, `tiny${round}`);
    const script = `set -e
openssl ecparam -name prime256v1 -genkey -noout -out ${base}.key 2>/dev/null
openssl req -new -sha256 -key ${base}.key -subj / -addext subjectAltName=DNS:tiny${round}.example.test -out ${base}.csr
acme-tiny --quiet --account-key ${account} --csr ${base}.csr --acme-dir ${challenges} --disable-check --directory-url ${rig.ca.directoryUrl} > ${base}.crt`;
    return measure(['sh', '-c', script], { env: rig.trust });
  };
}

/** Counts what one issue makes durable: a put of the file store is one hard link to `<name>@<revision>` in its folder. */
function durableWrites(folder: string, name: string): { readonly puts: number; readonly syncs: number } {
  const trace = join(folder, 'trace');
  const [program = '', ...args] = certfleet(folder, 'issue', name);
  execFileSync('strace', ['-f', '-qq', '-o', trace, '-e', 'trace=link,linkat,fsync,fdatasync', program, ...args], {
    stdio: 'ignore',
  });
  const lines = readFileSync(trace, 'utf8').split('\n');
  return {
    puts: lines.filter((line) => /\blink(at)?\(.*@\d+".* = 0$/.test(line) && line.includes(join(folder, 'store')))
      .length,
    syncs: lines.filter((line) => /\bf(data)?sync\(/.test(line)).length,
  };
}

async function againstCertbot(rig: Rig, what: string): Promise<void> {
  const rounds = rig.rounds(5);
  const id = new URL(rig.ca.directoryUrl).port;
  const names = Array.from({ length: rounds + 1 }, (_, i) => `ours${i}-${id}`);
  const folder = await configure(
    rig,
    `one-${id}`,
    names.map((name) => ({ name, identifiers: [`${name}.example.test`], solver: 'webroot' })),
  );
  await measure(certfleet(folder, 'issue', names[rounds]!));
  const base = join(rig.folder, `certbot-${id}`);
  const folders = ['--config-dir', `${base}/c`, '--work-dir', `${base}/w`, '--logs-dir', `${base}/l`];
  const common = [...folders, '--server', rig.ca.directoryUrl, '--agree-tos', '--non-interactive', '--quiet'];
  await measure(['certbot', 'register', ...common, '--register-unsafely-without-email'], { env: rig.trust });
  const issue = ['certonly', ...common, '--webroot', '--webroot-path', rig.webroot, '--key-type', 'ecdsa'];
  const costs = await inTurn(rounds, {
    ours: (round) => measure(certfleet(folder, 'issue', names[round]!)),
    certbot: (round) =>
      measure(['certbot', ...issue, '--domain', `certbot${round}-${id}.example.test`], { env: rig.trust }),
  });
  const [ours, certbot] = [medianOf(costs.ours, 'wall'), medianOf(costs.certbot, 'wall')];
  printNote(
    `${what} certfleet takes ${seconds(ours)}, certbot ${seconds(certbot)}: ${(certbot / ours).toFixed(1)} times`,
  );
}

/** The same rig with a CA whose requests to the web server take a second, and whose Retry-After says so. */
async function slowlyValidating(rig: Rig): Promise<Rig> {
  const server = createServer((asked, answer) => {
    const { url: path, method, headers } = asked;
    const delayMs = /pebble/i.test(headers['user-agent'] ?? '') ? 1_000 : 0;
    setTimeout(() => {
      const upstream = request({ host: '127.0.0.1', port: rig.httpPort, path, method, headers }, (got) => {
        answer.writeHead(got.statusCode ?? 502, got.headers);
        got.pipe(answer);
      });
      upstream.once('error', () => answer.destroy());
      asked.pipe(upstream);
    }, delayMs);
  });
  await new Promise<void>((listening) => void server.listen(0, '127.0.0.1', listening));
  atEnd(() => {
    server.close();
  });
  const httpPort = (server.address() as AddressInfo).port;
  const ca = await startPebble({ dnsServer: rig.bind.server, httpPort, retryAfter: { authz: 1, order: 0 } });
  const trust = { SSL_CERT_FILE: ca.caFile, REQUESTS_CA_BUNDLE: ca.caFile, NODE_EXTRA_CA_CERTS: ca.caFile };
  return { ...rig, ca, httpPort, trust };
}
