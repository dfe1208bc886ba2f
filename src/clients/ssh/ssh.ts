import ssh2, { type AuthenticationType, type ClientChannel, type ParsedKey, type SFTPWrapper } from 'ssh2';
import { onAbort, orAborted } from '../../core/async/on-abort.ts';
import { reasonOf } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { connectTcp } from '../../lib/http/connect.ts';
import type { Clock } from '../../ports/clock.ts';
import { type HostTrust, refusalOf } from './known-hosts.ts';

export interface SshPlace {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

export interface SshLogin {
  readonly privateKey?: SshKey | undefined;
  readonly password?: Secret | undefined;
}

export type SshKey = ParsedKey;

/** One connection to one node. Closing it ends everything that runs over it. */
export interface SshConnection {
  readonly place: SshPlace;
  /** Rejects once the connection is lost or closed; never resolves. */
  readonly lost: Promise<never>;
  sftp(): Promise<SFTPWrapper>;
  /**
   * Runs a command line in the user's login shell. Standard input stays open, because no signal can be sent once it is
   * closed, so the command line must close it itself. On abort, the command gets SIGTERM, and SIGKILL two seconds
   * later.
   */
  run(commandLine: string, signal: AbortSignal): Promise<SshResult>;
  close(): void;
}

export interface SshResult {
  /** The exit code, or the signal's name. */
  readonly status: number | string;
  /** The last 64 KiB, as in `stderr`. */
  readonly stdout: string;
  readonly stderr: string;
}

/** Reads a private key in the format of OpenSSH or PuTTY, or as PEM of OpenSSL (PKCS#1, SEC 1). */
export function readSshKey(privateKey: Secret, passphrase: Secret | undefined): SshKey {
  // The value was trimmed, but the format ends with a line break.
  const key = ssh2.utils.parseKey(`${privateKey.reveal()}\n`, passphrase?.reveal());
  if (!(key instanceof Error) && key.isPrivateKey()) return key;
  const reason = key instanceof Error ? key.message : 'it is a public key';
  const isEncrypted = /no passphrase given/.test(reason);
  if (/^[~/][^\n]*$/.test(privateKey.reveal())) throw new Error('the private key is a path: write file:/path');
  throw new Error(
    isEncrypted
      ? 'the private key is encrypted: give its `passphrase`'
      : /bad passphrase|decrypt/i.test(reason)
        ? 'the `passphrase` does not open the private key'
        : `the private key cannot be read (${reason}); \`ssh-keygen -p -f FILE\` writes it in OpenSSH's own format`,
  );
}

// The types that OpenSSH accepts by default, too: none with SHA-1.
const hostKeyTypes = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
] as const;

/** Short enough to keep a connection alive through a proxy's idle timeout while a command runs. */
const keepaliveMs = 15_000;
const killAfterMs = 2_000;
/** How long to wait for the rest of the output. A daemon that the command started may keep the output open. */
const lastOutputMs = 500;

/** Connects, checks the host key before anything is sent, and logs in. */
export async function connectSsh(
  place: SshPlace,
  {
    login,
    trust,
    clock,
    signal,
  }: {
    readonly login: SshLogin;
    readonly trust: HostTrust;
    readonly clock: Clock;
    readonly signal: AbortSignal;
  },
): Promise<SshConnection> {
  const socket = await connectTcp(place, signal);
  const client = new ssh2.Client();
  let refusal: string | undefined;
  const lost = new Promise<never>((_resolve, reject) => {
    client.on('error', (error) => reject(new Error(refusal ?? wordsOf(error, place), { cause: error })));
    client.on('close', () => reject(new Error(refusal ?? 'the connection was closed')));
  });
  lost.catch(() => {}); // usually closed by this side
  const close = () => {
    client.end();
    socket.destroy();
  };
  const orLost = <T>(promise: Promise<T>): Promise<T> => Promise.race([promise, lost]);

  const ready = new Promise<void>((resolve) => {
    client.once('ready', resolve);
    client.connect({
      sock: socket,
      username: place.user,
      readyTimeout: 0, // `signal` limits the time
      keepaliveInterval: keepaliveMs,
      algorithms: { serverHostKey: preferred(trust) },
      hostVerifier: (key: Buffer) => {
        refusal = refusalOf(key, trust);
        return refusal === undefined;
      },
      authHandler: authentications(place.user, login),
    });
  });
  try {
    await orAborted(orLost(ready), signal);
  } catch (error) {
    close();
    throw error;
  }

  return {
    place,
    lost,
    close,
    sftp: () =>
      orLost(
        new Promise((resolve, reject) => {
          client.sftp((error, sftp) => {
            if (!error) return resolve(sftp);
            reject(new Error(sftpWords(error.message), { cause: error }));
          });
        }),
      ),
    run: async (commandLine, signal) => {
      signal.throwIfAborted();
      return orLost(
        new Promise((resolve, reject) => {
          client.exec(commandLine, (error, channel) => {
            // Without delay, because the packet that is being read may already contain the exit status of a quick
            // command.
            if (error) reject(error);
            else resultOf(channel, clock, signal).then(resolve, reject);
          });
        }),
      );
    },
  };
}

