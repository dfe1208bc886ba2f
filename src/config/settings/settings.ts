import { formatHostPort, parseHostPort } from '../../core/names/host-port.ts';
import type { AdapterSettings, CertificateSpec, ListenSettings, Settings } from '../../core/spec/spec.ts';
import { namedAdapters } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import { withTraits } from '../adapters/engine-traits.ts';
import { deployerWithUses, solverWithUses } from '../adapters/referred-adapters.ts';
import type { Environment } from '../options/secret-references.ts';
import { keys, type Places, type Problem, problemsOf } from '../problems.ts';
import { adapterEntry, type Registry, throughOf } from '../registry/registry.ts';
import { checkAdapter, checkBalancerOf, checkZones, withFolders, withModule } from './adapters.ts';
import type { Building, Declared } from './building.ts';
import { certificateOf, checkStateless } from './certificates.ts';
import { defaultSettings } from './defaults.ts';
import { checkHookVariables } from './hook-variables.ts';
import { issuerOf } from './issuers.ts';
import { pagesOf } from './pages.ts';
import { type Configuration, configuration } from './schema.ts';

/** The context of a configuration. */
export interface Surroundings {
  readonly env: Environment;
  readonly registry: Registry;
  /** The folder of the configuration's file, to which paths of modules may be relative. */
  readonly folder?: string | undefined;
  /** Names for values in messages; by default, the keys of a file. */
  readonly places?: Places;
  /** Checked settings that certificates may name, too. */
  readonly declared?: Declared;
  /** The present time. Without it, only those dates of a certificate are checked that are durations. */
  readonly now?: Date;
  /** Reports whether a problem does not matter to the caller. */
  readonly overlooks?: (problem: Problem) => boolean;
}

/** Returns the settings in a configuration, a file's or that of flags, or all its problems. */
export async function settingsIn(
  value: unknown,
  { env, registry, folder, places = keys, declared = nothing, now, overlooks = () => false }: Surroundings,
): Promise<{ readonly settings: Settings | undefined; readonly problems: readonly Problem[] }> {
  const parsed = configuration.safeParse(value, { jitless: isShort(value) });
  if (!parsed.success)
    return { settings: undefined, problems: problemsOf(parsed.error, configuration, value, { base: [], places }) };
  const found: Problem[] = [];
  const variables = { hookVariables: [], secretVariables: [] };
  const building = { env, registry, folder, places, declared, now, problems: found, ...variables };
  const settings = await build(parsed.data, building);
  const problems = found.filter((problem) => !overlooks(problem));
  return { settings: problems.length === 0 ? settings : undefined, problems };
}

/**
 * Reports whether there are so few certificates that compiling the schema would take longer than checking them without
 * that.
 */
const isShort = (value: unknown): boolean => {
  const { certificates } = (value ?? {}) as { readonly certificates?: unknown };
  return !Array.isArray(certificates) || certificates.length < 100;
};

const nothing: Declared = { issuers: {}, balancers: {}, solvers: {}, deployers: {} };

