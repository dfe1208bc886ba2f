import { createConnections } from './compose/connections.ts';
import { type ComposeContext, secretsFrom, unknownType } from './compose/context.ts';
import { keepCredentials, keptCredentials } from './compose/credentials.ts';
import type {
  DeclaredCertificates,
  DeclaredConnection,
  DeclaredConnections,
  WrongFields,
} from './compose/declarations.ts';
import { digestOf } from './compose/digest.ts';
import { withoutLiterals } from './compose/literals.ts';
import { passingVolume } from './compose/passing-volume.ts';
import type { ServingResponder } from './compose/responders.ts';
import { refuseUnready } from './compose/restoring.ts';
import { makeStoreId, readStoreId, storeIdKey } from './compose/store-id.ts';
import { readStoreKeys } from './compose/store-keys.ts';
import { isRemembered, rememberStore } from './compose/used-stores.ts';
import { resolveOptions } from './config/options/options.ts';
import { openOwnSecret } from './config/options/own-secret.ts';
import type { Environment } from './config/options/secret-references.ts';
import type { Problem } from './config/problems.ts';
import { adapterEntry } from './config/registry/registry.ts';
import { type CertfleetError, fail, isFailure } from './core/errors/errors.ts';
import type { Secret } from './core/errors/secret.ts';
import { nodeNameOf } from './core/names/node-name.ts';
import type { ConnectionSection, ConnectionType, KnownType } from './core/spec/connection.ts';
import type { ShownSettings } from './core/spec/shown-settings.ts';
import type { AdapterSettings, NamedAdapter, Settings, StoredSpec } from './core/spec/spec.ts';
import type { OwnedSolver } from './core/spec/spec-parts.ts';
import type { Fields } from './core/text/json.ts';
import { createEngineProcess, createFooting, type EnginePorts, type EngineProcess } from './engine/engine.ts';
import type { Dns01Options } from './engine/solvers/dns01.ts';
import type { ForwardRuleOptions } from './engine/solvers/http01-forward-rule.ts';
import { registry } from './generated/registry.ts';
import type { Store } from './ports/store.ts';
import { openEncrypted } from './stores/encrypted.ts';
import { pki } from './x509/pki.ts';

export { type ComposeContext, type DeclaredConnection, pki, type WrongFields };

/** The running objects that `fleet.ts` uses. */
export interface Composed {
  readonly process: EngineProcess;
  /** Uses the certificates and adapters of other settings from now on. Passes that have begun keep what they have. */
  declare(settings: Settings): void;
  /** Returns a hash over the settings, to compare those of nodes, which may have names of their own. */
  configuration(): string;
  /** Calls a function before a file is read that an adapter's option names, or one with roots to trust. */
  onFile(note: (file: string) => Promise<void>): void;
  /** Lets connections that are made from now on read the files with roots to trust again. */
  readRootsAgain(): void;
  /** Returns what keeps the secrets of the settings from being read. */
  secretProblems(settings: Settings): Promise<readonly Problem[]>;
  /** Returns what the file declares now as people may see it, without secrets. */
  shown(): Promise<ShownSettings>;
  /** Checks certificates that are declared outside the file (`compose/declarations.ts`). */
  checkDeclarations(
    entries: ReadonlyMap<string, Fields>,
    settings: Settings,
    now?: Date,
  ): Promise<DeclaredCertificates>;
  /** Adds connections that are declared outside the file to its settings, without those that are wrong. */
  checkConnections(entries: readonly DeclaredConnection[], file: Settings): Promise<DeclaredConnections>;
  /** Returns the types of connections that may be declared outside the file, by title. */
  connectionTypes(section: ConnectionSection): Promise<readonly ConnectionType[]>;
  /** Returns one of all types of connections; undefined if there is none like that, or if it is the operator’s own. */
  connectionType(
    section: ConnectionSection,
    chosen: Pick<ConnectionType, 'type' | 'provider'>,
  ): Promise<KnownType | undefined>;
  /** Whether the store has a key, so that it may be given secrets. */
  readonly takesSecrets: boolean;
  /** Returns the solver behind a balancer with which that can be tried, by the name of either. */
  ruleSolver(name: string): Promise<NamedAdapter | undefined>;
  /** Returns the name of a host or a zone as people write it in canonical form; undefined if it is none. */
  hostName(text: string): Promise<string | undefined>;
  /** Returns a spec for each declared deployer, because one of no certificate may have something, too. */
  declared(): readonly StoredSpec[];
  /** No person is there to add records by hand. */
  readonly unattended: boolean;
  /** Stores what `issue` took from the environment for one lineage, so that `renew` in cron has it. */
  keepCredentials(spec: StoredSpec, signal: AbortSignal): Promise<void>;
  /** What `keepCredentials` stored for a lineage. */
  keptEnvironment(name: string): Promise<Environment>;
  /** What the solver `dns01` of a spec is made of. The caller closes the provider. */
  dns01(part: OwnedSolver): Promise<Dns01Options>;
  /** What the solver behind a balancer of a spec is made of. The caller closes balancer and responder. */
  forwardRule(part: OwnedSolver): Promise<ForwardRuleOptions>;
  /** Reads a secret of certfleet itself; `option` names it in messages. */
  readSecret(option: string, value: string): Promise<Secret>;
  /** Returns the responders at which solvers answer. The caller closes them. */
  respondersOf(solvers: readonly AdapterSettings[]): Promise<readonly ServingResponder[]>;
  /** Adds the traits of an adapter that was found and not configured. */
  withTraits(kind: 'solver' | 'deployer', adapter: NamedAdapter): Promise<NamedAdapter>;
  close(signal?: AbortSignal): Promise<void>;
}