function sftpWords(message: string): string {
  const remedy = '`Subsystem sftp internal-sftp`';
  if (/subsystem/i.test(message)) return `it offers no SFTP; enable it in its sshd_config with ${remedy}`;
  if (/packet length/i.test(message))
    return `its login shell prints something before SFTP begins: remove that from the user's .bashrc, or write ${remedy} into its sshd_config`;
  return `its SFTP server did not start (${message}); ${remedy} in its sshd_config needs no program`;
}

/** Puts the types of the known keys first, because the node shows only one key, of the first type that it supports. */
function preferred(trust: HostTrust): (typeof hostKeyTypes)[number][] {
  const types = 'known' in trust ? trust.known.keys.map(({ type }) => type) : [];
  const isKnown = (type: string): boolean => types.includes(type.startsWith('rsa-') ? 'ssh-rsa' : type);
  return [...hostKeyTypes.filter(isKnown), ...hostKeyTypes.filter((type) => !isKnown(type))];
}

function authentications(username: string, { privateKey, password }: SshLogin) {
  return [
    ...(privateKey ? [{ type: 'publickey' as const, username, key: privateKey }] : []),
    ...(password ? [{ type: 'password' as const, username, password: password.reveal() }] : []),
  ] as unknown as AuthenticationType[]; // the library's types lack parsed keys
}

function wordsOf(error: Error & { level?: string }, { user }: SshPlace): string {
  if (error.level === 'client-authentication')
    return `it lets ${user} in neither with the key nor with the password given: add the public key to ${user}'s ~/.ssh/authorized_keys there`;
  if (/lost before handshake/.test(error.message)) return 'the connection was closed before the login';
  return reasonOf(error);
}

async function resultOf(channel: ClientChannel, clock: Clock, signal: AbortSignal): Promise<SshResult> {
  const output = { stdout: new Tail(), stderr: new Tail() };
  channel.on('data', (chunk: Buffer) => output.stdout.add(chunk));
  channel.stderr.on('data', (chunk: Buffer) => output.stderr.add(chunk));
  channel.on('error', () => {}); // the connection reports the error
  let status: number | string | undefined;
  const exited = new Promise<void>((resolve) => {
    channel.once('exit', (code: number | null, name?: string) => {
      status = code ?? name ?? 'a signal';
      resolve();
    });
  });
  const closed = new Promise<void>((resolve) => channel.once('close', () => resolve()));
  const ended = new AbortController();
  const patience = (ms: number) => clock.sleep(ms, ended.signal).catch(() => {});
  const forget = onAbort(signal, () => void channel.signal('TERM'));
  try {
    await orAborted(Promise.race([exited, closed]), signal).catch(async (reason) => {
      await Promise.race([exited, closed, patience(killAfterMs)]);
      if (status === undefined) channel.signal('KILL');
      throw reason;
    });
    await Promise.race([closed, patience(lastOutputMs)]);
  } finally {
    forget();
    ended.abort();
    channel.close();
  }
  if (status === undefined) throw new Error('the connection was closed before the command had ended');
  return { status, stdout: output.stdout.text(), stderr: output.stderr.text() };
}

/** Keeps the last 64 KiB of an output. */
class Tail {
  #kept: Buffer = Buffer.alloc(0);
  add(chunk: Buffer): void {
    this.#kept = Buffer.concat([this.#kept, chunk]).subarray(-64 * 1024);
  }
  text(): string {
    return this.#kept.toString('utf8');
  }
}
