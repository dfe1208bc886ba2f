import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { balancerIn, zonesElsewhere } from '../config/adapters/referred-adapters.ts';
import { resolveExternalAccount } from '../config/options/external-account.ts';
import { type ResolvedOptions, resolveOptions, type WithOptions } from '../config/options/options.ts';
import { adapterEntry } from '../config/registry/registry.ts';
import { fail } from '../core/errors/errors.ts';
import { parseServerAddress } from '../core/names/dns-name.ts';
import type { AdapterSettings, ExternalAccount, NamedAdapter, PreflightSettings } from '../core/spec/spec.ts';
import type { OwnedSolver } from '../core/spec/spec-parts.ts';
import { present } from '../core/text/present.ts';
import type { DnsSolverSettings, NamedBalancer, SolverContext, z } from '../define.ts';
import { createHolders } from '../engine/run/stored-lineage.ts';
import type { Dns01Options } from '../engine/solvers/dns01.ts';
import type { ForwardRuleOptions } from '../engine/solvers/http01-forward-rule.ts';
import type { ZoneHolder } from '../engine/solvers/zone-holders.ts';
import type { Zones } from '../engine/zones/zone.ts';
import { registry } from '../generated/registry.ts';
import type { Balancer } from '../ports/balancer.ts';
import type { Deployer } from '../ports/deployer.ts';
import type { DnsServer } from '../ports/dns.ts';
import type { Http } from '../ports/http.ts';
import type { ExternalAccount as PortExternalAccount } from '../ports/issuer.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Solver } from '../ports/solver.ts';
import type { World } from '../ports/world.ts';
import { pki } from '../x509/pki.ts';
import { type ConnectContext, secretsFrom, unknownType } from './context.ts';
import { digestOf } from './digest.ts';
import type { Connected, Prepared } from './pool.ts';

/** Returns the mark on a store's objects at a balancer (`core/request-path/own-mark.ts`). */
export const ownerOf = (storeId: string): string =>
  createHash('sha256').update(`certfleet owner ${storeId}`).digest('hex').slice(0, 12);

/** Returns the sources of secrets. */
const resolvingIn = ({ world, env, onFile }: ConnectContext) => ({
  ...secretsFrom(env),
  files: world.files,
  onFile,
  warn: (message: string) => world.log.warn(message),
});

/** Returns an adapter's options, with their secrets read. */
async function optionsOf<Shape extends z.ZodObject>(
  context: ConnectContext,
  definition: WithOptions<Shape>,
  settings: AdapterSettings,
  name: string,
) {
  const resolved = await resolveOptions(definition, settings, { ...resolvingIn(context), name });
  const { caFile } = resolved.options as { readonly caFile?: unknown };
  if (typeof caFile === 'string') await context.onFile(caFile);
  return resolved;
}

/** Returns an issuer's external account, with its key read. */
export async function readExternalAccount(
  context: ConnectContext,
  eab: ExternalAccount,
  issuer: string,
): Promise<{ readonly account: PortExternalAccount; readonly credentials: string }> {
  const { options, credentials } = await resolveExternalAccount(eab, issuer, resolvingIn(context));
  const { kid, hmacKey, algorithm = 'HS256' } = options;
  return { account: { kid, hmacKey, algorithm }, credentials };
}

/** An adapter with its options, ready to be connected. */
export interface PreparedAdapter<T> extends Prepared<T> {
  /** A hash of the adapter's secrets, stored in the lineage. */
  readonly credentials: string;
}

/** @param connect receives a world whose HTTP clients are closed with the connection */
function prepared<T>(
  { world, roots }: ConnectContext,
  resolved: readonly ResolvedOptions<unknown>[],
  connect: (world: World) => Pick<Connected<T>, 'value' | 'keepMs'> & Partial<Pick<Connected<T>, 'close'>>,
): PreparedAdapter<T> {
  const credentials = resolved.map((one) => one.credentials).join('');
  return {
    credentials,
    stamp: digestOf([resolved.map(({ options }) => options), credentials, roots()]),
    connect() {
      const clients: Http[] = [];
      const http: World['http'] = (options) => {
        const client = world.http(options);
        clients.push(client);
        return client;
      };
      const { close, ...connected } = connect({ ...world, http });
      return {
        ...connected,
        async close(signal) {
          await close?.(signal);
          await Promise.all(clients.map((client) => client.close()));
        },
      };
    },
  };
}

