import { whyUnreadable } from '../../core/ca/eab-key.ts';
import { isLineageName, lineageNameRule } from '../../core/names/identifiers.ts';
import { markAsWritten } from '../../core/spec/as-written.ts';
import type { ConnectionSection, KnownType, NamedConnection, TypeOption } from '../../core/spec/connection.ts';
import { chosenType, valueAt } from '../../core/spec/connection-options.ts';
import type { AdapterSettings, Settings } from '../../core/spec/spec.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { addProblem, keys, type Places, type Problem } from '../problems.ts';
import { type Registry, throughOf } from '../registry/registry.ts';
import { knownType } from './connection-types.ts';
import { type Surroundings, settingsIn } from './settings.ts';

/** An entry of a section that is declared outside the file. */
export interface Connection extends NamedConnection {
  /** What it says, with its type. */
  readonly settings: Fields;
}

/**
 * Checks connections as the file’s own, and adds them to its settings. A wrong one does not keep the others from being
 * used, except those that refer to it.
 */
export async function checkConnections<C extends Connection>(
  entries: readonly C[],
  file: Settings,
  registry: Registry,
): Promise<{ readonly settings: Settings; readonly refused: ReadonlyMap<C, readonly Problem[]> }> {
  const found = await firstProblems(entries, file, registry);
  const refused = new Map<C, readonly Problem[]>();
  for (const [one, problems] of found.refused)
    refused.set(one, [...problems, ...(await hiddenProblems(one, problems, { file: found.settings, registry }))]);
  return { settings: found.settings, refused };
}

async function firstProblems<C extends Connection>(
  entries: readonly C[],
  file: Settings,
  registry: Registry,
): Promise<{ readonly settings: Settings; readonly refused: ReadonlyMap<C, readonly Problem[]> }> {
  const refused = new Map<C, Problem[]>();
  const refuse = (one: C, problem: Problem) => addProblem(refused, one, problem);
  for (const one of entries) for (const problem of await ownProblems(one, registry)) refuse(one, problem);
  for (;;) {
    const rest = entries.filter((one) => !refused.has(one));
    if (rest.length === 0) return { settings: file, refused };
    const { settings, problems } = await settingsIn(written(rest, registry), surroundings({ file, registry }));
    for (const problem of problems) {
      const [section, name, ...path] = problem.path;
      const its = rest.filter((one) => one.section === section && one.name === name);
      // Without an owner, no progress would be made.
      for (const one of its.length === 0 ? rest : its) refuse(one, { ...problem, path });
    }
    if (!settings) continue;
    const { issuers, balancers, solvers, deployers, alarms } = settings;
    const all = { issuers, balancers, solvers, deployers, alarms: { ...file.alarms, ...alarms } };
    return { settings: { ...file, ...all }, refused };
  }
}

/** Nothing is completed with what only this machine has. */
const surroundings = ({ file, registry }: { readonly file: Settings; readonly registry: Registry }): Surroundings => ({
  ...{ env: {}, registry, places, declared: file },
});

/** With more problems than this, a person need not see the rest. */
const mostFound = 50;

/** Returns what is wrong besides, which nothing has looked at, because other problems came first. */
async function hiddenProblems(
  { section, name, settings }: Connection,
  found: readonly Problem[],
  { file, registry }: { readonly file: Settings; readonly registry: Registry },
  leftOut: readonly Problem['path'][] = [],
): Promise<readonly Problem[]> {
  if (found.length > mostFound) return [];
  const wrong = [...found.map(({ path }) => path), ...leftOut];
  if (wrong.some(([key]) => key === undefined || ['name', 'type', 'provider'].includes(String(key)))) return [];
  const one = { section, name, settings: wrong.reduce<Fields>(without, settings) };
  const { problems } = await settingsIn(written([one], registry), surroundings({ file, registry }));
  const own = problems.filter(({ path }) => path[0] === section && path[1] === name);
  const isKnown = (path: Problem['path']) => wrong.some((known) => known.every((key, index) => key === path[index]));
  const all = own.map((problem) => ({ ...problem, path: problem.path.slice(2) })).filter(({ path }) => path.length > 0);
  const more = all.filter(({ path }) => !isKnown(path));
  if (more.length > 0)
    return [...more, ...(await hiddenProblems({ section, name, settings }, [...found, ...more], { file, registry }))];
  // A value that is wrong and left out may be missing in its group, such as `dns`: without the group, nothing is.
  const groups = all.map(({ path }) => path.slice(0, -1)).filter((path) => path.length > 0 && path[0] !== 'options');
  if (groups.length === 0 || groups.every(isKnown)) return [];
  return hiddenProblems({ section, name, settings }, found, { file, registry }, [...leftOut, ...groups]);
}