/** The composition root: turns configuration into running objects. Tests a new store before it uses it. */
export async function compose(first: Settings, context: ComposeContext): Promise<Composed> {
  const { world } = context;
  let settings = first;
  const { signal } = new AbortController();
  const store = withoutLiterals(await openStore(settings, context, signal), world.random);
  const { storeId, isNew } = await identify(store, context, signal);
  // Otherwise, `openStore` has done so.
  if (isNew) await store.anchor?.(storeIdKey, signal);
  if (isNew && store.location !== 'memory') await tellMade(store.location, context);
  if (isNew || context.tellsAlarms) await rememberStore(world, store);
  const limits = limitsOf(settings);
  const { clock, random, processes } = world;
  const footing = createFooting({ store, clock, random, processes, limits, reporter: context.reporter });
  const node = settings.node ?? nodeNameOf(world.hostName());
  let note = async (_file: string): Promise<void> => undefined;
  let rootsRead = 0;
  const onFile = (file: string) => note(file);
  const opening = { ...secretsFrom(context.env), files: world.files, onFile };
  const connections = createConnections({
    ...context,
    node,
    onFile,
    roots: () => String(rootsRead),
    store,
    storeId,
    locks: footing.locks,
    balancers: () => settings.balancers,
    alarms: () => settings.alarms,
  });
  /** Ends the waits of others for a lease of this process. */
  async function endSession(): Promise<void> {
    const deadline = clock.deadline(limits.shutdownBudgetMs);
    try {
      await footing.sessions.own.end(deadline.signal);
    } catch {
      // Others find that it is silent.
    } finally {
      deadline.done();
    }
  }

  return {
    process: createEngineProcess(
      {
        node,
        store,
        clock: world.clock,
        random: world.random,
        processes: world.processes,
        vantage: world.vantage,
        pki,
        reporter: context.reporter,
        cache: world.cache,
        connections,
        lookup: (host, s) => world.lookup(host, s),
        loadRegisteredDomain: async () => (await import('./config/certificates/public-suffix.ts')).registeredDomain,
        declared: () => settings.certificates,
        limits,
      },
      footing,
    ),
    declare(next) {
      settings = next;
    },
    configuration() {
      // Nodes follow the store by themselves, some a few seconds later.
      const { node: _own, inStore: _later, ...common } = withoutStored(settings);
      return digestOf(common).slice(0, 12);
    },
    onFile(call) {
      note = call;
    },
    readRootsAgain() {
      rootsRead += 1;
    },
    secretProblems: async (of) =>
      (await import('./config/adapters/secret-problems.ts')).secretProblems(of, registry, opening),
    shown: async () =>
      (await import('./config/adapters/shown-settings.ts')).shownSettings(withoutStored(settings), registry),
    checkDeclarations: async (entries, of, now) =>
      (await import('./compose/declarations.ts')).declaredCertificates(entries, of, context, now),
    checkConnections: async (entries, file) =>
      (await import('./compose/declarations.ts')).declaredConnections(entries, file),
    connectionTypes: async (section) =>
      (await import('./config/settings/connection-types.ts')).offeredTypes(section, settings, registry),
    connectionType: async (section, chosen) =>
      (await import('./config/settings/connection-types.ts')).knownType(section, chosen, registry),
    // It stays as it was when the store was opened.
    takesSecrets: (first.storeKeys ?? []).length > 0,
    hostName: async (text) => (await import('./config/certificates/identifiers.ts')).parseHost(text),
    ruleSolver: async (name) => (await import('./config/adapters/referred-adapters.ts')).ruleSolverFor(settings, name),
    declared: () => declaredDeployers(settings),
    unattended: world.person === undefined,
    keepCredentials: (spec, s) => keepCredentials(store, context.env, spec, s),
    keptEnvironment: (name) => keptCredentials(store, name),
    dns01: connections.dns01,
    forwardRule: connections.forwardRule,
    readSecret: (option, value) =>
      openOwnSecret(option, value, { ...opening, warn: (message) => world.log.warn(message) }),
    respondersOf: connections.responders.of,
    withTraits: async (kind, adapter) =>
      (await import('./config/adapters/engine-traits.ts')).withTraits(kind, adapter, registry),
    async close(signal) {
      await connections.close(signal);
      await endSession();
    },
  };
}

