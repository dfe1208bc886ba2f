import { spawn } from 'node:child_process';
import { cp, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { type AcmeProxy, startAcmeProxy } from '../support/acme-proxy.ts';
import { type Bind, startBind } from '../support/bind.ts';
import { builtProgram, builtRunner } from '../support/built.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { isLong, sampled, seed } from '../support/seeded.ts';
import { atEnd, temporaryFolder } from '../support/service.ts';
import type { RunnerRequest } from './runner.ts';
import { inFolders, type StatePlace, type StoreSettings } from './stores.ts';

/** The output and effects of one run of the traced program. */
export interface Ran {
  readonly status: number | string;
  readonly stdout: string;
  readonly stderr: string;
  /** Its JSON answer, if it printed one. */
  readonly answer: { readonly result?: unknown; readonly error?: string } | undefined;
}

export interface Running {
  readonly pid: number;
  readonly done: Promise<Ran>;
  /** What it has written to stderr so far: its events. */
  said(): string;
}

export interface Rig {
  readonly pebble: Pebble;
  readonly proxy: AcmeProxy;
  readonly bind: Bind;
  readonly webroot: string;
  /** A new state: store, deployment folder, configuration; a copy of `from` if given. */
  state(solver: SolverName, from?: State, options?: StateOptions): Promise<State>;
  run(state: State, request: Omit<RunnerRequest, 'config' | 'folders'>): Promise<Ran>;
  /** `before`: a program and arguments in front (strace); then the pid is that program's. */
  spawnRun(state: State, request: Omit<RunnerRequest, 'config' | 'folders'>, before?: readonly string[]): Running;
  /** The real command line. */
  cli(state: State, ...args: readonly string[]): Running;
}

/** `both`: the name over HTTP-01, and its wildcard over DNS-01. */
export type SolverName = 'webroot' | 'dns' | 'responder' | 'command' | 'both';

/** A state's configuration file; tests change parts of it. */
export interface RigConfig {
  readonly store: StoreSettings;
  readonly solvers: Readonly<Record<string, object>>;
  readonly deployers: { readonly files: { readonly type: 'files'; readonly path: string } };
  readonly certificates: readonly {
    readonly name: string;
    readonly identifiers: readonly (string | { readonly name: string; readonly solver: string })[];
    readonly issuer: string;
    readonly solver: string;
    readonly deploy: readonly string[];
  }[];
  readonly [other: string]: unknown;
}

export interface StateOptions {
  /** Uses the store and the deployment folder of this one, as another node of the same cluster. */
  readonly shares?: State;
  /** Where its store is, if not in its folder. */
  readonly stores?: StatePlace;
  readonly change?: (config: RigConfig) => RigConfig;
}

export interface State {
  readonly folder: string;
  readonly place: StoreSettings;
  /** The folder of the store, if it is in one. */
  readonly store: string;
  readonly live: string;
  readonly config: string;
  readonly solver: SolverName;
}

export interface RigOptions {
  readonly leaseTtl?: string;
  readonly pebble?: Parameters<typeof startPebble>[0];
  /** The responder's port, if something else (a load balancer) has the CA's port. */
  readonly httpPort?: number;
}

/** Real parts for the crash tests: Pebble behind the fault proxy, BIND, a web server on the CA's HTTP-01 port. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const bind = await startBind({
    zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', '* A 127.0.0.1', 'abc A 127.0.0.1'] }],
  });
  const pebble = await startPebble({ dnsServer: bind.server, ...options.pebble });
  const proxy = await startAcmeProxy({ directoryUrl: pebble.directoryUrl, caFile: pebble.caFile });
  const webroot = await temporaryFolder('webroot');
  if (options.httpPort === undefined) await serveFolder(webroot, pebble.httpPort);
  const secretFile = join(await temporaryFolder('secret'), 'tsig');
  await writeFile(secretFile, bind.key.secret, { mode: 0o600 });

  const solvers = {
    webroot: { type: 'http01-webroot', folders: [webroot] },
    responder: { type: 'http01-responder', listen: `127.0.0.1:${options.httpPort ?? pebble.httpPort}` },
    dns: {
      type: 'dns01',
      provider: 'rfc2136',
      options: { server: bind.server, keyName: bind.key.name, secret: `file:${secretFile}` },
      dns: { zone: 'example.test', nameservers: [bind.server] },
    },
    command: { type: 'command', ...(await writeHooks(bind)) },
  };
  const identifiers = {
    webroot: ['abc.example.test'],
    responder: ['abc.example.test'],
    dns: ['example.test', '*.example.test'],
    command: ['example.test', '*.example.test'],
    both: ['example.test', { name: '*.example.test', solver: 'dns' }],
  };

  const launch = (state: State, request: Omit<RunnerRequest, 'config' | 'folders'>, before: readonly string[] = []) => {
    const whole: RunnerRequest = {
      ...request,
      config: state.config,
      folders: { store: state.store, live: state.live, webroot },
    };
    return start([...before, process.execPath, builtRunner(), JSON.stringify(whole)]);
  };

  return {
    pebble,
    proxy,
    bind,
    webroot,
    async state(solver, from, { shares, stores = inFolders, change } = {}) {
      const folder = await temporaryFolder('state');
      const state: State = {
        folder,
        solver,
        place: shares?.place ?? (await stores.make(folder, from?.place)),
        store: shares?.store ?? join(folder, 'store'),
        live: shares?.live ?? join(folder, 'live-root'),
        config: join(folder, 'certfleet.yaml'),
      };
      await mkdir(state.live, { recursive: true });
      if (from) await cp(from.live, state.live, { recursive: true, verbatimSymlinks: true });
      const config: RigConfig = {
        store: state.place,
        issuers: { pebble: { directory: proxy.directoryUrl, caFile: proxy.caFile, agreeToTerms: true, test: true } },
        solvers: solver === 'both' ? { solve: solvers.webroot, dns: solvers.dns } : { solve: solvers[solver] },
        deployers: { files: { type: 'files', path: state.live } },
        certificates: [
          { name: 'abc', identifiers: identifiers[solver], issuer: 'pebble', solver: 'solve', deploy: ['files'] },
        ],
        preflight: { resolvers: [bind.server], http01Port: pebble.httpPort },
        leaseTtl: options.leaseTtl ?? '60s',
      };
      // JSON is YAML.
      await writeFile(state.config, JSON.stringify(change?.(config) ?? config, undefined, 2));
      return state;
    },
    run: (state, request) => launch(state, request).done,
    spawnRun: launch,
    cli: (state, ...args) => start([process.execPath, builtProgram(), ...args, '--config', state.config]),
  };
}

/** Starts a program whose last line on stdout may be a JSON answer. */
function start(command: readonly string[]): Running {
  const [program, ...args] = command;
  const child = spawn(program as string, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const chunks = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (chunks.stdout += data));
  child.stderr.on('data', (data) => (chunks.stderr += data));
  const forget = atEnd(() => void child.kill('SIGKILL'));
  const done = new Promise<Ran>((answer) => {
    child.on('close', (code, signal) => {
      forget();
      const line = chunks.stdout.trim().split('\n').at(-1) ?? '';
      let parsed: Ran['answer'];
      try {
        parsed = JSON.parse(line) as Ran['answer'];
      } catch {
        parsed = undefined;
      }
      answer({ status: code ?? signal ?? 'unknown', ...chunks, answer: parsed });
    });
  });
  return { pid: child.pid as number, done, said: () => chunks.stderr };
}

/** A plain web server for challenge files, as nginx would serve the webroot. */
async function serveFolder(folder: string, port: number): Promise<void> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    readFile(join(folder, path))
      .then((body) => response.end(body))
      .catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((listening) => server.listen(port, '127.0.0.1', listening));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
}

