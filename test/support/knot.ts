import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type BindKey, txtRecords } from './bind.ts';
import { findProgram, freePort, startService, temporaryFolder } from './service.ts';

const run = promisify(execFile);

export const knotPrograms = ['knotd', 'nsupdate', 'dig'] as const;

/** Knot DNS as the authoritative server of some zones, with dynamic updates by TSIG key, on loopback only. */
export interface Knot {
  /** `127.0.0.1:port` */
  readonly server: string;
  /** May change every zone. */
  readonly key: BindKey;
  /** Every TXT value of a zone, by zone transfer, sorted. */
  txt(zone: string): Promise<ReturnType<typeof txtRecords>>;
}

export async function startKnot(zones: readonly string[]): Promise<Knot> {
  const folder = await temporaryFolder('knot');
  const port = await freePort({ udp: true });
  const key = { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') };
  for (const zone of zones)
    await writeFile(
      join(folder, `${zone}.zone`),
      `$ORIGIN ${zone}.\n$TTL 1\n@ SOA ns1 hostmaster 1 3600 600 86400 1\n@ NS ns1\nns1 A 127.0.0.1\n`,
    );
  const config = join(folder, 'knot.conf');
  await writeFile(
    config,
    `server:
  rundir: "${folder}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
control:
  listen: "${folder}/knot.sock"
log:
  - target: stderr
    any: info
database:
  storage: "${folder}"
key:
  - id: ${key.name}
    algorithm: ${key.algorithm}
    secret: "${key.secret}"
acl:
  - id: update
    key: ${key.name}
    action: update
  - id: transfer
    address: 127.0.0.1
    action: transfer
template:
  - id: default
    storage: "${folder}"
    file: "%s.zone"
    acl: [update, transfer]
zone:
${zones.map((zone) => `  - domain: ${zone}\n`).join('')}`,
    { mode: 0o600 },
  );
  const dig = async (...args: readonly string[]) =>
    (await run(findProgram('dig', 'system')!, ['@127.0.0.1', '-p', String(port), '+noidnout', '+time=2', ...args]))
      .stdout;
  await startService({
    name: 'knot',
    program: findProgram('knotd', 'system')!,
    args: ['--config', config],
    ready: () =>
      dig('+short', '+tries=1', zones.at(-1)!, 'SOA').then(
        (answer) => answer.startsWith('ns1.'),
        () => false,
      ),
  });
  return {
    ...{ server: `127.0.0.1:${port}`, key },
    txt: async (zone) => txtRecords(await dig('+noall', '+answer', '+onesoa', zone, 'AXFR')),
  };
}
