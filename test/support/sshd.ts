import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findProgram, freePort, portAccepts, type Service, startService, temporaryFolder } from './service.ts';

const run = promisify(execFile);

export interface SshKeyPair {
  /** The private key's file (0600); the public key is `<file>.pub`. */
  readonly file: string;
  readonly publicKey: string;
}

/** Made by Debian's ssh-keygen. */
export async function makeSshKey(options: { readonly type?: string; readonly passphrase?: string } = {}) {
  const file = join(await temporaryFolder('ssh-key'), 'id');
  await run('ssh-keygen', ['-q', '-t', options.type ?? 'ed25519', '-N', options.passphrase ?? '', '-f', file]);
  return { file, publicKey: (await readFile(`${file}.pub`, 'utf8')).trim() } satisfies SshKeyPair;
}

export interface SshdOptions {
  /** Who may log in, as the user that runs the tests. */
  readonly client: SshKeyPair;
  readonly port?: number;
  readonly hostKey?: SshKeyPair;
  /** More lines of sshd_config; the first of a keyword wins, so they come first. */
  readonly config?: string;
}

export interface Sshd {
  readonly port: number;
  readonly user: string;
  readonly hostKey: SshKeyPair;
  /** As `ssh-keygen -lf` prints it. */
  readonly fingerprint: string;
  /** Its line for known_hosts. */
  readonly knownHosts: string;
  readonly service: Service;
  log(): string;
  stop(): Promise<void>;
}

/**
 * Debian's OpenSSH server on a free loopback port, with its own configuration and host key, for this user alone. With
 * `SetEnv SHLVL=2`, bash does not read the user's .bashrc, which may be slow.
 */
export async function startSshd(options: SshdOptions): Promise<Sshd> {
  const program = findProgram('sshd', 'system');
  if (program === undefined) throw new Error('sshd is not on this machine');
  const folder = await temporaryFolder('sshd');
  const port = options.port ?? (await freePort());
  const hostKey = options.hostKey ?? (await makeSshKey());
  const { username } = userInfo();
  const authorized = join(folder, 'authorized_keys');
  await writeFile(authorized, `${options.client.publicKey}\n`);
  await chmod(authorized, 0o600);
  // For root, sshd insists on this folder, which Debian's unit makes when the machine starts.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true, mode: 0o755 });
  const config = join(folder, 'sshd_config');
  await writeFile(
    config,
    `${options.config ?? ''}
ListenAddress 127.0.0.1:${port}
HostKey ${hostKey.file}
AuthorizedKeysFile ${authorized}
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
PrintMotd no
PrintLastLog no
# Tests connect many times at once.
MaxStartups 100
PerSourcePenalties no
${/^Subsystem/m.test(options.config ?? '') ? '' : 'Subsystem sftp /usr/lib/openssh/sftp-server'}
`,
  );
  const service = await startService({
    name: 'sshd',
    program,
    args: ['-D', '-e', '-f', config],
    ready: () => portAccepts(port),
  });
  const [type, base64] = hostKey.publicKey.split(' ');
  const { stdout } = await run('ssh-keygen', ['-lf', `${hostKey.file}.pub`]);
  return {
    port,
    user: username,
    hostKey,
    fingerprint: stdout.split(' ')[1] ?? '',
    knownHosts: `[127.0.0.1]:${port} ${type} ${base64}\n`,
    service,
    log: () => service.log(),
    stop: () => service.stop(),
  };
}

/** A server that is one node, with files of its own. */
export interface SshNode {
  readonly folder: string;
  readonly port: number;
  /** The running server: another one after `start`. */
  server: Sshd;
  /** The lines of the file `ran`, which commands may write in the node's folder. */
  ran(): Promise<readonly string[]>;
  /** Starts it again, after `server.stop()`. */
  start(): Promise<void>;
}

/** Root folder of the files on each node; commands run in `$NODE`, where it leads to the same. */
export const sshNodePath = '/proc/self/cwd/certs';

/** All nodes are this machine, so each works in its own folder: paths below /proc/self/cwd are its own. */
export async function startSshNode(client: SshKeyPair, config = ''): Promise<SshNode> {
  const folder = await temporaryFolder('node');
  const subsystem = /^Subsystem/m.test(config) ? '' : `Subsystem sftp internal-sftp -d ${folder}`;
  const begin = (again: Pick<SshdOptions, 'port' | 'hostKey'>) =>
    startSshd({ client, ...again, config: `${config}\n${subsystem}\nSetEnv NODE=${folder} SHLVL=2` });
  const server = await begin({});
  const { port, hostKey } = server;
  const node: SshNode = {
    folder,
    port,
    server,
    ran: async () =>
      (await readFile(join(folder, 'ran'), 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
    start: async () => {
      node.server = await begin({ port, hostKey });
    },
  };
  return node;
}

export interface CuttingProxy {
  readonly port: number;
  /** Breaks each connection after this many bytes of the client; undefined lets all pass. */
  cutAfter: number | undefined;
  /** Bytes of the client on the last connection. */
  readonly passed: number;
  /** Open connections of clients. */
  readonly open: number;
  /** Passes nothing on any more, without closing. */
  freeze(): void;
  stop(): Promise<void>;
}

/** A TCP proxy in front of one port, which cuts connections. */
export async function startCuttingProxy(target: number): Promise<CuttingProxy> {
  const sockets = new Set<net.Socket>();
  const made = { cutAfter: undefined as number | undefined, passed: 0, open: 0, isFrozen: false };
  const server = net.createServer((client) => {
    const upstream = net.connect({ host: '127.0.0.1', port: target });
    made.passed = 0;
    made.open += 1;
    client.once('close', () => {
      made.open -= 1;
    });
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    client.on('data', (chunk: Buffer) => {
      if (made.isFrozen) return;
      made.passed += chunk.length;
      if (made.cutAfter === undefined || made.passed <= made.cutAfter) return void upstream.write(chunk);
      upstream.write(chunk.subarray(0, chunk.length - (made.passed - made.cutAfter)), () => client.destroy());
    });
    upstream.on('data', (chunk: Buffer) => void (made.isFrozen || client.write(chunk)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(made, {
    port: (server.address() as net.AddressInfo).port,
    freeze: () => {
      made.isFrozen = true;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  });
}
