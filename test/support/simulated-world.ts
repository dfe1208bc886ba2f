import { createIssuer } from '../../src/acme/issuer.ts';
import { digestOf } from '../../src/compose/digest.ts';
import { registeredDomain } from '../../src/config/certificates/public-suffix.ts';
import { fail } from '../../src/core/errors/errors.ts';
import { Secret } from '../../src/core/errors/secret.ts';
import { decodeLineage, encodeDocument, type Lineage, type Tombstone } from '../../src/core/lineage/lineage.ts';
import type { Outcome } from '../../src/core/plan/outcome.ts';
import type { AdapterTraits, IssuerSettings, NamedAdapter, StoredSpec } from '../../src/core/spec/spec.ts';
import type { OwnedSolver } from '../../src/core/spec/spec-parts.ts';
import { present } from '../../src/core/text/present.ts';
import type { Engine } from '../../src/engine/engine.ts';
import type { Job } from '../../src/engine/run/job.ts';
import type { Cache } from '../../src/ports/cache.ts';
import type { Deployer } from '../../src/ports/deployer.ts';
import type { Http } from '../../src/ports/http.ts';
import type { Issuer } from '../../src/ports/issuer.ts';
import type { Notifier } from '../../src/ports/notifier.ts';
import type { Pki } from '../../src/ports/pki.ts';
import type { Reporter } from '../../src/ports/reporter.ts';
import type { Solver } from '../../src/ports/solver.ts';
import type { Store } from '../../src/ports/store.ts';
import type { Vantage } from '../../src/ports/vantage.ts';
import { createMemoryStore } from '../../src/stores/memory.ts';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import { pki } from '../../src/x509/pki.ts';
import { createSimulatedCa, type SimulatedCaOptions } from './acme-ca.ts';
import { fakeProcesses } from './fake-processes.ts';
import { engineOf, reconcile } from './passes.ts';
import { mortal, passing } from './passing-time.ts';
import { rsaKeyPem } from './rsa-keys.ts';
import { randomOf, seeded } from './seeded.ts';
import { httpTo, silent } from './simulated-http.ts';

/** What differs in one process of the simulated world. */
export interface ReplicaOptions {
  /** The name of its node. */
  readonly node?: string;
  readonly limits?: Partial<Engine['limits']>;
  readonly store?: Store;
  /** What the passes of its machine remember. */
  readonly cache?: Cache;
  /** Who gets its alarms, by name. */
  readonly notifiers?: Readonly<Record<string, Notifier>>;
  readonly solver?: Solver | ((part: OwnedSolver) => Promise<Solver>);
  readonly deployer?: Deployer | ((spec: StoredSpec, target: string) => Deployer);
  /** What it sees of the service behind all endpoints, which have this address. */
  readonly service?: { readonly address: string; readonly handshake: Vantage['handshake'] };
  /** Its CA, in place of the world's, and what makes keys for that. */
  readonly issuer?: Issuer;
  readonly pki?: Pki;
  /** Its deployers by the target's name, in place of `deployer`. */
  readonly deployers?: Readonly<Record<string, Deployer>>;
  /** Stands between this process and the CA. */
  readonly between?: (honest: Http) => Http;
  /** How far the wall clock of its machine is ahead of the CA's. */
  readonly aheadMs?: () => number;
}

// Making an RSA key takes another thread, and so an unknown part of the simulated time (see `passing`). What makes them
// is tested in src/x509.
const rsaKey = async () => new Secret(rsaKeyPem(2048));
const withReadyRsaKey: Pki = {
  ...pki,
  newKey: (type) => (type === 'rsa2048' ? rsaKey() : pki.newKey(type)),
  newAccountKey: (type) => (type === 'RS256' ? rsaKey() : pki.newAccountKey(type)),
};

export const dayMs = 86_400_000;
const { signal } = new AbortController();

/**
 * The engine with one memory store, a simulated CA and one target. Processes have different pids, and are dead when the
 * test says so. Time passes only while something waits for it (see `passing`), and the wall clock can be moved.
 */