/**
 * Hooks as people write them for certbot: they add or remove a TXT value with nsupdate. The one that adds waits first,
 * so that it still runs when its certfleet is killed.
 */
async function writeHooks(bind: Bind): Promise<{ readonly present: string; readonly cleanup: string }> {
  const folder = await temporaryFolder('hooks');
  const [host, port] = bind.server.split(':');
  const update = (what: string) =>
    `printf 'server ${host} ${port}\\nzone example.test.\\nupdate ${what} %s. 60 TXT "%s"\\nsend\\n' "$CERTFLEET_RECORD" "$CERTBOT_VALIDATION" | nsupdate -k ${bind.keyFile}\n`;
  const [present, cleanup] = [join(folder, hookName), join(folder, 'remove.sh')];
  await writeFile(present, `#!/bin/sh\nsleep 0.4\n${update('add')}`, { mode: 0o755 });
  await writeFile(cleanup, `#!/bin/sh\n${update('delete').replace(' 60 TXT', ' TXT')}`, { mode: 0o755 });
  return { present, cleanup };
}

/** Part of the command line of every hook that adds a value. */
export const hookName = 'add-txt-hook.sh';

/** Every file below the challenge folder of the webroot. */
export const challengeFiles = (rig: Rig): Promise<readonly string[]> =>
  readdir(join(rig.webroot, '.well-known/acme-challenge')).catch(() => []);

