import { createHash } from 'node:crypto';
import { createIssuer } from './acme/issuer.ts';
import { parseHostPort } from './config/addresses.ts';
import { dns01Settings } from './config/dns01.ts';
import { balancerIn, forwardRuleSettings, type NamedSettings, withoutBalancer } from './config/forward-rule.ts';
import { captureFromEnvironment, type Environment, resolveOptions, type WithOptions } from './config/options.ts';
import { type AdapterEntry, adapterEntry, dns01Type, forwardRuleType } from './config/registry.ts';
import { parseServerAddress } from './core/dns-name.ts';
import { fail, isFailure } from './core/errors.ts';
import { encodeDocument } from './core/lineage.ts';
import { passingVolume } from './core/passing-volume.ts';
import { canonical } from './core/same-spec.ts';
import type { AdapterSettings, PreflightSettings, Settings, StoredSpec } from './core/spec.ts';
import type { NamedBalancer, SolverContext, z } from './define.ts';
import { type Connections, createEngine, type Engine, type EnginePorts, type Looks } from './engine/engine.ts';
import { createLocks, type Locks } from './engine/leases/lock.ts';
import { createLooks } from './engine/looks/looks.ts';
import { createZones, type Zones } from './engine/zones/zone.ts';
import { registry } from './generated/registry.ts';
import { keepFromHooks } from './lib/hook-environment.ts';
import { userAgent } from './lib/user-agent.ts';
import type { Balancer } from './ports/balancer.ts';
import type { Deployer } from './ports/deployer.ts';
import type { DnsServer } from './ports/dns.ts';
import type { Issuer } from './ports/issuer.ts';
import type { Reporter } from './ports/reporter.ts';
import type { Responder } from './ports/responder.ts';
import type { Solver } from './ports/solver.ts';
import type { Store } from './ports/store.ts';
import type { World } from './ports/world.ts';
import { createResponder } from './responder/responder.ts';
import { pki } from './x509/pki.ts';

export interface ComposeContext {
  readonly world: World;
  readonly reporter: Reporter;
  readonly env: Environment;
  /** False for commands that must not create a store; they fail with `store/absent`. */
  readonly makeStore?: boolean;
}

/** The running objects that `fleet.ts` uses. */
export interface Composed {
  readonly engine: Engine;
  /** A spec for each declared deployer, because one of no certificate may have something, too. */
  readonly declared: readonly StoredSpec[];
  /** Stores what `issue` took from the environment for one lineage, so that `renew` in cron has it. */
  keepCredentials(spec: StoredSpec, signal: AbortSignal): Promise<void>;
  close(signal?: AbortSignal): Promise<void>;
}

/** The composition root: turns configuration into running objects. Tests a new store before it uses it. */
export async function compose(settings: Settings, context: ComposeContext): Promise<Composed> {
  const { world } = context;
  const store = await openStore(settings.store, context);
  const { signal } = new AbortController();
  if (!(await store.exists(signal))) {
    if (context.makeStore === false) throw fail('store/absent', { path: store.location });
    await store.check(signal);
  }
  const { id: storeId, isNew } = await identify(store, world, signal);
  if (isNew) await tellMade(store.location, context);
  const limits = limitsOf(settings);
  const { clock, random, processes } = world;
  const locks = createLocks({ store, clock, random, processes, limits });
  const connections = connect({ ...context, store, storeId, locks, balancers: settings.balancers });
  return {
    engine: createEngine(
      {
        store,
        clock: world.clock,
        random: world.random,
        processes: world.processes,
        vantage: world.vantage,
        pki,
        reporter: context.reporter,
        connect: connections,
        lookup: (host, s) => world.lookup(host, s),
        limits,
      },
      locks,
    ),
    declared: declaredDeployers(settings),
    keepCredentials: (spec, s) => keepCredentials(store, context.env, spec, s),
    close: connections.close,
  };
}

