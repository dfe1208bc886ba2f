import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BindKey } from './bind.ts';
import { txtRecords } from './bind.ts';
import { findProgram, freePort, type Service, startService, temporaryFolder } from './service.ts';

const run = promisify(execFile);

export const powerdnsPrograms = ['pdns_server', 'pdnsutil', 'sqlite3', 'dig'] as const;

const schema = '/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql';

export interface PowerdnsOptions {
  /** Without a trailing dot. */
  readonly zones: readonly string[];
  /** A loopback address on whose port 53 it listens; by default a free port of 127.0.0.1. */
  readonly address?: string;
  /** Gets every NOTIFY: `127.0.0.1:5353`. */
  readonly alsoNotify?: string;
}

/** PowerDNS with its SQLite backend, its HTTP API, and dynamic updates by TSIG key, on loopback only. */
export interface Powerdns {
  /** `http://127.0.0.1:8081` */
  readonly endpoint: string;
  readonly apiKey: string;
  /** `127.0.0.1:port`, for DNS. */
  readonly server: string;
  /** May update every zone. */
  readonly key: BindKey;
  readonly service: Service;
  /** Changes the zone by nsupdate: `add x.example.test. 60 TXT "foreign"`. */
  update(zone: string, ...lines: readonly string[]): Promise<void>;
  /** Every TXT value of a zone, by zone transfer, sorted. */
  txt(zone: string): Promise<ReturnType<typeof txtRecords>>;
  /** Runs SQL; what it prints. */
  sql(text: string): Promise<string>;
}

export async function startPowerdns({ zones, address, alsoNotify }: PowerdnsOptions): Promise<Powerdns> {
  const folder = await temporaryFolder('powerdns');
  const database = join(folder, 'pdns.db');
  const host = address ?? '127.0.0.1';
  const [port, apiPort] = [address === undefined ? await freePort({ udp: true }) : 53, await freePort()];
  const apiKey = randomBytes(16).toString('hex');
  const key = { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32).toString('base64') };

  const sql = async (text: string): Promise<string> => {
    const running = run(findProgram('sqlite3', 'system')!, ['-cmd', '.timeout 5000', database]);
    running.child.stdin?.end(text);
    return (await running).stdout;
  };
  // Without an address, the server would search for it outside, and make a NOTIFY wait.
  const rows = zones.flatMap((zone, at) => [
    `insert into domains (id, name, type) values (${at + 1}, '${zone}', 'MASTER');`,
    ...[
      [zone, 'SOA', `ns1.${zone} hostmaster.${zone} 1 3600 600 86400 1`],
      [zone, 'NS', `ns1.${zone}`],
      [`ns1.${zone}`, 'A', host],
    ].map(
      ([name, type, content]) =>
        `insert into records (domain_id, name, type, content, ttl) values (${at + 1}, '${name}', '${type}', '${content}', 60);`,
    ),
    `insert into domainmetadata (domain_id, kind, content) values (${at + 1}, 'TSIG-ALLOW-DNSUPDATE', '${key.name}');`,
  ]);
  const tsig = `insert into tsigkeys (name, algorithm, secret) values ('${key.name}', '${key.algorithm}', '${key.secret}');`;
  await sql([await readFile(schema, 'utf8'), 'begin;', ...rows, tsig, 'commit;'].join('\n'));

  await writeFile(
    join(folder, 'pdns.conf'),
    `launch=gsqlite3
gsqlite3-database=${database}
gsqlite3-dnssec=yes
gsqlite3-pragma-synchronous=0
local-address=${host}
local-port=${port}
api=yes
api-key=${apiKey}
webserver-address=127.0.0.1
webserver-port=${apiPort}
socket-dir=${folder}
daemon=no
guardian=no
setuid=
setgid=
security-poll-suffix=
primary=yes
dnsupdate=yes
allow-dnsupdate-from=127.0.0.0/8
zone-cache-refresh-interval=0
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
${alsoNotify === undefined ? '' : `also-notify=${alsoNotify}`}
`,
    { mode: 0o600 },
  );
  const endpoint = `http://127.0.0.1:${apiPort}`;
  const service = await startService({
    name: 'powerdns',
    program: findProgram('pdns_server', 'system')!,
    args: [`--config-dir=${folder}`],
    ready: () =>
      fetch(`${endpoint}/api/v1/servers/localhost`, { headers: { 'x-api-key': apiKey } }).then(
        ({ ok }) => ok,
        () => false,
      ),
  });
  return {
    ...{ endpoint, apiKey, key, service, sql },
    server: `${host}:${port}`,
    async update(zone, ...lines) {
      const running = run(findProgram('nsupdate', 'system')!, ['-y', `${key.algorithm}:${key.name}:${key.secret}`]);
      const all = [`server ${host} ${port}`, `zone ${zone}.`, ...lines.map((line) => `update ${line}`), 'send', ''];
      running.child.stdin?.end(all.join('\n'));
      await running;
    },
    async txt(zone) {
      const args = [`@${host}`, '-p', String(port), '+noall', '+answer', '+onesoa', '+noidnout', zone, 'AXFR'];
      return txtRecords((await run(findProgram('dig', 'system')!, args)).stdout);
    },
  };
}
