import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createIssuer } from '../acme/issuer.ts';
import { createRequestPace } from '../acme/request-pace.ts';
import { createLiveFolder } from '../clients/folders/live-folder.ts';
import { refuseUntrustedPrograms } from '../clients/hook-programs.ts';
import { eachAdapter } from '../config/adapters/each-adapter.ts';
import type { Environment } from '../config/options/secret-references.ts';
import { createBoundedMap } from '../core/async/bounded-map.ts';
import { fail } from '../core/errors/errors.ts';
import { canonical } from '../core/spec/same-spec.ts';
import type { IssuerSettings, PreflightSettings, StoredSpec } from '../core/spec/spec.ts';
import { type OwnedSolver, partsOf, targetNames, targetOf } from '../core/spec/spec-parts.ts';
import { didYouMean } from '../core/text/nearest.ts';
import { present } from '../core/text/present.ts';
import type { ConnectionPool, Looks, PassConnections } from '../engine/engine.ts';
import { createLooks } from '../engine/looks/looks.ts';
import type { Dns01Options } from '../engine/solvers/dns01.ts';
import type { ForwardRuleOptions } from '../engine/solvers/http01-forward-rule.ts';
import { createZones, type Zones } from '../engine/zones/zone.ts';
import { registry } from '../generated/registry.ts';
import { userAgent } from '../lib/http/user-agent.ts';
import { hookEnvironment } from '../lib/processes/hook-environment.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Solver } from '../ports/solver.ts';
import { createResponderParts } from '../responder/parts.ts';
import {
  ownerOf,
  type PreparedAdapter,
  prepareBalancer,
  prepareDeployer,
  prepareDns01,
  prepareForwardRule,
  prepareNotifier,
  prepareSolver,
  readExternalAccount,
  resolversOf,
} from './adapters.ts';
import type { ConnectContext } from './context.ts';
import { keptCredentials } from './credentials.ts';
import { digestOf } from './digest.ts';
import { createPool, type Pool, type Use } from './pool.ts';
import { createResponders, type Responders } from './responders.ts';

/**
 * A CA that is 50 ms away answers 20 requests per second on each connection, and a certificate takes eight requests.
 */
const connectionsToCa = 64;

/** A connection that no pass has used for this long is closed, because its settings may no longer exist. */
const unusedMs = 10 * 60_000;
/** How long passes share one connection to a target or a balancer. */
const longestMs = 24 * 3_600_000;

/** The number of resolver lists for which a process caches what it found. */
const mostResolverLists = 16;

export interface ComposedConnections extends ConnectionPool {
  /** Returns the options of a spec's `dns01` solver, for a test of its DNS provider. The caller closes the provider. */
  dns01(part: OwnedSolver): Promise<Dns01Options>;
  /** Returns the options of a spec's solver behind a balancer, for a test. The caller closes balancer and responder. */
  forwardRule(part: OwnedSolver): Promise<ForwardRuleOptions>;
  readonly responders: Responders;
  close(signal?: AbortSignal): Promise<void>;
}

/**
 * Creates the connections of a process. Each pass has its own view, which reads secrets once and counts as one user of
 * what it gets. A pass that finds other secrets gets another connection, and the previous one is closed after its last
 * pass.
 */
