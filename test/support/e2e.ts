import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { encodeDocument, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Kind, Store } from '../../src/ports/store.ts';
import fileStore from '../../src/stores/file.ts';
import { type Bind, type BindOptions, startBind } from './bind.ts';
import { builtClock, builtProgram, clockVariable } from './built.ts';
import { type Haproxy, startHaproxy } from './haproxy.ts';
import { ask } from './https.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { atEnd, bareEnvironment, freePort, temporaryFolder } from './service.ts';
import { storeWorld } from './store-world.ts';

/** The built command line as a user runs it, with real parts: Pebble, BIND, HAProxy, a configuration file. */

// ── the command line ─────────────────────────────────────────────────────────────────────────────────────────────

/** What one command printed and how it ended. */
export interface Ran {
  /** The exit code, or the signal that ended it. */
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** The events of `--json`; none without it. */
  readonly events: readonly Event[];
}

export interface RunOptions {
  /** The whole environment besides PATH, as in cron. */
  readonly env?: Readonly<Record<string, string>>;
  /** Arguments of node itself, before the program. */
  readonly node?: readonly string[];
  /** The clock that the program reads, if not the machine's. */
  readonly clock?: MovedClock;
  /** As a login shell would set it; default: this process's. */
  readonly umask?: string;
  /** Typed on a terminal (util-linux's `script`); then all output is in `stdout`. */
  readonly terminal?: { readonly script: string; readonly typed: string };
  /** Gets all output so far, whenever there is more. */
  readonly seen?: (output: string) => void;
  /** It gets a SIGKILL when this resolves. */
  readonly killWhen?: Promise<unknown>;
  /** The signal that it gets then, if not SIGKILL. */
  readonly killWith?: NodeJS.Signals;
  /** A prefix that runs the command elsewhere (in a namespace). */
  readonly inside?: readonly string[];
}

export type Certfleet = (args: readonly string[], options?: RunOptions) => Promise<Ran>;

/** How to run the program that was built for this run of the tests. */
export async function buildCertfleet(): Promise<Certfleet> {
  const program = builtProgram();
  return (args, options = {}) =>
    run(
      [...(options.node ?? []), ...(options.clock ? ['--require', builtClock()] : []), program, ...args],
      args,
      options,
    );
}

function run(argv: readonly string[], args: readonly string[], options: RunOptions): Promise<Ran> {
  const { env, umask, inside = [], terminal, clock } = options;
  const shell = umask ? ['/bin/sh', '-c', `umask ${umask}; exec "$@"`, 'sh'] : [];
  const command = [...inside, ...shell, process.execPath, ...argv];
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ');
  const [program, ...more] = terminal ? [terminal.script, '-qec', quoted, '/dev/null'] : command;
  // Its own session, without a terminal, as under cron.
  const child = spawn(program as string, more, {
    env: { ...bareEnvironment(), ...(clock && { [clockVariable]: clock.offsetFile }), ...env },
    stdio: [terminal ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    detached: true,
  });
  child.stdin?.end(terminal?.typed);
  const forget = atEnd(() => void child.kill('SIGKILL'));
  void options.killWhen?.then(() => child.kill(options.killWith ?? 'SIGKILL'));
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => {
    stdout += data;
    options.seen?.(stdout);
  });
  child.stderr?.on('data', (data) => (stderr += data));
  return new Promise((answer, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => {
      forget();
      const lines = args.includes('--json') ? stdout.trim().split('\n').filter(Boolean) : [];
      answer({ status: code ?? signal ?? '', stdout, stderr, events: lines.map((line) => JSON.parse(line) as Event) });
    });
  });
}

/** Fails with all output unless the command ended with 0. */
export function succeeded(ran: Ran): void {
  if (ran.status !== 0) throw new Error(`it ended with ${ran.status}:\n${ran.stdout}${ran.stderr}`);
}

/** What went to stderr, on one line: messages are wrapped to the width of a terminal. */
export const stderrOf = (ran: Ran): string => ran.stderr.replaceAll(/\s+/g, ' ');

/** The outcomes in `run.finished`. */
export function outcomesOf(ran: Ran): readonly Record<string, unknown>[] {
  const finished = ran.events.find(({ event }) => event === 'run.finished');
  return (finished?.data?.['outcomes'] ?? []) as readonly Record<string, unknown>[];
}

