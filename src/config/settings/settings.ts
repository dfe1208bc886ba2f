import { resolve } from 'node:path';
import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import { type KnownIssuer, knownIssuers } from '../../core/ca/known-issuers.ts';
import { CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import { formatHostPort, parseHostPort } from '../../core/names/host-port.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import type {
  AdapterSettings,
  CertificateSpec,
  ExternalAccount,
  HookKind,
  Hooks,
  IssuerSettings,
  Settings,
} from '../../core/spec/spec.ts';
import { type NamedSolvers, namedAdapters, solverNameOf, solversFor } from '../../core/spec/spec-parts.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import { present } from '../../core/text/present.ts';
import { isForEveryHook } from '../../core/trust/hook-variables.ts';
import type { DnsSolverSettings, SolverDefinition } from '../../define.ts';
import { withTraits } from '../adapters/engine-traits.ts';
import { deployerWithUses, solverWithUses } from '../adapters/referred-adapters.ts';
import { wishesOf } from '../certificates/certificate-options.ts';
import { checkIdentifiers, parseIdentifier, parseIdentifiers } from '../certificates/identifiers.ts';
import { directoryOf } from '../certificates/issuer-directory.ts';
import { checkOrder } from '../certificates/order-limits.ts';
import { eabSettings, externalAccount, externalAccountOf } from '../options/external-account.ts';
import { checkOptions, secretVariables, type WithOptions } from '../options/options.ts';
import type { Environment } from '../options/secret-references.ts';
import { keys, type Places, type Problem, problemsOf, shown } from '../problems.ts';
import {
  type AdapterKind,
  adapterEntry,
  challengesOf,
  isModulePath,
  kindTitles,
  type Registry,
  throughOf,
  typesOf,
} from '../registry/registry.ts';
import { defaultSettings } from './defaults.ts';
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

/** The settings that certificates refer to by name. */
export type Declared = Pick<Settings, 'issuers' | 'balancers' | 'solvers' | 'deployers'>;

const nothing: Declared = { issuers: {}, balancers: {}, solvers: {}, deployers: {} };