export function createConnections(context: ConnectContext): ComposedConnections {
  const { world, store, storeId, env } = context;
  const solvers = createPool<Solver>(world.clock);
  const deployers = createPool<Deployer>(world.clock, longestMs);
  const balancers = createPool<Balancer>(world.clock, longestMs);
  const notifiers = createPool<Notifier>(world.clock);
  const issuers = new Map<string, Issuer>();
  const pace = createRequestPace(world.clock);
  const zones = createBoundedMap<Zones>(mostResolverLists);
  const looks = createBoundedMap<Looks>(mostResolverLists);
  const responders = createResponders(createResponderParts({ world, store }));

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

  function issuer(name: string, settings: IssuerSettings): Issuer {
    const { caFile } = settings;
    if (caFile !== undefined) void context.onFile(caFile);
    const key = digestOf([name, settings, caFile === undefined ? '' : context.roots()]);
    const known = issuers.get(key);
    if (known) return known;
    const made = createIssuer({
      name,
      directoryUrl: settings.directory,
      http: world.http({
        connections: connectionsToCa,
        ...present({ caFile }),
        ...present({ onlyThisCa: settings.onlyThisCa || undefined }),
      }),
      clock: world.clock,
      random: world.random,
      userAgent,
      log: world.log,
      pace,
    });
    issuers.set(key, made);
    return made;
  }

  const { files } = world;

  const foldersIn = async (folder: string | undefined): Promise<readonly string[]> => {
    const found: string[] = [];
    for (const name of folder === undefined ? [] : ((await files.list(folder)) ?? []))
      if ((await files.stat(join(folder!, name)))?.kind === 'folder') found.push(join(folder!, name));
    return found;
  };

  /** Removes the files of lineages, or of all, from the folders of one node's commands. */
  async function forgetIn(node: string, lineages?: readonly string[]): Promise<void> {
    for (const root of await foldersIn(node)) {
      const folder = createLiveFolder({ files, root, target: root });
      for (const lineage of lineages ?? (await files.list(join(root, 'archive'))) ?? []) await folder.forget(lineage);
    }
  }

  /** Opens the view of one pass. */
  function open(): PassConnections {
    const keptOf = new Map<string, Promise<Environment>>();
    const ofSolvers: Uses<Solver> = new Map();
    const ofDeployers: Uses<Deployer> = new Map();
    const ofBalancers: Uses<Balancer> = new Map();
    const ofNotifiers: Uses<Notifier> = new Map();
    const keptBy = ({ name }: { readonly name: string }) => once(keptOf, name, () => keptCredentials(store, name));

    // Certificates with the same settings share one object (one port, one queue of hooks), unless a certificate has its
    // own credentials, stored when it was issued by flags.
    async function used<T>(
      { pool, uses }: { readonly pool: Pool<T>; readonly uses: Uses<T> },
      settings: unknown,
      owner: { readonly name: string },
      prepare: (env: Environment) => Promise<PreparedAdapter<T>>,
    ): Promise<Used<T>> {
      const kept = await keptBy(owner);
      const place = digestOf([settings, kept]);
      return once(uses, place, async () => {
        const prepared = await prepare({ ...kept, ...env });
        return { ...pool.use(place, prepared), credentials: prepared.credentials };
      });
    }
    const solverOf = (part: OwnedSolver) =>
      used({ pool: solvers, uses: ofSolvers }, [part.solver, part.preflight], part, (own) =>
        prepareSolver({ ...context, env: own, zonesOf, responders }, part),
      );
    const deployerOf = (spec: StoredSpec, name: string) => {
      const target = targetOf(spec, name);
      return used({ pool: deployers, uses: ofDeployers }, target ?? name, spec, (own) =>
        prepareDeployer({ ...context, env: own }, name, target),
      );
    };

    async function externalAccountOf(spec: StoredSpec) {
      const { eab } = spec.issuer.settings;
      if (!eab) return undefined;
      const own = { ...(await keptBy(spec)), ...env };
      return readExternalAccount({ ...context, env: own }, eab, spec.issuer.name);
    }

    return {
      issuer,
      externalAccount: async (spec) => (await externalAccountOf(spec))?.account,
      async roots({ caFile }) {
        const bytes = caFile === undefined ? undefined : await world.files.read(caFile);
        return new TextDecoder().decode(bytes);
      },
      solver: async (part) => (await solverOf(part)).value,
      deployer: async (spec, target) => (await deployerOf(spec, target)).value,
      async forgetDeployed(lineage) {
        for (const node of await foldersIn(store.deployed)) await forgetIn(node, [lineage]);
      },
      async forgetNode(node) {
        if (store.deployed === undefined) return;
        const folder = join(store.deployed, node);
        const roots = await foldersIn(folder);
        await forgetIn(folder);
        for (const root of roots)
          for (const part of ['live', 'archive', '.']) await files.removeFolderIfEmpty(join(root, part));
        await files.removeFolderIfEmpty(folder);
      },
      get owner() {
        return ownerOf(storeId());
      },
      async balancers(stored) {
        const declared = Object.entries(context.balancers()).map(([name, settings]) => ({ name, settings }));
        const named = stored.flatMap((spec) => eachAdapter(spec, registry).filter(({ kind }) => kind === 'balancer'));
        const all = new Map([...named, ...declared].map((one) => [digestOf(one.settings), one]));
        const connected = [...all].map(([place, one]) =>
          once(ofBalancers, place, async () => {
            const prepared = await prepareBalancer(context, one);
            return { ...balancers.use(place, prepared), credentials: prepared.credentials };
          }),
        );
        return (await Promise.all(connected)).map(({ value }) => value);
      },
      notifiers: () => Object.keys(context.alarms()),
      async notifier(name) {
        const alarms = context.alarms();
        const found = Object.hasOwn(alarms, name) ? alarms[name] : undefined;
        if (!found) throw unknownNotifier(name, Object.keys(alarms));
        const place = digestOf(found);
        const { value } = await once(ofNotifiers, place, async () => {
          const prepared = await prepareNotifier(context, found);
          return { ...notifiers.use(place, prepared), credentials: prepared.credentials };
        });
        return value;
      },
      looks(settings) {
        const key = canonical(settings.resolvers);
        const made = looks.get(key) ?? createLooks(zonesOf(settings), world.clock, settings.resolvers.length > 0);
        looks.set(key, made);
        return made;
      },
      hooks: {
        environment: () => hookEnvironment([]),
        check: (command) => refuseUntrustedPrograms(world.files, command, hookEnvironment([])['HOME']),
        async freePorts(signal) {
          await endAll(ofSolvers);
          await solvers.closeUnused(0, signal);
        },
      },
      digest: digestOf,
      async credentialsOf(spec) {
        const hash = createHash('sha256');
        for (const part of partsOf(spec)) hash.update((await solverOf(part)).credentials);
        // Only an account that is not open yet needs the key, so the key may no longer exist.
        const bound = await externalAccountOf(spec).catch(() => undefined);
        if (bound) hash.update(bound.credentials);
        for (const target of targetNames(spec)) hash.update((await deployerOf(spec, target)).credentials);
        return hash.digest('hex');
      },
      end() {
        // Closing a connection may wait for other processes, which the pass need not do.
        void endAll(ofSolvers).then(() => solvers.closeUnused(unusedMs));
        void endAll(ofDeployers).then(() => deployers.closeUnused(unusedMs));
        void endAll(ofBalancers).then(() => balancers.closeUnused(unusedMs));
        void endAll(ofNotifiers).then(() => notifiers.closeUnused(unusedMs));
      },
    };
  }

  return {
    open,
    responders,
    get owner() {
      return ownerOf(storeId());
    },
    async dns01(part) {
      const { connectIn } = await prepareDns01({ ...context, zonesOf }, part);
      return connectIn(world);
    },
    async forwardRule(part) {
      const { connectIn } = await prepareForwardRule({ ...context, zonesOf, responders }, part);
      return connectIn(world);
    },
    async close(signal) {
      await solvers.close(signal);
      await Promise.all([deployers.close(signal), balancers.close(signal), notifiers.close(signal)]);
      await store.close?.().catch(() => undefined); // otherwise `tidy` removes it
      await world.close();
    },
  };
}

const unknownNotifier = (name: string, known: readonly string[]) =>
  fail('usage/unknown-name', {
    ...{ kind: 'notifier', name, nearest: didYouMean(name, known) },
    advice: known.length > 0 ? `Declared: ${known.join(', ')}.` : 'Declare it in `alarms` of certfleet.yaml.',
  });

/** The connections that a pass uses, by place. */
type Uses<T> = Map<string, Promise<Used<T>>>;

interface Used<T> extends Use<T> {
  readonly credentials: string;
}

async function endAll<T>(uses: Uses<T>): Promise<void> {
  const all = await Promise.allSettled(uses.values());
  uses.clear();
  for (const one of all) if (one.status === 'fulfilled') one.value.end();
}

/** Makes a value once per key. Forgets failures, so that a later attempt may succeed. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key);
  if (known) return known;
  const making = make();
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}
