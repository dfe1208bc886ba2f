import { execFile } from 'node:child_process';
import { chmod, cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LimitId } from '../../src/core/limits/rate-limits.ts';
import { containers } from './rights.ts';
import { findProgram, repositoryRoot, sharedFolder, startService, temporaryFolder } from './service.ts';
import type { Needed } from './vitest.ts';

const execute = promisify(execFile);

/** What Boulder and its kit (`<shared>/boulder`) need. */
export const boulderPrograms: readonly Needed[] = [
  ...['boulder', 'ct-test-srv', 'pebble-challtestsrv'].map((name) => ({ name, where: 'shared' }) as const),
  ...['mariadbd', 'redis-server', 'unshare', 'nsenter', 'curl'],
  containers,
];

/** Let's Encrypt's own CA, in its own network namespace. */
export interface Boulder {
  readonly directoryUrl: string;
  readonly caFile: string;
  /** A resolver that sees what the validators see. */
  readonly resolver: string;
  /** The address of every name; its port 80 is free for the program that answers HTTP-01. */
  readonly webAddress: string;
  /** A prefix that runs a command in the namespace. */
  readonly inside: readonly string[];
  /** Runs a statement on Boulder's database, to change what only time or its operators change. */
  sql(statement: string): Promise<string>;
  /** Returns all newOrder requests of an account (its number), in order. */
  newOrders(account: string): Promise<readonly { readonly status: number; readonly atMs: number }[]>;
  /** Returns when a bucket of its rate limits is full again, in ms since 1970; undefined if it is full. */
  fullAtMs(limit: LimitId, of: string): Promise<number | undefined>;
  /** Calls the management of pebble-challtestsrv, which is the validators' DNS. */
  dns(path: string, body: object): Promise<void>;
  /** Orders names by the account, with certfleet's client, and answers each with the record of dns-persist-01. */
  persist(
    account: string,
    names: readonly string[],
  ): Promise<readonly { readonly value: string; readonly status: string }[]>;
  /** Sends a request signed by an account in certfleet's store, without certfleet. */
  post(account: string, resource: 'newOrder' | 'account', payload: object): Promise<Record<string, unknown>>;
}

