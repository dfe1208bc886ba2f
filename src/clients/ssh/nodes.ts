import { join } from 'node:path';
import { onAbort } from '../../core/async/on-abort.ts';
import { createTurns } from '../../core/async/turns.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { shellWord } from '../../core/text/shell-word.ts';
import { remedyOf } from '../../core/trust/untrusted-code.ts';
import { userFolder } from '../../lib/files/user-folder.ts';
import type { Untrusted } from '../../ports/files.ts';
import type { World } from '../../ports/world.ts';
import type { LiveFiles } from '../folders/live-folder.ts';
import { findKnownHost, type HostTrust } from './known-hosts.ts';
import type { SshConnection, SshKey, SshPlace } from './ssh.ts';

/** One of several machines, as the configuration names it. */
export interface SshNode extends SshPlace {
  /** Such as `deploy@node2:2222`. */
  readonly text: string;
}

/** `deploy@node2:2222`, `10.0.0.1`, `[2001:db8::1]:22` */
const nodeSyntax = /^(?:([^\s@:[\]]+)@)?(?:\[([0-9a-fA-F:.]+)\]|([^\s@:[\]/-][^\s@:[\]/]*))(?::(\d{1,5}))?$/;

export function isNode(text: string): boolean {
  const match = nodeSyntax.exec(text);
  const port = Number(match?.[4] ?? 22);
  return match !== null && port > 0 && port < 65_536;
}

export function parseNode(text: string, user: string): SshNode {
  const [, own, ipv6, host, port] = nodeSyntax.exec(text) ?? [];
  return { text, user: own ?? user, host: ipv6 ?? host ?? '', port: Number(port ?? 22) };
}

/** An open connection to a node, for the time of the work on it. */
export interface OnNode {
  readonly node: SshNode;
  readonly connection: SshConnection;
  readonly files: LiveFiles;
  /** Aborts when the connection is closed, which is later than `signal`, and leaves time to undo unfinished work. */
  readonly calm: AbortSignal;
}

export interface NodeLimits {
  readonly timeoutMs: number;
  /** Extra time for undoing work after a timeout or an abort. */
  readonly graceMs: number;
}

export type NodeResult<T> = { readonly node: SshNode; readonly value?: T; readonly error?: unknown };

export interface SshNodes {
  /** Works on nodes in parallel, each over its own connection. A node that fails does not affect the others. */
  each<T>(
    nodes: readonly SshNode[],
    limits: NodeLimits,
    signal: AbortSignal,
    work: (on: OnNode, signal: AbortSignal) => Promise<T>,
  ): Promise<readonly NodeResult<T>[]>;
}

export interface SshNodesOptions {
  readonly privateKey?: Secret | undefined;
  readonly passphrase?: Secret | undefined;
  readonly password?: Secret | undefined;
  /** By default, those of ssh. */
  readonly knownHosts?: string | undefined;
  /** Fingerprints, in place of known hosts. */
  readonly hostKeys?: readonly string[] | undefined;
  readonly concurrency: number;
}

/** Limits how long a silent node can delay the others. */
const connectMs = 15_000;

interface Tools {
  readonly connectSsh: typeof import('./ssh.ts').connectSsh;
  readonly createSshFiles: typeof import('./files.ts').createSshFiles;
  readonly key: SshKey | undefined;
}

export function createSshNodes(options: SshNodesOptions, world: World): SshNodes {
  const { clock } = world;
  const turns = createTurns(options.concurrency);

  /** ssh2 is loaded only when needed, and a key is read once, because opening an encrypted key is deliberately slow. */
  let loaded: Promise<Tools> | undefined;
  async function load(): Promise<Tools> {
    const [{ connectSsh, readSshKey }, { createSshFiles }] = await Promise.all([
      import('./ssh.ts'),
      import('./files.ts'),
    ]);
    const { privateKey, passphrase } = options;
    return { connectSsh, createSshFiles, key: privateKey && readSshKey(privateKey, passphrase) };
  }

  async function trustOf(node: SshNode): Promise<HostTrust> {
    if (options.hostKeys) return { fingerprints: options.hostKeys };
    const first = options.knownHosts ?? join(userFolder(), '.ssh/known_hosts');
    const files = options.knownHosts === undefined ? [first, '/etc/ssh/ssh_known_hosts'] : [first];
    const texts = await Promise.all(
      files.map(async (file) => {
        const bytes = await world.files.read(file, { named: true, maxBytes: 16 * 1024 * 1024, trusted: untrusted });
        if (!bytes && options.knownHosts) throw new Error(`there is no file ${file}, which \`knownHosts\` names`);
        return { file, text: Buffer.from(bytes ?? '').toString('utf8') };
      }),
    );
    const port = node.port === 22 ? '' : `-p ${node.port} `;
    const scan = `ssh-keyscan ${port}${shellWord(node.host)} >> ${shellWord(first)}`;
    return { known: findKnownHost(texts, node), files: files.join(' or '), scan };
  }

  async function connect({ connectSsh, key }: Tools, node: SshNode, parent: AbortSignal): Promise<SshConnection> {
    const trust = await trustOf(node);
    const deadline = clock.deadline(connectMs, parent);
    const { signal } = deadline;
    try {
      return await connectSsh(node, { login: { privateKey: key, password: options.password }, trust, clock, signal });
    } catch (error) {
      if (parent.aborted || error !== signal.reason) throw error;
      throw new Error(`no answer within ${secondsOf(connectMs)}`, { cause: error });
    } finally {
      deadline.done();
    }
  }

  /** Connects to a node, works on it, and closes the connection. */
  async function onNode<T>(
    node: SshNode,
    { timeoutMs, graceMs }: NodeLimits,
    parent: AbortSignal,
    work: (on: OnNode, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const deadline = clock.deadline(timeoutMs, parent);
    const { signal } = deadline;
    const ended = new AbortController();
    let connection: SshConnection | undefined;
    let isCut = false;
    const cut = async () => {
      if (graceMs > 0) await clock.sleep(graceMs, ended.signal);
      isCut = true;
      connection?.close();
    };
    const forget = onAbort(signal, () => void cut().catch(() => {}));
    try {
      loaded ??= load();
      const tools = await loaded;
      connection = await connect(tools, node, signal);
      const files = tools.createSshFiles(connection, world.random);
      return await work({ node, connection, files, calm: ended.signal }, signal);
    } catch (error) {
      parent.throwIfAborted();
      if (deadline.expired && (isCut || error === signal.reason))
        throw new Error(`it took longer than ${secondsOf(timeoutMs)}`, { cause: error });
      throw error;
    } finally {
      forget();
      ended.abort();
      connection?.close();
      deadline.done();
    }
  }

  return {
    async each(nodes, limits, signal, work) {
      signal.throwIfAborted();
      const results = await Promise.all(
        nodes.map((node) =>
          turns
            .run(() => onNode(node, limits, signal, work), signal)
            .then(
              (value) => ({ node, value }),
              (error: unknown) => ({ node, error }),
            ),
        ),
      );
      signal.throwIfAborted();
      return results;
    },
  };
}

export const secondsOf = (ms: number): string => `${Math.round(ms / 100) / 10} s`;

const untrusted = (found: Untrusted): Error =>
  new Error(`the host keys in ${found.path} cannot be trusted: ${found.reason}; ${remedyOf(found)}`);