/** Returns the balancer that a stored solver or deployer names, with its options. */
export async function balancerOf(context: ConnectContext, named: NamedAdapter | undefined) {
  const entry = named && adapterEntry(registry, 'balancer', named.settings.type);
  if (!entry) throw unknownType('balancer', named?.settings.type ?? 'of these settings');
  const definition = await entry.load();
  const { name } = named;
  const resolved = await optionsOf(context, definition, named.settings, name);
  const { options } = resolved;
  return { ...resolved, name, connectIn: (world: World): Balancer => definition.connect({ options, name, world }) };
}

/** Prepares a balancer with its options for a connection. */
export async function prepareBalancer(
  context: ConnectContext,
  named: NamedAdapter,
): Promise<PreparedAdapter<Balancer>> {
  const balancer = await balancerOf(context, named);
  return prepared(context, [balancer], (world) => {
    const value = balancer.connectIn(world);
    return { value, close: async () => value.close?.() };
  });
}

/** Prepares a deployer with its options for a connection. */
export async function prepareDeployer(
  context: ConnectContext,
  name: string,
  target: NamedAdapter | undefined,
): Promise<PreparedAdapter<Deployer>> {
  const { node, store, storeId } = context;
  const entry = target && adapterEntry(registry, 'deployer', target.settings.type);
  if (!entry) throw unknownType('deployer', target?.settings.type ?? name);
  const definition = await entry.load();
  const named = definition.balancer === undefined ? undefined : await balancerOf(context, balancerIn(target));
  const resolved = await optionsOf(context, definition, target.settings, name);
  return prepared(context, [resolved, ...(named ? [named] : [])], (world) => ({
    value: definition.connect({
      options: resolved.options,
      name,
      world,
      folder: store.deployed && join(store.deployed, node),
      owner: ownerOf(storeId()),
      pki,
      holderOf: createHolders(store, world.clock),
      balancer: named && ({ options: named.options } satisfies NamedBalancer),
    }),
  }));
}

/** Prepares a notifier with its options for a connection. */
export async function prepareNotifier(
  context: ConnectContext,
  { name, settings }: NamedAdapter,
): Promise<PreparedAdapter<Notifier>> {
  const entry = adapterEntry(registry, 'notifier', settings.type);
  if (!entry) throw unknownType('notifier', settings.type);
  const definition = await entry.load();
  const resolved = await optionsOf(context, definition, settings, name);
  return prepared(context, [resolved], (world) => {
    const value = definition.connect({ options: resolved.options, name, world });
    return { value, close: async () => value.close?.() };
  });
}

export interface SolverParts extends ConnectContext {
  readonly zonesOf: (settings: PreflightSettings) => Zones;
  readonly responders: Pick<SolverContext<unknown>, 'responder' | 'alpnResponder'>;
}

/** Returns the checked settings of a solver over DNS. */
async function dnsSettings({ type, ...options }: AdapterSettings): Promise<DnsSolverSettings> {
  const definition = await adapterEntry(registry, 'solver', type)?.load();
  if (definition?.through !== 'dns') throw unknownType('solver', type);
  return definition.read(definition.options.parse(options));
}

/** Returns the options of a spec's solver over DNS. The caller closes the providers. */
export async function prepareDns01(
  context: Omit<SolverParts, 'responders'>,
  { solver, preflight }: OwnedSolver,
): Promise<{ readonly resolved: readonly ResolvedOptions<unknown>[]; connectIn(world: World): Dns01Options }> {
  const { zonesOf, locks } = context;
  const dns01 = await dnsSettings(solver.settings);
  const { challenge, persistMs, ignoreNameservers, vantagePoints } = dns01;
  const own = await zoneHolderOf(context, solver.name, dns01);
  const others = await Promise.all(
    zonesElsewhere(solver).map(async ({ zone, solver: { name, settings } }) => {
      const { resolved, connectIn } = await zoneHolderOf(context, name, await dnsSettings(settings));
      return { resolved, connectIn: (world: World) => ({ ...connectIn(world), zone, solver: name }) };
    }),
  );
  const vantages = vantagePoints.map((text) => serverAt(text, 'vantagePoints'));
  return {
    resolved: [own, ...others].map(({ resolved }) => resolved),
    connectIn: (world) => ({
      ...own.connectIn(world),
      elsewhere: others.map(({ connectIn }) => connectIn(world)),
      ...{ challenge, persistMs, locks, ignoreNameservers, zones: zonesOf(preflight) },
      vantagePoints: vantages,
      ...{ dns: world.dns, clock: world.clock, log: world.log },
      sha256: (data: string | Uint8Array) => createHash('sha256').update(data).digest(),
    }),
  };
}