const limitsOf = (settings: Settings): EnginePorts['limits'] => ({
  leaseTtlMs: settings.leaseTtlMs,
  shutdownBudgetMs: settings.shutdownBudgetMs,
  deployTimeoutMs: settings.deployTimeoutMs,
  deployDeadlineMs: settings.deployDeadlineMs,
});

function declaredDeployers({ deployers, preflight }: Settings): readonly StoredSpec[] {
  const spec = { name: '~declared', identifiers: [], issuer: '', solver: '', endpoints: [] } as const;
  const issuer = { directory: '', email: [], agreeToTerms: false, test: false } as const;
  const deploy = Object.keys(deployers);
  return deploy.length > 0 ? [{ spec: { ...spec, deploy }, issuer, solver: { type: '' }, deployers, preflight }] : [];
}

async function openStore(settings: AdapterSettings, { world, env }: ComposeContext): Promise<Store> {
  const entry = adapterEntry(registry, 'store', settings.type);
  if (!entry) throw unknownType('store', settings.type);
  const definition = await entry.load();
  const { options } = await resolveOptions(definition, settings, {
    ...secretsFrom(env),
    files: world.files,
    name: 'store',
  });
  return definition.connect({ options, name: 'store', world });
}

/** Where adapters find their secrets; hooks do not get these variables. */
const secretsFrom = (env: Environment) => ({ env, onSecretVariable: keepFromHooks });

const unknownType = (kind: string, name: string) =>
  fail('config/unknown-reference', { where: `a ${kind}`, kind: 'type', name, nearest: '' });

/**
 * Says so, so that the user of a mistyped path notices before everything is ordered again, and so does who forgot to
 * mount a volume.
 */
async function tellMade(path: string, { world, reporter }: ComposeContext): Promise<void> {
  const time = world.clock.now().toISOString();
  const mounts = await world.files.read('/proc/self/mountinfo').catch(() => undefined);
  const volume = mounts && passingVolume(new TextDecoder().decode(mounts), path);
  const made = `a new store was made at ${path}`;
  const message = volume
    ? `${made}, which is in ${volume} and goes with this container; mount a folder there (docker run -v ~/letsencrypt:${path}), or the next run orders every certificate again`
    : made;
  reporter.report({ v: 1, time, level: volume ? 'warn' : 'info', event: 'store.made', message, data: { path } });
}