export async function createSimulatedWorld(
  options: {
    readonly settings?: SimulatedCaOptions['settings'];
    readonly clock?: FakeClock;
    /** Stands between the client and the CA. */
    readonly between?: (honest: Http) => Http;
    readonly reporter?: Reporter;
    /** For a history that a seed decides. */
    readonly chance?: () => number;
    /** What the program draws of a window, in place of chance. */
    readonly drawn?: number;
  } = {},
) {
  const clock = options.clock ?? fakeClock();
  const store = createMemoryStore();
  const txt = new Set<string>();
  const { chance = seeded('simulated world'), drawn } = options;
  const ca = createSimulatedCa({
    clock,
    random: chance,
    settings: {
      validate: async (_identifier, _challenge, keyAuthorization) =>
        txt.has(keyAuthorization)
          ? undefined
          : { type: 'urn:ietf:params:acme:error:dns', detail: 'no such value', status: 400 },
      ...options.settings,
    },
  });
  const direct = httpTo(ca);
  const http = options.between?.(direct) ?? direct;
  const solver: Solver = {
    type: 'sim',
    answers: ['dns-01'],
    present: async (c) => {
      txt.add(c.keyAuthorization);
      return { value: c.keyAuthorization };
    },
    ready: async () => ({ ready: true }),
    cleanup: async (c) => void txt.delete(c.keyAuthorization),
  };
  /** The versions that the target got; it has the last one. */
  const delivered: string[] = [];
  const deployer: Deployer = {
    type: 'sim',
    scope: 'fleet',
    look: async (version) => ({ state: delivered.at(-1) === version.id ? 'current' : 'stale', detail: '' }),
    stage: async () => null,
    activate: async (version) => void delivered.push(version.id),
  };
  const dead = new Set<number>();
  const random = { ...randomOf(chance), ...(drawn === undefined ? {} : { number: () => drawn }) };
  const nowhere = () => Promise.reject(fail('network/failed', { method: 'GET', url: '', reason: 'no network here' }));

  function replica(pid: number, own: ReplicaOptions = {}): Engine {
    const theirs = own.solver ?? solver;
    const deliver = own.deployer ?? deployer;
    const { aheadMs = () => 0, service } = own;
    const theirClock = { ...clock, now: () => new Date(clock.now().getTime() + aheadMs()) };
    const issuer = createIssuer({
      name: 'sim',
      directoryUrl: 'https://ca.test/directory',
      http: own.between?.(http) ?? http,
      clock: theirClock,
      random,
      userAgent: 'simulation',
      log: silent,
    });
    return engineOf({
      node: own.node ?? 'here',
      store: own.store ?? store,
      clock: mortal(theirClock, () => dead.has(pid)),
      random,
      processes: fakeProcesses({ pid, dead }),
      vantage: { name: 'here', get: nowhere, handshake: service?.handshake ?? nowhere },
      pki: own.pki ?? withReadyRsaKey,
      reporter: options.reporter ?? { report() {} },
      cache: own.cache,
      lookup: async () => (service ? [service.address] : []),
      loadRegisteredDomain: async () => registeredDomain,
      connect: {
        owner: '0123456789ab',
        balancers: async () => [],
        issuer: () => own.issuer ?? issuer,
        solver: typeof theirs === 'function' ? theirs : async () => theirs,
        deployer: async (spec, target) =>
          own.deployers?.[target] ?? (typeof deliver === 'function' ? deliver(spec, target) : deliver),
        hooks: { environment: () => ({}), check: async () => {}, freePorts: async () => {} },
        forgetDeployed: async () => {},
        forgetNode: async () => {},
        notifiers: () => Object.keys(own.notifiers ?? {}),
        notifier: async (name) => own.notifiers![name]!,
        digest: digestOf,
        credentialsOf: async () => '',
        roots: async () => '',
        externalAccount: async ({
          issuer: {
            settings: { eab },
          },
        }) => eab && { kid: eab.kid, hmacKey: new Secret(eab.hmacKey ?? ''), algorithm: eab.algorithm ?? 'HS256' },
        looks: () => ({
          asTheCa: true,
          addresses: async () => ({ verdict: 'cannot-tell', ipv4: [], ipv6: [], finding: '' }),
          caa: async () => ({ verdict: 'pass', finding: '' }),
        }),
      },
      limits: {
        leaseTtlMs: 60_000,
        shutdownBudgetMs: 8_000,
        deployTimeoutMs: 120_000,
        deployDeadlineMs: 60_000,
        ...own.limits,
      },
    });
  }

  const readLineage = async (name = 'abc'): Promise<Lineage | undefined> => {
    const entry = await store.get({ kind: 'lineage', name }, signal);
    return entry && decodeLineage(entry.bytes, name, 'memory');
  };
  const editLineage = async (change: (lineage: Lineage) => Lineage, name = 'abc'): Promise<void> => {
    const key = { kind: 'lineage', name } as const;
    const entry = await store.get(key, signal);
    if (!entry) throw new Error(`there is no ${name}`);
    const changed = encodeDocument(change(decodeLineage(entry.bytes, name, 'memory')));
    await store.put(key, changed, { ifRevision: entry.revision, signal });
  };
  /** Removals that failed before. */
  const owe = (count = 1): Promise<void> =>
    editLineage((lineage) => ({
      ...lineage,
      tombstones: Array.from({ length: count }, (_, i): Tombstone => {
        const stone = { type: 'dns-01', identifier: 'example.com', thumbprint: 'x', looked: -1 } as const;
        return { ...stone, token: `token-${i}`, closedAt: clock.now().toISOString() };
      }),
    }));
  return {
    ca,
    txt,
    store,
    solver,
    deployer,
    delivered,
    dead,
    clock,
    replica,
    readLineage,
    editLineage,
    owe,
    /** Moves the wall clock on. */
    pass: (ms: number) => clock.set(new Date(clock.now().getTime() + ms)),
  };
}

