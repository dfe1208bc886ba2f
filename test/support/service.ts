import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { accessSync, closeSync, constants, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/**
 * Programs, ports and folders for the tests, the demo and the bench. Independent of the test framework (see vitest.ts).
 *
 * Three mechanisms make sure that nothing is left behind: {@link stopAll} normally; an `exit` listener for a process
 * that ends without it; and the kernel's parent-death signal (setpriv, util-linux) for one that is killed.
 */

export const repositoryRoot = fileURLToPath(new URL('../../', import.meta.url));

// ── what is undone at the end ────────────────────────────────────────────────────────────────────────────────────

const undos = new Set<() => Promise<void> | void>();

/** Registers something that {@link stopAll} undoes (last in, first out). Returns how to unregister it. */
export function atEnd(undo: () => Promise<void> | void): () => void {
  undos.add(undo);
  return () => void undos.delete(undo);
}

/** Undoes everything that was started here, in reverse order. Runs every undo, then throws the first failure. */
export async function stopAll(): Promise<void> {
  const failures: unknown[] = [];
  for (const undo of [...undos].reverse()) {
    undos.delete(undo);
    try {
      await undo();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** A new empty folder, removed by {@link stopAll}. */
export async function temporaryFolder(name = 'test'): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `certfleet-${name}-`));
  folders.add(folder);
  atEnd(() => removeFolder(folder));
  tidyOnExit();
  return folder;
}

const folders = new Set<string>();
const removeFolder = async (folder: string): Promise<void> => {
  await rm(folder, { recursive: true, force: true });
  folders.delete(folder);
};

// ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────

export interface UntilOptions {
  /** What to wait for, for the message. */
  readonly what: string;
  /** Default 10 s, which only guards against a hang. */
  readonly deadlineMs?: number;
  /** Between two checks; default 10 ms. */
  readonly everyMs?: number;
}

/** Calls until the result is neither false nor undefined, and returns it. Throws errors of the condition. */
export async function until<T>(
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  options: UntilOptions,
): Promise<T> {
  const deadlineMs = options.deadlineMs ?? 30_000;
  const end = performance.now() + deadlineMs;
  for (;;) {
    const answer = await condition();
    if (answer !== false && answer !== undefined) return answer;
    if (performance.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${options.what}`);
    await wait(options.everyMs ?? 10);
  }
}

/** Whether a TCP port accepts connections. */
export function portAccepts(port: number, host = '127.0.0.1'): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect({ port, host });
    const done = (accepted: boolean) => {
      socket.destroy();
      answer(accepted);
    };
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.setTimeout(1000, () => done(false));
  });
}

// ── ports ────────────────────────────────────────────────────────────────────────────────────────────────────────

// Below the kernel's ephemeral range (32768), so that no outgoing connection takes the port between this check and the
// server's bind. A process takes its ports from blocks that it alone has: while it lives, it listens on the first port of
// each. So a port that is kept for later, such as a responder's, cannot go to a server of another process.
const [lowestPort, blocks, blockSize] = [11_000, 210, 100];
const unused: number[] = [];
let claiming: Promise<void> | undefined;

/** A free port of 127.0.0.1, never the same twice in a process. `udp`: free for UDP as well. */
export async function freePort(options: { readonly udp?: boolean } = {}): Promise<number> {
  for (;;) {
    const port = unused.pop();
    if (port === undefined) {
      claiming ??= claimBlock().finally(() => {
        claiming = undefined;
      });
      await claiming;
    } else if ((await tcpIsFree(port)) && (!options.udp || (await udpIsFree(port)))) return port;
  }
}

async function claimBlock(): Promise<void> {
  const start = Math.floor(Math.random() * blocks);
  for (let n = 0; n < blocks; n++) {
    const first = lowestPort + ((start + n) % blocks) * blockSize;
    const claim = createServer((socket) => socket.destroy());
    const isOurs = await new Promise<boolean>((answer) => {
      claim.once('error', () => answer(false));
      claim.listen({ port: first, host: '127.0.0.1', exclusive: true }, () => answer(true));
    });
    if (!isOurs) continue;
    claim.unref();
    for (let port = first + 1; port < first + blockSize; port++) unused.push(port);
    return;
  }
  throw new Error('other processes have all blocks of ports');
}

const tcpIsFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const server = createServer();
    server.once('error', () => answer(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => answer(true)));
  });

const udpIsFree = (port: number): Promise<boolean> =>
  new Promise((answer) => {
    const socket = createSocket('udp4');
    socket.once('error', () => answer(false));
    socket.bind({ port, address: '127.0.0.1', exclusive: true }, () => socket.close(() => answer(true)));
  });

// ── programs ─────────────────────────────────────────────────────────────────────────────────────────────────────

/** The folder with programs that Debian lacks; `CERTFLEET_SHARED` names another one. */
export const sharedFolder = (): string => resolve(process.env.CERTFLEET_SHARED ?? join(repositoryRoot, '../shared'));

/**
 * The path of a program, or undefined if it is not found. `shared` looks only in `<shared>/bin` (unpacked into
 * `.cache/bin` of the repository), `system` only on PATH and in the sbin folders, which users and cron lack.
 */
export function findProgram(name: string, where: 'any' | 'shared' | 'system' = 'any'): string | undefined {
  const shared = where === 'system' ? undefined : findShared(name);
  return shared ?? (where === 'shared' ? undefined : findOnPath(name));
}

function findShared(name: string): string | undefined {
  const bin = join(sharedFolder(), 'bin');
  if (!isFile(join(bin, `${name}.xz`), constants.R_OK)) return undefined;
  const folder = join(repositoryRoot, '.cache/bin');
  execFileSync(join(bin, 'unpack'), [folder, name], { stdio: 'pipe' });
  return join(folder, name);
}

function findOnPath(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((path) => isFile(path, constants.X_OK));
}

function isFile(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}

/** The environment of a program under cron: only PATH, and the tests' own default paths. */
export const bareEnvironment = (): Readonly<Record<string, string>> => {
  const { PATH = '', CERTFLEET_ROOT, CERTFLEET_CODE_CACHE } = process.env;
  if (CERTFLEET_ROOT === undefined)
    throw new Error('without CERTFLEET_ROOT the program would read the certfleet of this machine');
  return { PATH, CERTFLEET_ROOT, ...(CERTFLEET_CODE_CACHE === undefined ? {} : { CERTFLEET_CODE_CACHE }) };
};

/**
 * The command that runs Node as another user; needs root. Node 20 with a libuv that may use io_uring, as Debian's, refuses
 * `setuid` and its like in every process (CVE-2024-22017), so setpriv makes the change. It starts Node by a file that
 * root has opened, since Node may be in a folder of root. What Node is to read must be readable for the user.
 */
export const nodeAs = (uid: number, args: readonly string[]): readonly [string, ...string[]] => [
  'sh',
  '-c',
  `exec 3< "$0"; exec setpriv --reuid ${uid} --regid ${uid} --clear-groups --pdeathsig KILL -- /proc/self/fd/3 "$@"`,
  ...[process.execPath, ...args],
];

// ── services ─────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ServiceOptions {
  /** For messages. */
  readonly name: string;
  readonly program: string;
  readonly args?: readonly string[];
  /** Added to this process's environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Called until true; then the service counts as started. */
  readonly ready?: () => Promise<boolean> | boolean;
  readonly deadlineMs?: number;
  /** The service continues when this process ends (`npm run demo -- --keep`); the caller must end it by its pid. */
  readonly outlives?: boolean;
}

export interface Service {
  readonly name: string;
  readonly pid: number;
  /** Everything that it wrote so far on stdout and stderr. */
  log(): string;
  /** The file behind {@link log}. */
  readonly logFile: string;
  readonly running: boolean;
  /** Resolves when it has ended. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** SIGSTOP, SIGCONT, SIGHUP, SIGKILL… to this process only. */
  signal(name: NodeJS.Signals): void;
  /** SIGTERM, after `graceMs` (2 s) SIGKILL; resolves when it is gone. */
  stop(graceMs?: number): Promise<void>;
}

const alive = new Set<ChildProcess>();

/** SIGKILL to the service and its forked workers: it leads a process group. */
function killGroup(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch {
    // ended meanwhile
  }
}

let watchesExit = false;
function tidyOnExit(): void {
  if (watchesExit) return;
  watchesExit = true;
  process.on('exit', () => {
    for (const child of alive) killGroup(child);
    for (const folder of folders) rmSync(folder, { recursive: true, force: true });
  });
}

// Looked up once. Debian always has it; elsewhere the other two mechanisms remain.
const setpriv = findOnPath('setpriv');

/** Starts a server program and waits until it is ready; if it ends before, fails at once with its log. */
export async function startService(options: ServiceOptions): Promise<Service> {
  const folder = await mkdtemp(join(tmpdir(), 'certfleet-log-'));
  const logFile = join(folder, `${options.name}.log`);
  const output = openSync(logFile, 'a', 0o600);
  const env = { ...process.env, ...options.env };
  // Its own group, so that Ctrl-C at the terminal reaches only this process, which stops it in order. setpriv replaces
  // itself by the program, so the pid is the program's.
  const guarded = setpriv !== undefined && options.outlives !== true;
  const [program, args] = guarded
    ? [setpriv, ['--pdeathsig', 'KILL', '--', options.program, ...(options.args ?? [])]]
    : [options.program, [...(options.args ?? [])]];
  const child = spawn(program, args, {
    env,
    detached: true,
    stdio: ['ignore', output, output],
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  closeSync(output);
  let lastLog: string | undefined;
  const log = () => lastLog ?? readFileSync(logFile, 'utf8');
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((answer) => {
    child.once('exit', (code, signal) => answer({ code, signal }));
    child.once('error', () => answer({ code: null, signal: null }));
  });
  const started = new Promise<void>((answer, reject) => {
    child.once('spawn', () => answer());
    child.once('error', reject);
  });
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null;

  if (options.outlives) child.unref();
  else {
    alive.add(child);
    folders.add(folder);
    tidyOnExit();
  }

  const stop = async (graceMs = 2000): Promise<void> => {
    forget();
    if (isRunning()) {
      child.kill('SIGTERM');
      child.kill('SIGCONT'); // a stopped process receives SIGTERM only then
      const timer = setTimeout(() => killGroup(child), graceMs);
      await ended;
      clearTimeout(timer);
    }
    alive.delete(child);
    if (options.outlives) return;
    lastLog ??= existsSync(logFile) ? log() : ''; // keep the log of a service that is gone
    await removeFolder(folder);
  };
  const forget = options.outlives ? () => {} : atEnd(() => stop());

  try {
    await started;
    const { ready } = options;
    if (ready) {
      await until(
        async () => {
          if (!isRunning()) throw new Error(`${options.name} ended before it was ready`);
          return ready();
        },
        { what: `${options.name} is ready`, deadlineMs: options.deadlineMs ?? 20_000 },
      );
    }
  } catch (error) {
    const text = log();
    await stop(0);
    throw new Error(`${options.name} (${options.program}) did not start: ${(error as Error).message}\n${text}`);
  }
  return {
    name: options.name,
    pid: child.pid!,
    log,
    logFile,
    get running() {
      return isRunning();
    },
    ended,
    signal: (name) => void child.kill(name),
    stop,
  };
}