/** Starts in two or three seconds and takes 600 MB. It needs the right to make namespaces. */
export async function startBoulder(limits: Readonly<Record<string, object>>): Promise<Boulder> {
  const folder = await temporaryFolder('boulder');
  const [home, limitsFile, upFile] = [join(folder, 'ca'), join(folder, 'limits.yml'), join(folder, 'up')];
  // JSON is YAML.
  await writeFile(limitsFile, JSON.stringify(limits));
  const up = join(await kitWithPersist(folder), 'up.sh');
  // Also a process namespace, so that everything that up.sh starts dies with its first process.
  const { pid } = await startService({
    name: 'boulder',
    program: program('unshare'),
    args: [
      ...['--net', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c'],
      `"${up}" "${home}" > "${upFile}" && exec sleep infinity`,
    ],
    env: {
      BOULDER_BIN: program('boulder', 'shared'),
      CT_TEST_SRV_BIN: program('ct-test-srv', 'shared'),
      CHALLTESTSRV_BIN: program('pebble-challtestsrv', 'shared'),
      BOULDER_NETNS: '-',
      BOULDER_LIMITS: limitsFile,
    },
    ready: async () => (await readFile(upFile, 'utf8').catch(() => '')).includes('/directory'),
    deadlineMs: 60_000,
  });
  const inside = [program('nsenter'), '--target', String(pid), '--net'];
  const run = async (command: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> => {
    const [first = '', ...more] = [...inside, ...command];
    return (await execute(first, more, { cwd: repositoryRoot, env: { ...process.env, ...env } })).stdout;
  };
  const pki = join(home, 'pki');
  const [directoryUrl, caFile] = [`https://${address}:4431/directory`, join(pki, 'ca.pem')];
  return {
    directoryUrl,
    caFile,
    resolver: `${address}:53`,
    webAddress: '64.112.117.122',
    inside,
    sql: (statement) =>
      run(['mariadb', `--socket=${home}/run/db.sock`, '-uroot', '--skip-column-names', 'boulder_sa', '-e', statement]),
    newOrders: async (account) => {
      const log = await readFile(join(home, 'log/wfe.log'), 'utf8');
      // Its times are like 2026-11-29T14:28:15.354898+00:00Z.
      const lines = log.matchAll(/^(\S{23})\S*Z .* POST \/acme\/new-order (\d+) (\d+) /gm);
      return [...lines].flatMap(([, time, by, status]) =>
        by === account ? [{ status: Number(status), atMs: Date.parse(`${time}Z`) }] : [],
      );
    },
    fullAtMs: async (limit, of) => {
      const [user, tls] = [
        ['--user', 'boulder'],
        ['--cacert', `${pki}/ca.pem`, '--cert', `${pki}/svc.pem`],
      ];
      const command = ['redis-cli', '-h', address, '-p', '9111', '--tls', ...tls, '--key', `${pki}/svc.key`, ...user];
      const env = { REDISCLI_AUTH: (await readFile(`${pki}/redis.pass`, 'utf8')).trim() };
      const nanoseconds = (await run([...command, 'GET', `${limitNumbers[limit]}:${of}`], env)).trim();
      return nanoseconds === '' ? undefined : Number(nanoseconds) / 1e6;
    },
    dns: async (path, body) => {
      await run(['curl', '--silent', '--fail', '--data', JSON.stringify(body), `http://${address}:8055/${path}`]);
    },
    persist: async (account, names) => {
      const script = join(repositoryRoot, 'test/support/acme-persist.ts');
      const command = [process.execPath, '--import', 'tsx', script, directoryUrl, caFile, ...names];
      return JSON.parse(await run(command, { ACCOUNT: account, DNS: `http://${address}:8055/set-txt` })) as readonly {
        readonly value: string;
        readonly status: string;
      }[];
    },
    post: async (account, resource, payload) => {
      const script = join(repositoryRoot, 'test/support/acme-post.ts');
      const command = [process.execPath, '--import', 'tsx', script, directoryUrl, resource, JSON.stringify(payload)];
      return JSON.parse(await run(command, { ACCOUNT: account, NODE_EXTRA_CA_CERTS: caFile })) as Record<
        string,
        unknown
      >;
    },
  };
}

/** The kit with dns-persist-01 (draft 01), which Let's Encrypt offers in its staging environment. */
async function kitWithPersist(folder: string): Promise<string> {
  const kit = join(folder, 'kit');
  await cp(join(sharedFolder(), 'boulder'), kit, { recursive: true });
  const isOn = '"DNSPersist01Enabled": true';
  const changes = [
    ['ra.json', '"tls-alpn-01": true', '"tls-alpn-01": true, "dns-persist-01": true'],
    ['ra.json', '"features": {', `"features": { ${isOn},`],
    ...['va.json', 'rva.json'].map((file) => [file, '"issuerDomain"', `"features": { ${isOn} }, "issuerDomain"`]),
  ] as const;
  for (const [name = '', before = '', after = ''] of changes) {
    const file = join(kit, 'config', name);
    // A copy has the mode of the original, which may be read-only.
    await chmod(file, 0o644);
    await writeFile(file, (await readFile(file, 'utf8')).replace(before, after));
  }
  return kit;
}

/** Boulder's numbers of its limits. */
const limitNumbers: Readonly<Record<LimitId, number>> = {
  newOrdersPerAccount: 3,
  failedAuthorizations: 4,
  certificatesPerDomain: 5,
  certificatesPerSet: 7,
  pausingFailures: 8,
};

/** Boulder's own address, in its namespace. */
const address = '10.78.0.1';

function program(name: string, where: 'shared' | 'system' = 'system'): string {
  const path = findProgram(name, where);
  if (path === undefined) throw new Error(`${name} is not on this machine`);
  return path;
}
