import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { errorTable, exitCodes } from '../../src/core/errors/error-table.ts';
import type { CertfleetError } from '../../src/core/errors/errors.ts';
import { decodeLineage, type Lineage } from '../../src/core/lineage/lineage.ts';
import type { Event } from '../../src/core/plan/event.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { AdapterSettings, CertificateSpec, Settings } from '../../src/core/spec/spec.ts';
import { namedAdapters } from '../../src/core/spec/spec-parts.ts';
import { type Fleet, type LineageStatus, openFleet } from '../../src/fleet.ts';
import { createWorld } from '../../src/lib/world.ts';
import type { Kind } from '../../src/ports/store.ts';
import type { World } from '../../src/ports/world.ts';
import fileStore from '../../src/stores/file.ts';
import { type AcmeCa, type AcmeCaOptions, startAcmeCa } from './acme-ca.ts';
import { type AcmeProxy, startAcmeProxy } from './acme-proxy.ts';
import { type Bind, type BindOptions, startBind } from './bind.ts';
import { type Pebble, type PebbleOptions, startPebble } from './pebble.ts';
import { atEnd, freePort, temporaryFolder } from './service.ts';
import { storeWorld } from './store-world.ts';

/**
 * The whole program in this process, as `openFleet` makes it, with real parts: a CA behind the fault proxy, BIND, a web
 * server on the CA's HTTP-01 port, a file store. Every command opens its own fleet, as every start of the program does,
 * so it knows only what the store contains.
 */
export interface FleetBench {
  readonly proxy: AcmeProxy;
  readonly bind: Bind;
  readonly webroot: string;
  readonly httpPort: number;
  readonly pebble: Pebble | undefined;
  /** The web server's answer; undefined to serve files. */
  web: { answer: WebAnswer | undefined };
  readonly clock: ShiftedClock;
  /** A test's own store, deployment folder and configuration. */
  home(options?: HomeOptions): Promise<Home>;
  /** The files in the web server's challenge folder. */
  challengeFiles(): Promise<readonly string[]>;
}

export interface SimulatedFleetBench extends FleetBench {
  readonly ca: AcmeCa;
}

export interface WebAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * The machine's time plus an offset that the test sets, for the program and the simulated CA. BIND has the real time,
 * so it refuses signed updates (BADTIME) once the offset is more than minutes.
 */
export interface ShiftedClock {
  now(): Date;
  shift(ms: number): void;
  /** Moves the clock forward to a time, if that is later. */
  passTo(instant: string): void;
}

export interface HomeOptions {
  readonly solver?: 'webroot' | 'dns' | AdapterSettings;
  /** By name; by default one certificate `abc` for a name of its own. */
  readonly certificates?: Readonly<Record<string, readonly string[]>>;
  readonly profile?: string;
  /** The CA's directory instead of the bench's. */
  readonly directory?: string;
  readonly caFile?: string;
  readonly world?: (world: World) => World;
  /** The time limit of requests to the CA, instead of 30 s. */
  readonly requestTimeoutMs?: number;
}

export interface Home {
  readonly store: string;
  readonly live: string;
  /** The identifiers of the first certificate. */
  readonly names: readonly string[];
  /** Everything that was reported since the home was made. */
  readonly events: readonly Event[];
  settings: Settings;
  issue(options?: IssueOptions & { readonly names?: readonly string[] }): Promise<readonly Outcome[]>;
  /** The outcome of the one certificate. */
  issueOne(options?: IssueOptions): Promise<Outcome>;
  renew(options?: { readonly force?: boolean }): Promise<readonly Outcome[]>;
  renewOne(options?: { readonly force?: boolean }): Promise<Outcome>;
  status(): Promise<readonly LineageStatus[]>;
  lineage(name?: string): Promise<Lineage>;
  /** Names of all documents of a kind. */
  documents(kind: Kind): Promise<readonly string[]>;
  document(kind: Kind, name: string): Promise<Record<string, unknown>>;
  /** One fleet for several calls; the caller closes it. */
  open(): Promise<Fleet>;
}

interface IssueOptions {
  readonly force?: boolean;
  readonly ignorePreflight?: boolean;
}

export interface FleetBenchOptions {
  readonly bind?: BindOptions;
  /** Lines of the zone `example.test` besides the apex, instead of the wildcard to 127.0.0.1. */
  readonly records?: readonly string[];
}

