import { resolve } from 'node:path';
import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import { isFailure } from '../../core/errors/errors.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { DnsSolverSettings, SolverDefinition } from '../../define.ts';
import { checkOptions } from '../options/options.ts';
import { type Problem, problemsOf, shown } from '../problems.ts';
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
import { type Building, type Declared, type Path, unknownReference } from './building.ts';
import { collectVariables } from './hook-variables.ts';
import type { Configuration } from './schema.ts';

/** Checks one adapter's type and options. Loads only the schema of its type. */
export async function checkAdapter(
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

/** Checks that the balancer that a solver or deployer names is declared, and has the type that the deployer needs. */
export function checkBalancerOf(
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

/** Checks that a solver that changes a zone for another one is declared, and has a DNS provider. */
export function checkZones(
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

/** Makes the path of an operator's module that is the DNS provider of a solver absolute. */
export function withModule(
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

/**
 * Returns the deployers, with one for each `files:/folder` that a certificate names, like `--deploy`. A declared one of
 * that name may have more options, so it stays as it is.
 */
export function withFolders(
  { deployers, certificates }: Configuration,
  declared: Declared['deployers'],
): Readonly<Record<string, AdapterSettings>> {
  const named = certificates
    .flatMap(({ deploy }) => deploy.filter((name) => name.startsWith('files:/')))
    .filter((name) => !Object.hasOwn(declared, name));
  const folders = named.map((name) => [name, { type: 'files', path: name.slice('files:'.length) }]);
  return { ...Object.fromEntries(folders), ...(deployers as Record<string, AdapterSettings>) };
}

/** Returns `there is no solver "htp01": …`, with the nearest type or all of them. */
function unknownType(registry: Registry, kind: AdapterKind, type: string): string {
  const known = typesOf(registry, kind);
  return `there is no ${kindTitles[kind]} "${shown(type)}"${didYouMean(type, known) || `; available: ${known.join(', ')}`}`;
}
