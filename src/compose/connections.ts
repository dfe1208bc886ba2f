import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { createIssuer } from '../acme/issuer.ts';
import { createLiveFolder } from '../clients/folders/live-folder.ts';
import { refuseForeignPrograms } from '../clients/hook-programs.ts';
import { parseHostPort } from '../config/addresses.ts';
import { eachAdapter } from '../config/each-adapter.ts';
import type { Environment } from '../config/options.ts';
import { canonical } from '../core/spec/same-spec.ts';
import type { PreflightSettings, StoredSpec } from '../core/spec/spec.ts';
import { type OwnedSolver, partsOf, targetNames, targetOf } from '../core/spec/spec-parts.ts';
import type { SolverContext } from '../define.ts';
import type { Connections, Looks } from '../engine/engine.ts';
import { createLooks } from '../engine/looks/looks.ts';
import type { Dns01Options } from '../engine/solvers/dns01.ts';
import { createZones, type Zones } from '../engine/zones/zone.ts';
import { hookEnvironment } from '../lib/hook-environment.ts';
import { userAgent } from '../lib/user-agent.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { AlpnResponder, Responder } from '../ports/responder.ts';
import type { Solver } from '../ports/solver.ts';
import { pki } from '../x509/pki.ts';
import {
  balancerOf,
  connectDeployer,
  connectSolver,
  dns01PartsOf,
  ownerOf,
  readExternalAccount,
  resolversOf,
} from './adapters.ts';
import type { ConnectContext } from './context.ts';
import { keptCredentials } from './credentials.ts';
import { digestOf } from './digest.ts';

/** A CA that is 50 ms away answers 20 requests a second per connection, and a certificate takes eight. */
const connectionsToCa = 64;

export interface ComposedConnections extends Connections {
  /** What the solver `dns01` of a spec is made of, for a test of its DNS provider. The caller closes the provider. */
  dns01(part: OwnedSolver): Promise<Dns01Options>;
  close(signal?: AbortSignal): Promise<void>;
}

export function connect(context: ConnectContext): ComposedConnections {
  const { world, store, storeId, env } = context;
  const issuers = new Map<string, Issuer>();
  const solvers = new Map<string, Promise<{ solver: Solver; credentials: string }>>();
  const keptOf = new Map<string, Promise<Environment>>();
  const zones = new Map<string, Zones>();
  const looks = new Map<string, Looks>();
  const deployers = new Map<string, Promise<{ deployer: Deployer; credentials: string }>>();
  const responders = new Map<string, Responder>();
  const alpnResponders = new Map<string, AlpnResponder>();
  const balancers = new Map<string, Promise<Balancer>>();

  // Certificates with the same settings share one object (one port, one queue of hooks), unless one has its own
  // credentials, stored when it was issued by flags.
  async function shared<T>(
    made: Map<string, Promise<T>>,
    settings: unknown,
    owner: { readonly name: string },
    make: (env: Environment) => Promise<T>,
  ): Promise<T> {
    const kept = await keptBy(owner);
    return once(made, digestOf([settings, kept]), () => make({ ...kept, ...env }));
  }

  const keptBy = ({ name }: { readonly name: string }) => once(keptOf, name, () => keptCredentials(store, name));

  const solverOf = (part: OwnedSolver) =>
    shared(solvers, [part.solver, part.preflight], part, (own) =>
      connectSolver({ ...context, env: own, zonesOf, responders: { responder, alpnResponder } }, part),
    );
  const deployerOf = (spec: StoredSpec, name: string) => {
    const target = targetOf(spec, name);
    return shared(deployers, target ?? name, spec, (own) =>
      connectDeployer({ ...context, env: own }, name, target?.settings),
    );
  };

  async function externalAccountOf(spec: StoredSpec) {
    const { eab } = spec.issuer.settings;
    if (!eab) return undefined;
    const own = { ...(await keptBy(spec)), ...env };
    return readExternalAccount({ ...context, env: own }, eab, spec.issuer.name);
  }

  const responder: SolverContext<unknown>['responder'] = ({ listen, fallback }, create) => {
    const key = canonical([listen, fallback ?? null]);
    const known = responders.get(key);
    if (known) return known;
    const to = fallback === undefined ? undefined : parseHostPort(fallback);
    const made = create({ listen, ...(to ? { fallback: to } : {}) }, { world, store });
    responders.set(key, made);
    return made;
  };

  const alpnResponder: SolverContext<unknown>['alpnResponder'] = (listen, create) => {
    const made = alpnResponders.get(listen) ?? create({ listen }, { world, store, pki });
    alpnResponders.set(listen, made);
    return made;
  };

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
      const key = digestOf([name, settings]);
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
    externalAccount: async (spec) => (await externalAccountOf(spec))?.account,
    async roots({ caFile }) {
      const bytes = caFile === undefined ? undefined : await world.files.read(caFile);
      return new TextDecoder().decode(bytes);
    },
    solver: async (part) => (await solverOf(part)).solver,
    dns01: async (part) => (await dns01PartsOf({ ...context, zonesOf }, part)).parts,
    deployer: async (spec, target) => (await deployerOf(spec, target)).deployer,
    async forgetDeployed(lineage) {
      const { files } = world;
      const { deployed = '' } = store;
      for (const name of deployed === '' ? [] : ((await files.list(deployed)) ?? [])) {
        const root = join(deployed, name);
        if ((await files.stat(root))?.kind !== 'folder') continue;
        await createLiveFolder({ files, root, target: root }).forget(lineage);
      }
    },
    get owner() {
      return ownerOf(storeId());
    },
    async balancers(stored) {
      const declared = Object.entries(context.balancers).map(([name, settings]) => ({ name, settings }));
      const named = stored.flatMap((spec) => eachAdapter(spec).filter(({ kind }) => kind === 'balancer'));
      const all = new Map([...named, ...declared].map((one) => [digestOf(one.settings), one]));
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
    hooks: {
      environment: () => hookEnvironment([]),
      check: (command) => refuseForeignPrograms(world.files, command, hookEnvironment([])['HOME']),
      async freePorts(signal) {
        const made = await Promise.allSettled(solvers.values());
        solvers.clear();
        responders.clear();
        alpnResponders.clear();
        await Promise.allSettled(
          made.map((one) => (one.status === 'fulfilled' ? one.value.solver.close?.(signal) : undefined)),
        );
      },
    },
    digest: digestOf,
    async credentialsOf(spec) {
      const hash = createHash('sha256');
      for (const part of partsOf(spec)) hash.update((await solverOf(part)).credentials);
      // Only an account that is not open yet needs the key, so it may be gone.
      const bound = await externalAccountOf(spec).catch(() => undefined);
      if (bound) hash.update(bound.credentials);
      for (const target of targetNames(spec)) hash.update((await deployerOf(spec, target)).credentials);
      return hash.digest('hex');
    },
    async close(signal) {
      const made = await Promise.allSettled(solvers.values());
      await Promise.allSettled(
        made.map((one) => (one.status === 'fulfilled' ? one.value.solver.close?.(signal) : undefined)),
      );
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