/** Returns a group without the value at a path; of a list, nothing is left. */
function without(fields: Fields, [key, ...path]: readonly PropertyKey[]): Fields {
  const { [String(key)]: inner, ...rest } = fields;
  return path.length > 0 && isFields(inner) ? { ...rest, [String(key)]: without(inner, path) } : rest;
}

/** The paths and messages of one connection, which is alone for those who declare it. */
const places: Places = {
  at: (path) => (path.length > 2 ? keys.at(path.slice(2)) : `"${String(path[1] ?? '')}"`),
  within: (path) => keys.within(path.slice(2)),
};

/** Returns what a file would say, with the mark that options are literal. */
function written(entries: readonly Connection[], registry: Registry): Fields {
  const found: Partial<Record<ConnectionSection, Record<string, unknown>>> = {};
  for (const { section, name, settings } of entries)
    found[section] = { ...found[section], [name]: entryOf(section, settings as AdapterSettings, registry) };
  return found;
}

function entryOf(section: ConnectionSection, settings: AdapterSettings, registry: Registry): Fields {
  const { type, ...rest } = settings;
  if (section === 'issuers') return rest;
  const through = section === 'solvers' ? throughOf(registry, { type }) : undefined;
  if (through === 'balancer') return settings;
  if (through !== 'dns') return markAsWritten(settings);
  const { type: _provider, ...options } = markAsWritten({ type, ...(rest['options'] as object | undefined) });
  return { ...settings, options };
}

/** Returns what is wrong with a connection before anything else is known: above all, what only the file may say. */
async function ownProblems({ section, name, settings }: Connection, registry: Registry): Promise<readonly Problem[]> {
  const chosen = chosenType(section, settings);
  if (!isLineageName(name)) return [{ path: ['name'], message: lineageNameRule }];
  const type = await knownType(section, chosen, registry);
  const at = [chosen.provider === undefined ? 'type' : 'provider'];
  if (!type)
    return [{ path: at, message: `there is no type "${chosen.provider ?? chosen.type}" that can be chosen here` }];
  if (!type.isOffered)
    return [
      {
        path: at,
        message: `only the configuration file may declare one of the type ${chosen.provider ?? chosen.type}`,
      },
    ];
  return [...references(settings), ...ofOptions(type, settings)];
}

/** Returns the values that are none, but say where one is. */
function references(value: unknown, path: readonly PropertyKey[] = []): readonly Problem[] {
  if (typeof value === 'string' && /^(file|env|kept|credential):/.test(value))
    return [
      {
        path,
        message: `${keys.at(path)}: enter the value itself; only the configuration file may name files and variables`,
      },
    ];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    references(inner, [...path, Array.isArray(value) ? Number(key) : key]),
  );
}

function ofOptions({ options }: KnownType, settings: Fields): readonly Problem[] {
  const isGiven = ({ name }: TypeOption) => valueAt(settings, name) !== undefined;
  const given = options.filter(isGiven);
  const local = given
    .filter(({ isLocal }) => isLocal)
    .map(({ name }) => ({ path: name.split('.'), message: `${name}: only the configuration file may set this` }));
  const unread = given
    .filter(({ name, takes }) => takes === 'map' && typeof valueAt(settings, name) === 'string')
    .map(({ name }) => ({ path: name.split('.'), message: 'write each name once, on a line like `name: value`' }));
  const bound = given.some(({ name }) => name === 'eab.kid') && !given.some(({ name }) => name === 'eab.hmacKey');
  const unbound = bound
    ? [{ path: ['eab', 'hmacKey'], message: 'enter the key that the CA gave you with the key id' }]
    : [];
  const accountKey = valueAt(settings, 'eab.hmacKey');
  const unusable = typeof accountKey === 'string' ? whyUnreadable(accountKey) : undefined;
  const misread =
    unusable === undefined ? [] : [{ path: ['eab', 'hmacKey'], message: `the EAB key is not valid: ${unusable}` }];
  // What a machine has without keys, such as its role, must not be sent to an address of someone’s choice.
  const secrets = options.filter(({ isSecret, isLocal }) => isSecret && !isLocal);
  const hasOwn = secrets.length === 0 || secrets.some((one) => one.isRequired || isGiven(one));
  const elsewhere = hasOwn ? [] : given.filter((one) => one.isEndpoint && !one.isRequired && one.takes !== 'choice');
  return [
    ...local,
    ...unread,
    ...unbound,
    ...misread,
    ...elsewhere.map(({ name }) => ({
      path: name.split('.'),
      message: 'another address needs keys of its own: enter them, too',
    })),
  ];
}