// ── the bench ────────────────────────────────────────────────────────────────────────────────────────────────────

/** The parts of `certfleet.yaml` that tests change. */
export interface Configuration {
  readonly solvers: Readonly<Record<string, object>>;
  readonly deployers: Readonly<Record<string, object>>;
  readonly certificates: readonly CertificateConfiguration[];
  readonly [other: string]: unknown;
}

export interface CertificateConfiguration {
  readonly name: string;
  readonly identifiers: readonly (string | { readonly name: string; readonly solver: string })[];
  readonly solver: string;
  readonly deploy: readonly string[];
  readonly endpoints?: readonly string[];
}

export interface Bench {
  readonly certfleet: Certfleet;
  readonly pebble: Pebble;
  readonly bind: Bind;
  /** On the CA's HTTP-01 port, with the responder behind it; its `crt` folder is `certificates`. */
  readonly haproxy: Haproxy;
  readonly certificates: string;
  /** Where the responder listens, behind HAProxy. */
  readonly responder: string;
  readonly secretFile: string;
  home(change?: (configuration: Configuration) => Configuration): Promise<Home>;
  /** A page over HTTPS on a port of this machine, the chain verified against the root of Pebble's certificates. */
  fetch(host: string, port: number): ReturnType<typeof ask>;
}

/** A test's own store and configuration. */
export interface Home {
  readonly folder: string;
  readonly store: string;
  readonly config: string;
  /** `files` deployer's root. */
  readonly files: string;
  /** Runs a command with this configuration. */
  certfleet: Certfleet;
  /** Writes the configuration again, with a change of the original one. */
  configure(change: (configuration: Configuration) => Configuration): Promise<void>;
}

export interface BenchOptions {
  readonly bind?: BindOptions;
  readonly pebble?: PebbleOptions;
  /** Lines at the beginning of HAProxy's HTTP frontend. */
  readonly frontend?: readonly string[];
}

/**
 * Two certificates: `abc` for abc.example.test over HTTP-01, answered by the responder behind HAProxy, and `wildcard`
 * for example.test and *.example.test over DNS-01; both go to HAProxy over its admin socket.
 */
export async function startBench(options: BenchOptions = {}): Promise<Bench> {
  const records = ['@ A 127.0.0.1', '* A 127.0.0.1', 'abc A 127.0.0.1'];
  const [certfleet, bind, folder, responderPort] = await Promise.all([
    buildCertfleet(),
    startBind(options.bind ?? { zones: [{ name: 'example.test', records }] }),
    temporaryFolder('e2e'),
    freePort(),
  ]);
  const [certificates, secretFile, rootFile] = [
    join(folder, 'haproxy'),
    join(folder, 'tsig'),
    join(folder, 'root.pem'),
  ];
  const responder = `127.0.0.1:${responderPort}`;
  const haproxy = await startHaproxy({
    ...{ certificates, challengeBackends: [responder] },
    frontend: options.frontend ?? [],
  });
  const pebble = await startPebble({ dnsServer: bind.server, httpPort: haproxy.httpPort, ...options.pebble });
  await writeFile(secretFile, bind.key.secret, { mode: 0o600 });
  await writeFile(rootFile, await pebble.roots());

  const standard = (store: string, files: string): Configuration => ({
    store: { type: 'file', path: store },
    issuers: { pebble: { directory: pebble.directoryUrl, caFile: pebble.caFile, agreeToTerms: true, test: true } },
    solvers: {
      web: { type: 'http01-responder', listen: responder },
      dns: {
        type: 'dns01',
        provider: 'rfc2136',
        options: { server: bind.server, keyName: bind.key.name, secret: `file:${secretFile}` },
        dns: { zone: 'example.test', nameservers: [bind.server] },
      },
    },
    deployers: {
      edge: { type: 'haproxy', socket: haproxy.socket, certificates },
      files: { type: 'files', path: files },
    },
    certificates: [
      {
        name: 'abc',
        identifiers: ['abc.example.test'],
        solver: 'web',
        deploy: ['edge'],
        endpoints: [`abc.example.test:${haproxy.httpsPort}`],
      },
      {
        name: 'wildcard',
        identifiers: ['example.test', '*.example.test'],
        solver: 'dns',
        deploy: ['edge'],
        endpoints: [`www.example.test:${haproxy.httpsPort}`],
      },
    ],
    preflight: { resolvers: [bind.server], http01Port: haproxy.httpPort },
    // Also how long a run watches an endpoint; a reload of nginx takes about 0.2 s.
    deployTimeout: '1s',
  });

  return {
    certfleet,
    pebble,
    bind,
    haproxy,
    certificates,
    responder,
    secretFile,
    fetch: (host, port) =>
      ask(`https://${host}:${port}/`, { caFile: rootFile, connectTo: { address: '127.0.0.1', port } }),
    async home(change = (configuration) => configuration) {
      const own = await temporaryFolder('home');
      const [store, files, config] = [join(own, 'store'), join(own, 'files'), join(own, 'certfleet.yaml')];
      await mkdir(files);
      // JSON is YAML.
      const configure: Home['configure'] = (how) =>
        writeFile(config, JSON.stringify(how(change(standard(store, files))), undefined, 2));
      await configure((configuration) => configuration);
      return {
        folder: own,
        store,
        config,
        files,
        configure,
        certfleet: (args, options) => certfleet([...args, '--config', config], options),
      };
    },
  };
}