/** Returns what the file declares. */
function withoutStored({ inStore, ...settings }: Settings): Settings {
  if (!inStore) return settings;
  const { names, connections } = inStore;
  const of = <T>(section: ConnectionSection, all: Readonly<Record<string, T>>): Readonly<Record<string, T>> => {
    const isStored = (name: string) => connections.used.some((one) => one.section === section && one.name === name);
    return Object.fromEntries(Object.entries(all).filter(([name]) => !isStored(name)));
  };
  return {
    ...settings,
    issuers: of('issuers', settings.issuers),
    balancers: of('balancers', settings.balancers),
    solvers: of('solvers', settings.solvers),
    deployers: of('deployers', settings.deployers),
    alarms: of('alarms', settings.alarms),
    certificates: settings.certificates.filter(({ name }) => !names.has(name)),
  };
}

const limitsOf = (settings: Settings): EnginePorts['limits'] => ({
  leaseTtlMs: settings.leaseTtlMs,
  shutdownBudgetMs: settings.shutdownBudgetMs,
  deployTimeoutMs: settings.deployTimeoutMs,
  deployDeadlineMs: settings.deployDeadlineMs,
});

function declaredDeployers({ deployers, preflight }: Settings): readonly StoredSpec[] {
  const targets = Object.values(deployers);
  if (targets.length === 0) return [];
  const issuer = { name: '', settings: { directory: '', email: [], agreeToTerms: false, test: false } };
  return [{ name: '~declared', identifiers: [], issuer, parts: [], targets, endpoints: [], preflight }];
}