interface Building {
  readonly env: Environment;
  readonly registry: Registry;
  /** The folder of the configuration, to which paths of modules may be relative. */
  readonly folder: string | undefined;
  readonly places: Places;
  readonly declared: Declared;
  readonly now: Date | undefined;
  readonly problems: Problem[];
  /** The variables that hooks should get, and those that hold secrets. No variable may be both. */
  readonly hookVariables: { readonly path: Path; readonly name: string }[];
  readonly secretVariables: { readonly path: Path; readonly name: string }[];
}

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
  const named = {
    solvers: { ...declared.solvers, ...ownSolvers },
    deployers: { ...declared.deployers, ...ownDeployers },
  };
  checkStateless({ certificates, issuers: all.issuers, solvers: named.solvers }, building);
  return {
    store,
    storeIsDeclared: parsed.store !== undefined,
    storeKeys: parsed.storeKey ?? defaults.storeKeys ?? [],
    issuers: all.issuers,
    balancers: all.balancers,
    ...named,
    certificates,
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

type Path = readonly PropertyKey[];

const accountNeeded = ({ title, accountBinding = '' }: KnownIssuer): CertfleetError =>
  fail('config/account-needed', { issuer: title, where: accountBinding });

function issuerOf(issuer: Configuration['issuers'][string], path: Path, building: Building): IssuerSettings {
  const { problems, places } = building;
  const found = directoryOf(issuer.directory);
  if (!found)
    problems.push({
      path: [...path, 'directory'],
      message: `the directory "${shown(issuer.directory)}" is neither an https:// URL nor a known CA${didYouMean(issuer.directory, Object.keys(knownIssuers))}`,
    });
  if (found?.known?.needsAccountBinding && issuer.eab === undefined && issuer.account === undefined)
    collectError(problems, [...path, 'directory'], accountNeeded(found.known));
  if (issuer.onlyThisCa && issuer.caFile === undefined)
    problems.push({
      path: [...path, 'onlyThisCa'],
      message: `${places.at([...path, 'onlyThisCa'])} needs ${places.at([...path, 'caFile'])}, the PEM file with the only root certificates to trust`,
    });
  const testing = issuer.testDirectory === undefined ? undefined : directoryOf(issuer.testDirectory);
  if (issuer.testDirectory !== undefined && !testing)
    problems.push({
      path: [...path, 'testDirectory'],
      message: `the directory "${shown(issuer.testDirectory)}" is neither an https:// URL nor a known CA${didYouMean(issuer.testDirectory, Object.keys(knownIssuers))}`,
    });
  const testDirectory = testing?.directory ?? found?.known?.testDirectory;
  return {
    directory: found?.directory ?? issuer.directory,
    email: issuer.email,
    agreeToTerms: issuer.agreeToTerms,
    ...present({ caFile: issuer.caFile, onlyThisCa: issuer.onlyThisCa || undefined }),
    test: issuer.test ?? found?.known?.test ?? false,
    ...present({
      testDirectory,
      newAccount: issuer.newAccount || undefined,
      account: issuer.account,
      eab: issuer.eab && checkedExternalAccount(externalAccountOf(issuer.eab), [...path, 'eab'], building),
      accountKey: issuer.accountKey,
    }),
  };
}

function checkedExternalAccount(eab: ExternalAccount, path: Path, building: Building): ExternalAccount {
  // Without a key, an account that is already open can be used.
  const problems = checkOptions(externalAccount, eabSettings(eab), building.env, {
    base: path,
    places: building.places,
  });
  building.problems.push(...problems.filter(({ missing }) => missing !== true));
  collectVariables(externalAccount, eabSettings(eab), path, building);
  return eab;
}

/** Checks one adapter's type and options. Loads only the schema of its type. */
async function checkAdapter(
  kind: AdapterKind,
  settings: AdapterSettings,
  path: Path,
  building: Building,
): Promise<void> {
  const { env, registry, problems, places } = building;
  const entry = adapterEntry(registry, kind, settings.type);
  if (!entry) {
    problems.push({ path: [...path, 'type'], message: unknownType(registry, kind, settings.type) });
    return;
  }
  const definition = await entry.load();
  if ('through' in definition && definition.through !== undefined)
    return checkThrough(definition, settings, path, building);
  // The check of references covers whether the balancer is named and declared.
  const isBalancer = (problem: Problem) => 'balancer' in definition && problem.path.at(-1) === 'balancer';
  problems.push(...checkOptions(definition, settings, env, { base: path, places }).filter((one) => !isBalancer(one)));
  collectVariables(definition, settings, path, building);
}

function collectVariables(definition: WithOptions, settings: AdapterSettings, path: Path, building: Building): void {
  for (const { option, variable } of secretVariables(definition, settings, building.env))
    building.secretVariables.push({ path: [...path, option], name: variable });
  const passed = settings['passEnvironment'];
  if (!Array.isArray(passed)) return;
  for (const [index, name] of passed.entries())
    building.hookVariables.push({ path: [...path, 'passEnvironment', index], name: String(name) });
}

/** Refuses to pass a variable to a hook if `env:NAME` names it as a secret. */
function checkHookVariables({ hookVariables, secretVariables, places, problems }: Building): void {
  for (const { path, name } of hookVariables) {
    const secret = secretVariables.find((one) => one.name === name);
    if (secret === undefined) continue;
    const message = `${places.at(path)}: ${name} is the secret of ${places.at(secret.path)}, which no hook may get; give the hook a variable or file of its own`;
    problems.push({ path, message });
  }
  for (const { path, name } of secretVariables) {
    if (!isForEveryHook(name)) continue;
    const message = `${places.at(path)}: every hook gets the variable ${name}; put the secret into one with another name`;
    problems.push({ path, message });
  }
}

/** Checks the options of a solver that the engine makes, and those of its DNS provider. */
async function checkThrough(
  definition: SolverDefinition,
  settings: AdapterSettings,
  path: Path,
  building: Building,
): Promise<void> {
  const { places, problems, registry } = building;
  const { type: _type, ...rest } = settings;
  const parsed = definition.options.safeParse(rest);
  if (!parsed.success) problems.push(...problemsOf(parsed.error, definition.options, rest, { base: path, places }));
  else if (definition.through === 'dns')
    await checkProvider(definition.read(parsed.data), challengesOf(registry, settings), path, building);
}

/** Checks that the balancer that a solver or deployer names is declared, and has the type that the deployer needs. */
function checkBalancerOf(
  settings: AdapterSettings,
  {
    path,
    balancers,
    needed,
  }: {
    readonly path: Path;
    readonly balancers: Readonly<Record<string, AdapterSettings>>;
    readonly needed?: string;
  },
  { places, problems }: Building,
): void {
  const { balancer } = settings;
  const where = places.at(path);
  if (typeof balancer !== 'string') {
    // The solver's own options report that.
    const message = `${where}: name the load balancer in balancer, one of those under balancers`;
    if (needed !== undefined) problems.push({ path, message });
    return;
  }
  const found = Object.hasOwn(balancers, balancer) ? balancers[balancer] : undefined;
  const at = [...path, 'balancer'];
  if (!found) problems.push(unknownReference(at, where, 'balancer', balancer, Object.keys(balancers)));
  else if (needed !== undefined && found.type !== needed) {
    const message = `${where}: ${settings.type} needs a balancer of type ${needed}, but ${balancer} is of type ${found.type}`;
    problems.push({ path: at, message });
  }
}

/**
 * Checks that all certificates of a stateless solver use the same account, because a proxy's configuration answers with
 * the key of one account.
 */
function checkStateless(
  {
    certificates,
    issuers,
    solvers,
  }: {
    readonly certificates: readonly CertificateSpec[];
    readonly issuers: Readonly<Record<string, IssuerSettings>>;
    readonly solvers: Settings['solvers'];
  },
  { problems }: Building,
): void {
  for (const [name, solver] of Object.entries(solvers)) {
    if (solver.traits?.stateless !== true) continue;
    const users = certificates.filter((one) => one.identifiers.some((id) => solverNameOf(one, id) === name));
    const named = [...new Set(users.map(({ issuer }) => issuer))].flatMap((issuer) => {
      const settings = Object.hasOwn(issuers, issuer) ? issuers[issuer] : undefined;
      return settings ? [[accountKey(accountOf(settings)), issuer] as const] : [];
    });
    const accounts = new Map(named.reverse());
    if (accounts.size < 2) continue;
    const error = fail('config/two-accounts', { solver: name, accounts: [...accounts.values()].reverse().join(', ') });
    collectError(problems, ['solvers', name], error);
  }
}

/** Checks that a solver that changes a zone for another one is declared, and has a DNS provider. */
function checkZones(
  solver: AdapterSettings,
  path: Path,
  solvers: Settings['solvers'],
  { places, problems, registry }: Building,
): void {
  const { type, zones } = solver;
  if (throughOf(registry, solver) !== 'dns' || typeof zones !== 'object' || zones === null) return;
  const where = places.at(path);
  for (const [zone, name] of Object.entries(zones)) {
    if (typeof name !== 'string') continue; // the check of options reports that
    const at = [...path, 'zones', zone];
    const found = Object.hasOwn(solvers, name) ? solvers[name] : undefined;
    if (!found) problems.push(unknownReference(at, where, 'solver', name, Object.keys(solvers)));
    else if (throughOf(registry, found.settings) !== 'dns') {
      const message = `${where}: the solver "${name}" cannot change the zone ${zone}; only one of type ${type} can`;
      problems.push({ path: at, message });
    }
  }
}

/** Returns the same record with changed values. */
async function mapOf<T>(
  record: Readonly<Record<string, T>>,
  change: (value: T) => Promise<T>,
): Promise<Readonly<Record<string, T>>> {
  const changed = Object.entries(record).map(async ([name, value]) => [name, await change(value)] as const);
  return Object.fromEntries(await Promise.all(changed));
}

/** Makes the path of an operator's module that is the DNS provider of a solver absolute. */
function withModule(
  solver: AdapterSettings,
  path: Path,
  { folder, places, problems, registry }: Building,
): AdapterSettings {
  const { module, ...rest } = solver;
  if (throughOf(registry, solver) !== 'dns') return solver;
  const key = module === undefined ? 'provider' : 'module';
  const at = [...path, key];
  const given = solver[key];
  if (module !== undefined && rest['provider'] !== undefined)
    problems.push({
      path: at,
      message: `${places.at(path)}: name the provider with \`provider\` or \`module\`, not with both`,
    });
  else if (module !== undefined && typeof given !== 'string')
    problems.push({ path: at, message: `${places.at(at)}: expected the path of a JavaScript file` });
  if (typeof given !== 'string' || (module === undefined && !isModulePath(given))) return solver;
  if (folder === undefined && !given.startsWith('/'))
    problems.push({ path: at, message: `${places.at(at)}: expected an absolute path` });
  return { ...rest, type: solver.type, provider: resolve(folder ?? '/', given) };
}

async function checkProvider(
  { provider, options }: DnsSolverSettings,
  answers: readonly ChallengeType[],
  path: Path,
  building: Building,
): Promise<void> {
  const { env, registry, places, problems } = building;
  const entry = adapterEntry(registry, 'dns', provider);
  if (!entry) {
    problems.push({ path: [...path, 'provider'], message: unknownType(registry, 'dns', provider) });
    return;
  }
  const definition = await entry.load().catch((error: unknown) => {
    // An operator's module.
    if (!isFailure(error)) throw error;
    problems.push({ path: [...path, 'provider'], message: error.message, error });
  });
  if (!definition) return;
  if (answers.includes('dns-persist-01') && definition.traits.keepsLast !== undefined)
    problems.push({
      path: [...path, 'challenge'],
      message: `${places.at(path)}: ${provider} cannot answer dns-persist-01, since it keeps only the last ${definition.traits.keepsLast} values of a name`,
    });
  problems.push(...checkOptions(definition, options, env, { base: [...path, 'options'], places }));
  collectVariables(definition, options, [...path, 'options'], building);
}

/** Returns `there is no solver "htp01": …`, with the nearest type or all of them. */
export function unknownType(registry: Registry, kind: AdapterKind, type: string): string {
  const known = typesOf(registry, kind);
  return `there is no ${kindTitles[kind]} "${shown(type)}"${didYouMean(type, known) || `; available: ${known.join(', ')}`}`;
}

async function certificateOf(
  certificate: Configuration['certificates'][number],
  path: Path,
  declared: Declared,
  { now, problems, registry }: Building,
): Promise<CertificateSpec> {
  const where = `the certificate "${certificate.name}"`;
  /** Returns the given name, or the only declared one. Otherwise, adds a problem. */
  const refer = (kind: 'issuer' | 'solver', given: string | undefined, at: Path = [kind]): string | undefined => {
    const all = Object.keys(kind === 'issuer' ? declared.issuers : declared.solvers);
    if (given === undefined && all.length === 1) return all[0];
    if (given === undefined) {
      problems.push({
        path,
        message: `${where} names no ${kind}; ${all.length === 0 ? `declare one under ${kind}s` : `choose one of ${all.join(', ')}`}`,
      });
      return undefined;
    }
    if (all.includes(given)) return given;
    problems.push(unknownReference([...path, ...at], where, kind, given, all));
    return undefined;
  };
  const issuer = refer('issuer', certificate.issuer);
  const named = certificate.identifiers.map((one) => (typeof one === 'string' ? { name: one } : one));
  const own = named.map(
    (one, index) => 'solver' in one && refer('solver', one.solver, ['identifiers', index, 'solver']),
  );
  const needsMain = certificate.solver !== undefined || named.length === 0 || named.some((one) => !('solver' in one));
  const solver = needsMain ? refer('solver', certificate.solver) : own.find((one) => typeof one === 'string');
  const deployers = Object.keys(declared.deployers);
  for (const [index, name] of certificate.deploy.entries()) {
    if (!deployers.includes(name))
      problems.push(unknownReference([...path, 'deploy', index], where, 'deployer', name, deployers));
    else if (certificate.deploy.indexOf(name) < index)
      problems.push({ path: [...path, 'deploy', index], message: `${where} names the deployer "${name}" twice` });
  }
  if (
    (certificate.hooks?.deploy ?? certificate.hooks?.first?.deploy) !== undefined &&
    deployers.includes(deployHookTarget)
  )
    problems.push({
      path: [...path, 'hooks', 'deploy'],
      message: `${where}: the deploy hook is a target called "${deployHookTarget}"; give the deployer of that name another one`,
    });
  let identifiers: readonly Identifier[] = [];
  let solvers: NamedSolvers = { solver: solver ?? '' };
  const given = new Map<string, string>();
  const before = problems.length;
  for (const [index, { name }] of named.entries())
    await collect(problems, [...path, 'identifiers', index], () => {
      const { value } = parseIdentifier(name);
      const its = own[index] || solver;
      if (its === undefined) return;
      if ((given.get(value) ?? its) !== its)
        problems.push({
          path: [...path, 'identifiers', index],
          message: `${where} lists ${value} with the solvers "${given.get(value)}" and "${its}"; choose one`,
        });
      given.set(value, its);
    });
  if (problems.length === before) {
    await collect(problems, [...path, 'identifiers'], async () => {
      identifiers = parseIdentifiers(
        named.map(({ name }) => name),
        where,
      );
      if (issuer === undefined || solver === undefined) return;
      const spec = solversFor(identifiers, { solver, solvers: Object.fromEntries(given) });
      solvers = spec;
      await checkIdentifiers({
        identifiers,
        issuer: { name: issuer, settings: declared.issuers[issuer]! },
        solverOf(identifier) {
          const name = solverNameOf(spec, identifier);
          return { name, answers: challengesOf(registry, declared.solvers[name]!.settings) };
        },
      });
      const order = {
        identifiers,
        issuer: { name: issuer, settings: declared.issuers[issuer]! },
        wishes: wishesOf(certificate),
      };
      checkOrder(order, now);
    });
  }
  return {
    name: certificate.name,
    identifiers,
    issuer: issuer ?? '',
    ...solvers,
    deploy: certificate.deploy,
    endpoints: certificate.endpoints,
    ...wishesOf(certificate),
    ...present({ hooks: certificate.hooks && hooksOf(certificate.hooks) }),
  };
}

const hooksOf = ({ first, ...own }: NonNullable<Configuration['certificates'][number]['hooks']>): Hooks => ({
  ...withoutUndefined(own),
  ...present({ first: first && withoutUndefined(first) }),
});

const withoutUndefined = (hooks: object): Pick<Hooks, HookKind> =>
  Object.fromEntries(Object.entries(hooks).filter(([, command]) => command !== undefined));

/**
 * Returns the deployers, with one for each `files:/folder` that a certificate names, like `--deploy`. A declared one of
 * that name may have more options, so it stays as it is.
 */
function withFolders(
  { deployers, certificates }: Configuration,
  declared: Declared['deployers'],
): Readonly<Record<string, AdapterSettings>> {
  const named = certificates
    .flatMap(({ deploy }) => deploy.filter((name) => name.startsWith('files:/')))
    .filter((name) => !Object.hasOwn(declared, name));
  const folders = named.map((name) => [name, { type: 'files', path: name.slice('files:'.length) }]);
  return { ...Object.fromEntries(folders), ...(deployers as Record<string, AdapterSettings>) };
}

function unknownReference(path: Path, where: string, kind: string, name: string, known: readonly string[]): Problem {
  const error = fail('config/unknown-reference', { where, kind, name, nearest: didYouMean(name, known) });
  return { path, message: error.message, error };
}

/** Turns a failure into a problem that says how to fix it. Throws anything else. */
async function collect(problems: Problem[], path: Path, check: () => unknown): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (!(error instanceof CertfleetError)) throw error;
    collectError(problems, path, error);
  }
}

const collectError = (problems: Problem[], path: Path, error: CertfleetError): void =>
  void problems.push({ path, message: `${error.message}. ${error.hint}`, error });