/** Returns the options of a spec's solver behind a balancer. The caller closes the balancer and the responder. */
export async function prepareForwardRule(
  context: SolverParts,
  { solver }: OwnedSolver,
): Promise<{ readonly resolved: ResolvedOptions<unknown>; connectIn(world: World): ForwardRuleOptions }> {
  const { type, ...options } = solver.settings;
  const definition = await adapterEntry(registry, 'solver', type)?.load();
  if (definition?.through !== 'balancer') throw unknownType('solver', type);
  const { createResponder } = await import('../responder/responder.ts');
  const { listen, fallback, keep, byHand, healthCheck, timeoutMs } = definition.read(definition.options.parse(options));
  const balancer = await balancerOf(context, balancerIn(solver));
  return {
    resolved: balancer,
    connectIn: (world) => ({
      balancer: balancer.connectIn(world),
      name: balancer.name,
      responder: context.responders.responder({ listen, fallback, healthCheck }, createResponder),
      locks: context.locks,
      owner: ownerOf(context.storeId()),
      clock: world.clock,
      random: world.random,
      keep,
      byHand,
      timeoutMs,
    }),
  };
}

async function zoneHolderOf(
  context: ConnectContext,
  name: string,
  { provider: type, options, dns, timeoutMs, propagationMs }: DnsSolverSettings,
): Promise<{ readonly resolved: ResolvedOptions<unknown>; connectIn(world: World): ZoneHolder }> {
  const entry = adapterEntry(registry, 'dns', type);
  if (!entry) throw unknownType('DNS provider', type);
  const definition = await entry.load();
  const resolved = await optionsOf(context, definition, options, name);
  return {
    resolved,
    connectIn: (world) => ({
      provider: definition.connect({ options: resolved.options, name, world }),
      type,
      traits: definition.traits,
      timeoutMs,
      propagationMs,
      ...present({ override: dns }),
    }),
  };
}

/**
 * How long a process keeps the port of a responder after its last order: the next order often follows, and may need what
 * a balancer's health check has found. A process of another store waits longer for the port.
 */
const keepPortMs = 10_000;

/** Prepares a solver with its options for a connection. */
export async function prepareSolver(context: SolverParts, part: OwnedSolver): Promise<PreparedAdapter<Solver>> {
  const { store, storeId, responders } = context;
  const { name, settings } = part.solver;
  const entry = adapterEntry(registry, 'solver', settings.type);
  if (!entry) throw unknownType('solver', settings.type);
  const definition = await entry.load();
  const closing = (value: Solver) => ({
    value,
    ...present({ keepMs: definition.listensFor && keepPortMs }),
    close: async (signal: AbortSignal | undefined) => value.close?.(signal),
  });
  if (definition.through === 'balancer') {
    const [{ createForwardRule }, { resolved, connectIn }] = await Promise.all([
      import('../engine/solvers/http01-forward-rule.ts'),
      prepareForwardRule(context, part),
    ]);
    return prepared(context, [resolved], (world) => closing(createForwardRule(connectIn(world))));
  }
  if (definition.through === 'dns') {
    const [{ createDns01 }, { resolved, connectIn }] = await Promise.all([
      import('../engine/solvers/dns01.ts'),
      prepareDns01(context, part),
    ]);
    return prepared(context, resolved, (world) => closing(createDns01(connectIn(world))));
  }
  const resolved = await optionsOf(context, definition, settings, name);
  return prepared(context, [resolved], (world) =>
    closing(
      definition.connect({
        ...{ options: resolved.options, name, world, store, ...responders },
        get storeId() {
          return storeId();
        },
      }),
    ),
  );
}

/** Returns the resolvers that should see what the CA sees: the configured ones, or else the machine's own. */
export function resolversOf(world: World, settings: PreflightSettings): readonly DnsServer[] {
  if (settings.resolvers.length === 0) return world.dns.systemResolvers();
  return settings.resolvers.map((text) => serverAt(text, 'preflight.resolvers'));
}

function serverAt(text: string, option: string): DnsServer {
  const server = parseServerAddress(text);
  if (!server) throw fail('usage/invalid-value', { typed: `"${text}" in ${option}`, form: 'an IP address' });
  return server;
}