/** The store with its secrets opened, encrypted if there is a key. Tests a new one before it is used. */
export async function openStore(settings: Settings, context: ComposeContext, signal: AbortSignal): Promise<Store> {
  const { world, reporter } = context;
  const keys = await readStoreKeys(settings.storeKeys ?? [], context);
  const plain = await connectStore(settings.store, context);
  refuseOpenSecrets(plain, keys);
  const isNew = !(await plain.exists(signal));
  if (isNew) {
    if (context.makeStore === false) throw await absent(plain, signal);
    if (context.tellsAlarms && (await isRemembered(world, plain))) throw await absent(plain, signal, goneAdvice);
    await plain.check(signal);
  } else {
    // From here on, a move of the store ends the use of it, and one that began before is seen.
    await plain.anchor?.(storeIdKey, signal);
    await refuseUnready(plain, signal);
  }
  const { store, isPartly } = await openEncrypted(plain, { keys, random: world.random, isNew }, signal);
  if (isPartly) {
    const message = `the store ${store.location} is not encrypted yet: new keys and credentials are; run \`certfleet store encrypt\` for those that it has`;
    reporter.report({ v: 1, time: world.clock.now().toISOString(), level: 'warn', event: 'log', message });
  }
  return store;
}

const goneAdvice =
  'This machine has used a store there before, and a new one would order every certificate again: mount its volume, or restore it from a backup. To begin anew, run `certfleet issue`.';

/** The failure of a store that is not there. Fails itself with `store/unusable` if none could be made there. */
export async function absent(store: Store, signal: AbortSignal, hint?: string): Promise<CertfleetError> {
  await store.checkUnused?.(signal);
  return fail('store/absent', { path: store.location }, { hint });
}

/** The store as it is on its medium. */
export async function connectStore(settings: AdapterSettings, context: StoreContext): Promise<Store> {
  const { definition, ...given } = await storeDefinition(settings, context);
  return definition.connect({ ...given, name: 'store', world: context.world });
}

/** Fails with `store/key-required` if the store must not have secrets in the clear, and there is no key for them. */
export function refuseOpenSecrets({ demandsKey, location: path }: Store, keys: readonly unknown[]): void {
  if (demandsKey && keys.length === 0) throw fail('store/key-required', { path });
}

/** The store for a process that may read tokens and nothing else. */
export async function connectTokens(settings: AdapterSettings, context: StoreContext): Promise<Store> {
  const { definition, ...given } = await storeDefinition(settings, context);
  const connect = definition.connectTokens ?? definition.connect;
  return connect({ ...given, name: 'store', world: context.world });
}

type StoreContext = Pick<ComposeContext, 'world' | 'env'>;

/** Returns what defines the type of a store, with its options. */
export async function storeDefinition(settings: AdapterSettings, { world, env }: StoreContext) {
  const entry = adapterEntry(registry, 'store', settings.type);
  if (!entry) throw unknownType('store', settings.type);
  const definition = await entry.load();
  const reread = async () => {
    const from = { ...secretsFrom(env), files: world.files, name: 'store' };
    return (await resolveOptions(definition, settings, from)).options;
  };
  return { definition, options: await reread(), reread };
}

/**
 * Reports the new store, so that a user who mistyped the path or forgot to mount a volume notices before everything is
 * ordered again.
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

/**
 * The store's random id, which distinguishes what two stores leave in one folder. It is not a secret. One that cannot be
 * read stops only what leaves marks under it, because another id would make strangers of all that is there.
 */
async function identify(
  store: Store,
  { world, reporter }: ComposeContext,
  signal: AbortSignal,
): Promise<{ readonly storeId: () => string; readonly isNew: boolean }> {
  for (;;) {
    try {
      const found = await readStoreId(store, signal);
      if (found) return { storeId: () => found.document.id, isNew: false };
      if ((await store.list('lineage', signal)).names.length > 0) {
        // Another process may have made the store just now.
        if (await store.get(storeIdKey, signal)) continue;
        throw fail('store/id-missing', { path: store.location });
      }
      const id = await makeStoreId(store, world.random, signal);
      if (id !== undefined) return { storeId: () => id, isNew: true };
    } catch (error) {
      if (!isFailure(error, 'store/corrupt') && !isFailure(error, 'store/id-missing')) throw error;
      const message = `${error.message}. ${error.hint} Balancers, certificate services and webroots are not touched before.`;
      reporter.report({ v: 1, time: world.clock.now().toISOString(), level: 'warn', event: 'log', message });
      const storeId = () => {
        throw error;
      };
      return { storeId, isNew: false };
    }
  }
}