/** The store's random id, which distinguishes what two stores leave in one folder. It is not a secret. */
async function identify(store: Store, world: World, signal: AbortSignal): Promise<{ id: string; isNew: boolean }> {
  const key = { kind: 'meta', name: 'store' } as const;
  for (;;) {
    const entry = await store.get(key, signal);
    if (entry) return { id: (JSON.parse(new TextDecoder().decode(entry.bytes)) as { id: string }).id, isNew: false };
    const id = Buffer.from(world.random.bytes(12)).toString('base64url');
    try {
      await store.put(key, encodeDocument({ schema: 1, id }), { ifRevision: null, signal });
      return { id, isNew: true };
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

/** A CA that is 50 ms away answers 20 requests a second per connection, and a certificate takes eight. */
const connectionsToCa = 64;

interface ConnectContext extends ComposeContext {
  readonly store: Store;
  readonly storeId: string;
  readonly locks: Locks;
  /** As declared. */
  readonly balancers: Settings['balancers'];
}

interface ComposedConnections extends Connections {
  close(signal?: AbortSignal): Promise<void>;
}

function connect(context: ConnectContext): ComposedConnections {
  const { world, store, storeId, env } = context;
  const issuers = new Map<string, Issuer>();
  const solvers = new Map<string, Promise<{ solver: Solver; credentials: string }>>();
  const keptOf = new Map<string, Promise<Environment>>();
  const zones = new Map<string, Zones>();
  const looks = new Map<string, Looks>();
  const deployers = new Map<string, Promise<{ deployer: Deployer; credentials: string }>>();
  const responders = new Map<string, Responder>();
  const balancers = new Map<string, Promise<Balancer>>();

  // Certificates with the same settings share one object (one port, one queue of hooks), unless one has its own
  // credentials, stored when it was issued by flags.
  async function shared<T>(
    made: Map<string, Promise<T>>,
    settings: unknown,
    spec: StoredSpec,
    make: (env: Environment) => Promise<T>,
  ): Promise<T> {
    const kept = await once(keptOf, spec.spec.name, () => keptCredentials(store, spec.spec.name));
    return once(made, canonical([settings, kept]), () => make({ ...kept, ...env }));
  }

  const solverOf = (spec: StoredSpec) =>
    shared(solvers, [spec.spec.solver, spec.solver, spec.preflight], spec, (own) =>
      connectSolver({ ...context, env: own, zonesOf, responder }, spec),
    );
  const deployerOf = (spec: StoredSpec, target: string) =>
    shared(deployers, [target, spec.deployers[target] ?? null], spec, async (own) => {
      const settings = spec.deployers[target];
      const entry = settings && adapterEntry(registry, 'deployer', settings.type);
      if (!entry) throw unknownType('deployer', settings?.type ?? target);
      const definition = await entry.load();
      const asked = { ...context, env: own };
      const named = definition.balancer === undefined ? undefined : await balancerOf(asked, balancerIn(settings));
      const resolved = await optionsOf(asked, definition, named ? withoutBalancer(settings) : settings, target);
      return {
        deployer: definition.connect({
          options: resolved.options,
          name: target,
          world,
          folder: store.deployed,
          balancer: named && ({ options: named.options, owner: ownerOf(storeId) } satisfies NamedBalancer),
        }),
        credentials: resolved.credentials + (named?.credentials ?? ''),
      };
    });

  function responder({
    listen,
    fallback,
  }: {
    readonly listen: string;
    readonly fallback?: string | undefined;
  }): Responder {
    const key = canonical([listen, fallback ?? null]);
    const known = responders.get(key);
    if (known) return known;
    const to = fallback === undefined ? undefined : parseHostPort(fallback);
    const made = createResponder({ listen, ...(to ? { fallback: to } : {}) }, { world, store });
    responders.set(key, made);
    return made;
  }

  // Certificates with the same resolvers share what was found about zones and servers.
  function zonesOf(settings: PreflightSettings): Zones {
    const key = canonical(settings.resolvers);
    const known = zones.get(key);
    if (known) return known;
    const { dns, clock, log } = world;
    const made = createZones({ dns, clock, log, resolvers: resolversOf(world, settings) });
    zones.set(key, made);
    return made;
  }

  return {
    issuer(name, settings) {
      const key = canonical([name, settings]);
      const known = issuers.get(key);
      if (known) return known;
      const issuer = createIssuer({
        name,
        directoryUrl: settings.directory,
        http: world.http({
          connections: connectionsToCa,
          ...(settings.caFile === undefined ? {} : { caFile: settings.caFile }),
          ...(settings.onlyThisCa ? { onlyThisCa: true } : {}),
        }),
        clock: world.clock,
        random: world.random,
        userAgent,
        log: world.log,
      });
      issuers.set(key, issuer);
      return issuer;
    },
    async roots({ caFile }) {
      const bytes = caFile === undefined ? undefined : await world.files.read(caFile);
      return new TextDecoder().decode(bytes);
    },
    solver: async (spec) => (await solverOf(spec)).solver,
    deployer: async (spec, target) => (await deployerOf(spec, target)).deployer,
    owner: ownerOf(storeId),
    async balancers(stored) {
      const declared = Object.entries(context.balancers).map(([name, settings]) => ({ name, settings }));
      const named = stored.flatMap(({ solver, deployers: all }) =>
        [solver, ...Object.values(all)].flatMap((one) => balancerIn(one) ?? []),
      );
      const all = new Map([...named, ...declared].map((one) => [canonical(one.settings), one]));
      return Promise.all(
        [...all].map(([key, one]) => once(balancers, key, async () => (await balancerOf(context, one)).connect())),
      );
    },
    looks(settings) {
      const key = canonical(settings.resolvers);
      const made = looks.get(key) ?? createLooks(zonesOf(settings), world.clock, settings.resolvers.length > 0);
      looks.set(key, made);
      return made;
    },
    async credentialsOf(spec) {
      const hash = createHash('sha256').update((await solverOf(spec)).credentials);
      for (const target of spec.spec.deploy) hash.update((await deployerOf(spec, target)).credentials);
      return hash.digest('hex');
    },
    async close(signal) {
      const made = await Promise.allSettled(solvers.values());
      await Promise.allSettled(
        made.map((one) => (one.status === 'fulfilled' ? one.value.solver.close?.(signal) : undefined)),
      );
      await Promise.allSettled([...responders.values()].map((one) => one.close(signal)));
      await Promise.allSettled([...balancers.values()].map(async (one) => (await one).close?.()));
      await store.close?.().catch(() => undefined); // otherwise `tidy` removes it
      await world.close();
    },
  };
}

/** Makes a value once per key. Forgets failures, so that a later try may succeed. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key);
  if (known) return known;
  const making = make();
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}

const credentialKey = (lineage: string) => ({ kind: 'credential', name: lineage }) as const;

async function keptCredentials(store: Store, lineage: string): Promise<Environment> {
  const entry = await store.get(credentialKey(lineage), new AbortController().signal);
  const kept = entry ? keptIn(entry.bytes) : {};
  for (const name of Object.keys(kept)) keepFromHooks(name);
  return kept;
}

const keptIn = (bytes: Uint8Array): Environment =>
  (JSON.parse(new TextDecoder().decode(bytes)) as { env: Environment }).env;

/** Also keeps stored ones that the spec still needs, because a flag may change only one of the adapters. */
async function keepCredentials(store: Store, env: Environment, spec: StoredSpec, signal: AbortSignal): Promise<void> {
  const key = credentialKey(spec.spec.name);
  for (;;) {
    const before = await store.get(key, signal);
    const captured = await captureFor(spec, { ...(before && keptIn(before.bytes)), ...env });
    if (Object.keys(captured).length === 0) return;
    const bytes = encodeDocument({ schema: 1, env: captured });
    if (before && Buffer.from(before.bytes).equals(bytes)) return;
    try {
      await store.put(key, bytes, { ifRevision: before?.revision ?? null, signal });
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error; // another `issue` of the same certificate: try again
    }
  }
}

/** What the adapters of a spec take from an environment. */
async function captureFor(spec: StoredSpec, env: Environment): Promise<Readonly<Record<string, string>>> {
  const captured: Record<string, string> = {};
  const capture = async (entry: AdapterEntry<WithOptions> | undefined, settings: AdapterSettings) => {
    if (entry) Object.assign(captured, captureFromEnvironment(await entry.load(), env, settings));
  };
  if (spec.solver.type === dns01Type) {
    const { provider, options } = dns01Settings(spec.solver);
    await capture(adapterEntry(registry, 'dns', provider), options);
  } else if (spec.solver.type !== forwardRuleType)
    await capture(adapterEntry(registry, 'solver', spec.solver.type), spec.solver);
  const named = [spec.solver, ...spec.spec.deploy.flatMap((target) => spec.deployers[target] ?? [])];
  for (const { settings } of named.flatMap((one) => balancerIn(one) ?? []))
    await capture(adapterEntry(registry, 'balancer', settings.type), settings);
  for (const target of spec.spec.deploy) {
    const settings = spec.deployers[target];
    if (settings) await capture(adapterEntry(registry, 'deployer', settings.type), settings);
  }
  return captured;
}

/** The mark of a store's objects at a balancer (`core/own-mark.ts`). */
const ownerOf = (storeId: string): string =>
  createHash('sha256').update(`certfleet owner ${storeId}`).digest('hex').slice(0, 12);

/** An adapter's options, with secrets read. */
const optionsOf = <Shape extends z.ZodObject>(
  { world, env }: ConnectContext,
  definition: WithOptions<Shape>,
  settings: AdapterSettings,
  name: string,
) =>
  resolveOptions(definition, settings, {
    ...secretsFrom(env),
    files: world.files,
    name,
    warn: (message) => world.log.warn(message),
  });

/** The balancer that a stored solver or deployer names, with its options. */
async function balancerOf(context: ConnectContext, named: NamedSettings | undefined) {
  const entry = named && adapterEntry(registry, 'balancer', named.settings.type);
  if (!entry) throw unknownType('balancer', named?.settings.type ?? 'of these settings');
  const definition = await entry.load();
  const { name } = named;
  const { options, credentials } = await optionsOf(context, definition, named.settings, name);
  const connect = (): Balancer => definition.connect({ options, name, world: context.world });
  return { name, options, credentials, connect };
}

interface SolverParts extends ConnectContext {
  readonly zonesOf: (settings: PreflightSettings) => Zones;
  readonly responder: SolverContext<unknown>['responder'];
}

async function connectSolver(context: SolverParts, spec: StoredSpec): Promise<{ solver: Solver; credentials: string }> {
  const { world, store, storeId, zonesOf, responder } = context;
  const name = spec.spec.solver;
  if (spec.solver.type === forwardRuleType) {
    const { createForwardRule } = await import('./engine/solvers/http01-forward-rule.ts');
    const { listen, fallback, keep, timeoutMs } = forwardRuleSettings(spec.solver);
    const named = await balancerOf(context, balancerIn(spec.solver));
    const solver = createForwardRule({
      balancer: named.connect(),
      name: named.name,
      responder: responder({ listen, fallback }),
      locks: context.locks,
      owner: ownerOf(storeId),
      clock: world.clock,
      random: world.random,
      keep,
      timeoutMs,
    });
    return { solver, credentials: named.credentials };
  }
  if (spec.solver.type === dns01Type) {
    const { createDns01 } = await import('./engine/solvers/dns01.ts');
    const { provider, options, dns, timeoutMs } = dns01Settings(spec.solver);
    const entry = adapterEntry(registry, 'dns', provider);
    if (!entry) throw unknownType('DNS provider', provider);
    const definition = await entry.load();
    const resolved = await optionsOf(context, definition, options, name);
    const solver = createDns01({
      provider: definition.connect({ options: resolved.options, name, world }),
      traits: definition.traits,
      zones: zonesOf(spec.preflight),
      dns: world.dns,
      clock: world.clock,
      log: world.log,
      timeoutMs,
      sha256: (text) => createHash('sha256').update(text).digest(),
      ...(dns === undefined ? {} : { override: dns }),
    });
    return { solver, credentials: resolved.credentials };
  }
  const entry = adapterEntry(registry, 'solver', spec.solver.type);
  if (!entry) throw unknownType('solver', spec.solver.type);
  const definition = await entry.load();
  const resolved = await optionsOf(context, definition, spec.solver, name);
  return {
    solver: definition.connect({ options: resolved.options, name, world, store, storeId, responder }),
    credentials: resolved.credentials,
  };
}

/** The resolvers that see what the CA sees: the named ones, or the machine's own. */
function resolversOf(world: World, settings: PreflightSettings): readonly DnsServer[] {
  if (settings.resolvers.length === 0) return world.dns.systemResolvers();
  return settings.resolvers.map((text) => {
    const server = parseServerAddress(text);
    if (!server) throw fail('usage/invalid', { what: `"${text}" in preflight.resolvers is not an IP address` });
    return server;
  });
}