/** Changes one certificate of a configuration. */
export const changeCertificate =
  (name: string, change: Partial<CertificateConfiguration>) =>
  (configuration: Configuration): Configuration => ({
    ...configuration,
    certificates: configuration.certificates.map((one) => (one.name === name ? { ...one, ...change } : one)),
  });

/** Without the others. */
export const onlyCertificate =
  (name: string) =>
  (configuration: Configuration): Configuration => ({
    ...configuration,
    certificates: configuration.certificates.filter((one) => one.name === name),
  });

// ── a store from outside ─────────────────────────────────────────────────────────────────────────────────────────

const { signal } = new AbortController();

/** The store, opened beside the processes that work on it. */
export const openStore = (path: string): Store =>
  fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });

/** Every document of a kind, by name, as text. */
export async function documents(store: string, kind: Kind): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const page of openStore(store).scan(kind, signal))
    for (const { key, bytes } of page) found.set(key.name, Buffer.from(bytes).toString('utf8'));
  return found;
}

export async function readLineage(store: string, name: string): Promise<Lineage> {
  const text = (await documents(store, 'lineage')).get(name);
  if (text === undefined) throw new Error(`there is no lineage ${name}`);
  return JSON.parse(text) as Lineage;
}

/** Changes a lineage's past. */
export async function rewriteLineage(path: string, name: string, change: (lineage: Lineage) => Lineage): Promise<void> {
  const store = openStore(path);
  const key = { kind: 'lineage', name } as const;
  const entry = await store.get(key, signal);
  if (!entry) throw new Error(`there is no lineage ${name}`);
  const lineage = JSON.parse(Buffer.from(entry.bytes).toString('utf8')) as Lineage;
  await store.put(key, encodeDocument(change(lineage)), { ifRevision: entry.revision, signal });
}

/** Every file below a folder with its content, without sockets and links. */
export async function filesBelow(folder: string): Promise<ReadonlyMap<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(await Promise.all(files.map(async (file) => [file, await readFile(file)] as const)));
}

// ── a clock that is moved ────────────────────────────────────────────────────────────────────────────────────────

export interface MovedClock {
  /** How many ms the program's clock is ahead of the machine's. */
  readonly offsetFile: string;
  /** For a simulated CA in the test's own process, whose Date header must agree. */
  now(): Date;
  passTo(instant: string): Promise<void>;
  /** Back to the machine's own time. */
  reset(): Promise<void>;
}

/**
 * Moves the clock forward for node's `Date` only; timers, TLS and HAProxy keep the real time. faketime would move more,
 * and break HTTPS: the test certificates are valid for two days.
 */
export async function movedClock(): Promise<MovedClock> {
  const offsetFile = join(await temporaryFolder('clock'), 'offset');
  const set = (ms: number) => writeFile(offsetFile, String(ms));
  await set(0);
  const now = () => new Date(Date.now() + Number(readFileSync(offsetFile, 'utf8')));
  return {
    offsetFile,
    now,
    // One second later, as cron's minute would be.
    passTo: (instant) => set(Date.parse(instant) - Date.now() + 1000),
    reset: () => set(0),
  };
}