/** With Pebble, whose certificates have real times: do not move the clock. */
export async function pebbleFleetBench(options: FleetBenchOptions & { readonly pebble?: PebbleOptions } = {}) {
  const bind = await startZone(options);
  const pebble = await startPebble({ dnsServer: bind.server, ...options.pebble });
  return {
    ...(await assemble({ bind, pebble, ca: pebble, httpPort: pebble.httpPort, clock: shiftedClock() })),
    pebble,
  };
}

/** With the simulated CA, which has the program's movable clock. */
export async function simulatedFleetBench(
  options: FleetBenchOptions & { readonly ca?: AcmeCaOptions } = {},
): Promise<SimulatedFleetBench> {
  const bind = await startZone(options);
  const httpPort = await freePort();
  const clock = shiftedClock();
  const ca = await startAcmeCa({
    clock,
    ...options.ca,
    settings: { httpPort, dnsServer: bind.server, ...options.ca?.settings },
  });
  return { ...(await assemble({ bind, pebble: undefined, ca, httpPort, clock })), ca };
}

const startZone = (options: FleetBenchOptions): Promise<Bind> =>
  startBind({
    zones: [{ name: 'example.test', records: ['@ A 127.0.0.1', ...(options.records ?? ['* A 127.0.0.1'])] }],
    ...options.bind,
  });

function shiftedClock(): ShiftedClock {
  let offsetMs = 0;
  return {
    now: () => new Date(Date.now() + offsetMs),
    shift(ms) {
      offsetMs += ms;
    },
    passTo(instant) {
      offsetMs = Math.max(offsetMs, Date.parse(instant) - Date.now() + 1);
    },
  };
}

async function assemble(parts: {
  readonly bind: Bind;
  readonly pebble: Pebble | undefined;
  readonly ca: { readonly directoryUrl: string; readonly caFile: string };
  readonly httpPort: number;
  readonly clock: ShiftedClock;
}): Promise<FleetBench> {
  const { bind, httpPort, clock } = parts;
  const proxy = await startAcmeProxy({ directoryUrl: parts.ca.directoryUrl, caFile: parts.ca.caFile });
  // Two folders deep, so that a test sees what is written beside and above it.
  const webroot = join(await temporaryFolder('webroot'), 'srv/www');
  await mkdir(webroot, { recursive: true });
  const web: FleetBench['web'] = { answer: undefined };
  await serveFolder(webroot, httpPort, web);
  const bench: FleetBench = {
    proxy,
    bind,
    webroot,
    httpPort,
    pebble: parts.pebble,
    web,
    clock,
    challengeFiles: () => readdir(join(webroot, '.well-known/acme-challenge')).catch(() => []),
    home: (options = {}) => makeHome(bench, options),
  };
  return bench;
}

let homes = 0;
const { signal } = new AbortController();

async function makeHome(bench: FleetBench, options: HomeOptions): Promise<Home> {
  const folder = await temporaryFolder('home');
  const [store, live] = [join(folder, 'store'), join(folder, 'live')];
  await mkdir(live);
  // Its own name, so that no authorization, pending order or TXT value of another test gets in the way.
  const certificates = options.certificates ?? { abc: [`h${++homes}.example.test`] };
  const names = Object.values(certificates)[0] ?? [];
  // DNS-01 refuses a name that exists only through the wildcard, because its TXT record would hide its address.
  if (options.solver === 'dns')
    for (const name of Object.values(certificates).flat())
      if (!name.startsWith('*.')) await bench.bind.update('example.test', `add ${name}. 60 A 127.0.0.1`);
  const events: Event[] = [];

  const home: Home = {
    store,
    live,
    names,
    events,
    settings: {
      store: { type: 'file', path: store },
      issuers: {
        ca: {
          directory: options.directory ?? bench.proxy.directoryUrl,
          caFile: options.caFile ?? bench.proxy.caFile,
          email: [],
          agreeToTerms: true,
          test: true,
        },
      },
      balancers: {},
      alarms: {},
      solvers: namedAdapters({ solve: await solverSettings(bench, folder, options.solver ?? 'webroot') }),
      deployers: namedAdapters({ files: { type: 'files', path: live } }),
      certificates: Object.entries(certificates).map(
        ([name, identifiers]): CertificateSpec => ({
          name,
          identifiers: identifiers.map((value) => ({ type: 'dns', value })),
          issuer: 'ca',
          solver: 'solve',
          deploy: ['files'],
          endpoints: [],
          ...(options.profile === undefined ? {} : { profile: options.profile }),
        }),
      ),
      preflight: { resolvers: [bench.bind.server], http01Port: bench.httpPort },
      shutdownBudgetMs: 8_000,
      leaseTtlMs: 60_000,
      deployTimeoutMs: 120_000,
      deployDeadlineMs: 300_000,
    },
    open: () => {
      const world = shiftWorld(createWorld({ env: {}, log: quiet }), bench.clock, options.requestTimeoutMs);
      const context = {
        world: options.world?.(world) ?? world,
        env: {},
        reporter: { report: (event: Event) => void events.push(event) },
      };
      return openFleet(home.settings, context);
    },
    issue: ({ names: wanted = [], ...options } = {}) =>
      during(home, (fleet) => fleet.issue({ names: wanted, force: false, staging: false, ...options }, signal)),
    issueOne: async (options = {}) => only(await home.issue(options)),
    renew: ({ force = false } = {}) => during(home, (fleet) => fleet.renew({ names: [], force }, signal)),
    renewOne: async ({ force = false } = {}) => only(await home.renew({ force })),
    status: () => during(home, (fleet) => fleet.status([], signal)),
    lineage: async (name = 'abc') => {
      const entry = await openStore(store).get({ kind: 'lineage', name }, signal);
      if (!entry) throw new Error(`there is no lineage ${name}`);
      return decodeLineage(entry.bytes, name, store);
    },
    documents: async (kind) => {
      const found: string[] = [];
      for await (const page of openStore(store).scan(kind, signal)) found.push(...page.map((entry) => entry.key.name));
      return found.sort();
    },
    document: async (kind, name) => {
      const entry = await openStore(store).get({ kind, name }, signal);
      if (!entry) throw new Error(`there is no ${kind}/${name}`);
      return JSON.parse(new TextDecoder().decode(entry.bytes)) as Record<string, unknown>;
    },
  };
  return home;
}