async function build(parsed: Configuration, building: Building): Promise<Settings> {
  const defaults = defaultSettings(building.env);
  const store = (parsed.store ?? defaults.store) as AdapterSettings;
  const solvers = Object.fromEntries(
    Object.entries(parsed.solvers as Record<string, AdapterSettings>).map(([name, solver]) => [
      name,
      withModule(solver, ['solvers', name], building),
    ]),
  );
  const balancers = parsed.balancers as Record<string, AdapterSettings>;
  const deployers = withFolders(parsed, building.declared.deployers);
  const issuers = Object.fromEntries(
    Object.entries(parsed.issuers).map(([name, issuer]) => [name, issuerOf(issuer, ['issuers', name], building)]),
  );
  const { declared } = building;
  const all: Declared = {
    issuers: { ...declared.issuers, ...issuers },
    balancers: { ...declared.balancers, ...balancers },
    solvers: { ...declared.solvers, ...namedAdapters(solvers) },
    deployers: { ...declared.deployers, ...namedAdapters(deployers) },
  };
  if (parsed.store) await checkAdapter('store', store, ['store'], building);
  for (const [name, balancer] of Object.entries(balancers))
    await checkAdapter('balancer', balancer, ['balancers', name], building);
  for (const [name, solver] of Object.entries(solvers))
    await checkAdapter('solver', solver, ['solvers', name], building);
  for (const [name, deployer] of Object.entries(deployers))
    await checkAdapter('deployer', deployer, ['deployers', name], building);
  const alarms = parsed.alarms as Record<string, AdapterSettings>;
  for (const [name, notifier] of Object.entries(alarms))
    await checkAdapter('notifier', notifier, ['alarms', name], building);
  for (const [name, solver] of Object.entries(solvers)) checkZones(solver, ['solvers', name], all.solvers, building);
  for (const [name, solver] of Object.entries(solvers))
    if (throughOf(building.registry, solver) === 'balancer')
      checkBalancerOf(solver, { path: ['solvers', name], balancers: all.balancers }, building);
  for (const [name, deployer] of Object.entries(deployers)) {
    const needed = (await adapterEntry(building.registry, 'deployer', deployer.type)?.load())?.balancer;
    if (needed !== undefined)
      checkBalancerOf(deployer, { path: ['deployers', name], balancers: all.balancers, needed }, building);
  }
  checkHookVariables(building);
  const certificates: CertificateSpec[] = [];
  const seen = new Set<string>();
  for (const [index, certificate] of parsed.certificates.entries()) {
    const path = ['certificates', index];
    if (seen.has(certificate.name))
      building.problems.push({
        path: [...path, 'name'],
        message: `the certificate name "${certificate.name}" is used twice; every certificate needs its own`,
      });
    seen.add(certificate.name);
    certificates.push(await certificateOf(certificate, path, all, building));
  }
  const [ownSolvers, ownDeployers] = await Promise.all([
    mapOf(namedAdapters(solvers), (one) => withTraits('solver', solverWithUses(one, all), building.registry)),
    mapOf(namedAdapters(deployers), (one) => withTraits('deployer', deployerWithUses(one, all), building.registry)),
  ]);
  const pages = parsed.pages && pagesOf(parsed.pages, { certificates, listen: parsed.listen?.address }, building);
  const named = {
    solvers: { ...declared.solvers, ...ownSolvers },
    deployers: { ...declared.deployers, ...ownDeployers },
  };
  checkStateless({ certificates, issuers: all.issuers, solvers: named.solvers }, building);
  return {
    store,
    storeIsDeclared: parsed.store !== undefined,
    storeKeys: parsed.storeKey ?? defaults.storeKeys ?? [],
    ...present({
      responderSecret: parsed.responderSecret,
      node: parsed.node ?? defaults.node,
      listen: parsed.listen ? listenOf(parsed.listen) : defaults.listen,
    }),
    ...present({ pages }),
    ...present({ heartbeat: parsed.heartbeat && { url: parsed.heartbeat.url, everyMs: parsed.heartbeat.every } }),
    issuers: all.issuers,
    balancers: all.balancers,
    ...named,
    certificates,
    alarms: namedAdapters(alarms),
    preflight: {
      resolvers: parsed.preflight.resolvers.map((text) => formatHostPort(parseHostPort(text, 53)!)), // checked by the schema
      http01Port: parsed.preflight.http01Port,
      ...present({ tlsAlpn01Port: parsed.preflight.tlsAlpn01Port }),
    },
    shutdownBudgetMs: parsed.shutdownBudget,
    leaseTtlMs: parsed.leaseTtl,
    deployTimeoutMs: parsed.deployTimeout,
    deployDeadlineMs: parsed.deployDeadline,
  };
}

const listenOf = ({ address, token }: NonNullable<Configuration['listen']>): ListenSettings => ({
  address,
  ...present({ token }),
});

/** Returns the same record with changed values. */
async function mapOf<T>(
  record: Readonly<Record<string, T>>,
  change: (value: T) => Promise<T>,
): Promise<Readonly<Record<string, T>>> {
  const changed = Object.entries(record).map(async ([name, value]) => [name, await change(value)] as const);
  return Object.fromEntries(await Promise.all(changed));
}