// ── samples ──

/** Time limit of a test with many points, in ms: a guard against a hang. All points at 2 s each take half an hour. */
export const pointsTimeout = isLong ? 7_200_000 : 180_000;

/**
 * A sample of the points, in which no step is left out; the same for the same seed. In the long run, all points.
 */
export function samplePoints(points: readonly string[], count: number, title: string): readonly string[] {
  if (!isLong && points.length > count)
    process.stderr.write(`${title}: ${count} of ${points.length} points, CERTFLEET_SEED=${seed}\n`);
  return sampled(points, count, title);
}

/** Whether an effect may be missing in a run: the folder may be there, or not, or the CA may be polled less often. */
export const comesByChance = (point: string): boolean =>
  /\/(mkdir|draft)\/store\//.test(point) || /\/(mkdir|rmdir)\/webroot\//.test(point) || /#([2-9]|\d\d+)@/.test(point);

/** The points before and after each effect, and while a statement is on its way to the database. */
export const pointsAt = (names: readonly string[]): readonly string[] =>
  names.flatMap((name) =>
    /^\w+\/(write|delete|execute)\//.test(name)
      ? [`${name}@before`, `${name}@sent`, `${name}@after`]
      : [`${name}@before`, `${name}@after`],
  );

/** The names of the effects that an undisturbed run recorded, in order. */
export async function recordedNames(file: string): Promise<readonly string[]> {
  return (await readFile(file, 'utf8'))
    .split('\n')
    .filter((line) => line.startsWith('before '))
    .map((line) => line.slice('before '.length));
}

/** How many lanes a file has. One is enough for a sample: a CA of its own takes longer to start than a point to test. */
export const lanesFor = (many: number): number => (isLong ? many : 1);

/**
 * Runs all with one worker per lane, each with its own rig. A lane ends with its first failure, because its world is no
 * longer clean; the others continue, and every failure is reported.
 */
export async function inLanes<L, T>(
  lanes: readonly L[],
  all: readonly T[],
  work: (lane: L, one: T) => Promise<void>,
): Promise<void> {
  const left = [...all];
  const failures: unknown[] = [];
  await Promise.all(
    lanes
      .map(async (lane) => {
        for (let one = left.shift(); one !== undefined; one = left.shift()) await work(lane, one);
      })
      .map((done) => done.catch((error: unknown) => failures.push(error))),
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new Error(failures.map((error) => (error as Error).message).join('\n\n'));
}