const quiet = { debug() {}, info() {}, warn() {} };
const openStore = (path: string) => fileStore.connect({ options: { path }, name: 'store', world: storeWorld() });

async function during<T>(home: Home, run: (fleet: Fleet) => Promise<T>): Promise<T> {
  const fleet = await home.open();
  try {
    return await run(fleet);
  } finally {
    await fleet.close();
  }
}

function only(outcomes: readonly Outcome[]): Outcome {
  const [outcome] = outcomes;
  if (!outcome || outcomes.length > 1) throw new Error(`one outcome was expected, not ${outcomes.length}`);
  return outcome;
}

function shiftWorld(world: World, clock: ShiftedClock, timeoutMs: number | undefined): World {
  return {
    ...world,
    clock: { ...world.clock, now: () => clock.now() },
    http(options) {
      const http = world.http(options);
      if (timeoutMs === undefined) return http;
      return { request: (request) => http.request({ timeoutMs, ...request }), close: () => http.close() };
    },
  };
}

async function solverSettings(
  bench: FleetBench,
  folder: string,
  solver: NonNullable<HomeOptions['solver']>,
): Promise<AdapterSettings> {
  if (typeof solver === 'object') return solver;
  if (solver === 'webroot') return { type: 'http01-webroot', folders: [bench.webroot] };
  const { bind } = bench;
  const secretFile = join(folder, 'tsig');
  await writeFile(secretFile, bind.key.secret, { mode: 0o600 });
  return {
    type: 'dns01',
    provider: 'rfc2136',
    options: { server: bind.server, keyName: bind.key.name, secret: `file:${secretFile}` },
    dns: { zone: 'example.test', nameservers: [bind.server, ...(bind.secondary ? [bind.secondary.server] : [])] },
  };
}

/** A plain web server for challenge files, as nginx would serve the webroot. */
async function serveFolder(folder: string, port: number, web: FleetBench['web']): Promise<void> {
  const server = createServer((request, response) => {
    if (web.answer) {
      response.writeHead(web.answer.status).end(web.answer.body);
      return;
    }
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname);
    readFile(join(folder, path))
      .then((body) => response.end(body))
      .catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((listening) => void server.listen(port, '127.0.0.1', listening));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
}

// ── outcomes ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** The error of an outcome that must be one. */
export function errorOf(outcome: Outcome): CertfleetError {
  if (outcome.result === 'failed' || outcome.result === 'pending') return outcome.error;
  throw new Error(`it should have failed, but is ${outcome.result}: ${outcome.message}`);
}

/** What the command line would end with. */
export function exitOf(outcome: Outcome): number {
  const { code } = errorOf(outcome);
  if (!(code in errorTable)) throw new Error(`${code} is in no table`);
  return exitCodes[code.slice(0, code.indexOf('/')) as keyof typeof exitCodes];
}
