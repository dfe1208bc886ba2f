import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, repositoryRoot, sharedFolder, startService, temporaryFolder } from './service.ts';
import type { Needed } from './vitest.ts';

const execute = promisify(execFile);

/** What Boulder and its kit (`<shared>/boulder`) need. */
export const boulderPrograms: readonly Needed[] = [
  ...['boulder', 'ct-test-srv', 'pebble-challtestsrv'].map((name) => ({ name, where: 'shared' }) as const),
  ...['mariadbd', 'redis-server', 'unshare', 'nsenter', 'curl'],
  // No program, so that the line at the end of the run says what is missing.
  ...(process.getuid?.() === 0 ? [] : ['the rights of root']),
];

/** Let's Encrypt's own CA, in a network namespace of its own. */
export interface Boulder {
  readonly directoryUrl: string;
  readonly caFile: string;
  /** A resolver that sees what the validators see. */
  readonly resolver: string;
  /** Where every name leads to; port 80 is free for whoever answers HTTP-01. */
  readonly webAddress: string;
  /** Put before a command, runs it in the namespace. */
  readonly inside: readonly string[];
  /** A statement on Boulder's database, for what only time or its operators change. */
  sql(statement: string): Promise<string>;
  /** A call of pebble-challtestsrv's management, which is the validators' DNS. */
  dns(path: string, body: object): Promise<void>;
  /** A signed request by an account of certfleet's store, past certfleet. */
  post(account: string, resource: 'newOrder' | 'account', payload: object): Promise<Record<string, unknown>>;
}

/** Up in two or three seconds, 600 MB. It needs the rights to make namespaces. */
export async function startBoulder(limits: Readonly<Record<string, object>>): Promise<Boulder> {
  const folder = await temporaryFolder('boulder');
  const [home, limitsFile, upFile] = [join(folder, 'ca'), join(folder, 'limits.yml'), join(folder, 'up')];
  // JSON is YAML.
  await writeFile(limitsFile, JSON.stringify(limits));
  const up = join(sharedFolder(), 'boulder/up.sh');
  // A process namespace too: all that up.sh starts dies with the first process in it.
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
  const [directoryUrl, caFile] = [`https://${address}:4431/directory`, join(home, 'pki/ca.pem')];
  return {
    directoryUrl,
    caFile,
    resolver: `${address}:53`,
    webAddress: '64.112.117.122',
    inside,
    sql: (statement) =>
      run(['mariadb', `--socket=${home}/run/db.sock`, '-uroot', '--skip-column-names', 'boulder_sa', '-e', statement]),
    dns: async (path, body) => {
      await run(['curl', '--silent', '--fail', '--data', JSON.stringify(body), `http://${address}:8055/${path}`]);
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

/** Boulder's own, in its namespace. */
const address = '10.78.0.1';

function program(name: string, where: 'shared' | 'system' = 'system'): string {
  const path = findProgram(name, where);
  if (path === undefined) throw new Error(`${name} is not on this machine`);
  return path;
}