export function simulatedSpec(name = 'abc', names: readonly string[] = ['example.com']): StoredSpec {
  const identifiers = names.map((value) => ({ type: 'dns', value }) as const);
  const settings = { directory: 'https://ca.test/directory', email: [], agreeToTerms: true, test: true };
  return {
    ...{ name, identifiers, endpoints: [] },
    issuer: { name: 'sim', settings },
    parts: [{ solver: { name: 'sim', settings: { type: 'sim' } } }],
    targets: targetsOf('target'),
    preflight: { resolvers: [], http01Port: 80 },
  };
}

export const targetsOf = (...names: readonly string[]): StoredSpec['targets'] =>
  names.map((name) => ({ name, settings: { type: 'sim' } }));

/** A spec whose names one solver with these settings answers. */
export const withSolver = (
  spec: StoredSpec,
  settings: NamedAdapter['settings'],
  traits?: AdapterTraits,
): StoredSpec => ({
  ...spec,
  parts: [{ solver: { name: 'sim', settings, ...present({ traits }) } }],
});

/** A spec with other settings of its CA. */
export const withCa = (spec: StoredSpec, settings: Partial<IssuerSettings>): StoredSpec => ({
  ...spec,
  issuer: { ...spec.issuer, settings: { ...spec.issuer.settings, ...settings } },
});

export const simulatedJob = (
  wanted: StoredSpec,
  rules: { readonly obeyBackoff?: boolean; readonly force?: boolean } = {},
) => ({ wanted, origin: 'configuration', force: false, obeyBackoff: true, ...rules }) as const;

/** Begins a job that is killed later, so it never ends. Time passes only as far as the test lets it pass. */
export function beginIssue(engine: Engine, job: Job, signal: AbortSignal): void {
  reconcile(engine, [job], signal).catch(() => undefined);
}

/** Does one job, like a pass over it alone, while the time of its world passes. */
export async function issue(engine: Engine, job: Job, signal: AbortSignal): Promise<Outcome> {
  // Every simulated world runs on a fake clock.
  const [outcome] = await passing(engine.clock as FakeClock, reconcile(engine, [job], signal));
  if (!outcome) throw new Error('no outcome');
  return outcome;
}
