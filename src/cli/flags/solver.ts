import { challengesOf, dns01Settings } from '../../config/dns01.ts';
import { optionFields } from '../../config/fields.ts';
import { optionsFromEnvironment, resolveOptions } from '../../config/options.ts';
import { adapterEntry, dns01Type, isModulePath, type Registry, typesOf } from '../../config/registry.ts';
import { type ChallengeType, isOverDns } from '../../core/ca/challenge-type.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { type Identifier, isWildcard } from '../../core/names/identifier.ts';
import type { AdapterSettings, Settings, StoredSpec } from '../../core/spec/spec.ts';
import { declaredAs, type NamedSolvers, solverNameOf, solversFor } from '../../core/spec/spec-parts.ts';
import type { Json, JsonObject } from '../../core/text/json.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { FlagValue, Session } from '../context.ts';
import { needsDns, refining, withDnsFlags } from './dns.ts';
import { hookSolver, hookWord, refuseIdleHooks } from './hook-solver.ts';
import { checkAdapter, cutAt, keptPath, listOf, textOf } from './values.ts';

export interface NamedSolver {
  readonly name: string;
  readonly settings: AdapterSettings;
}

interface Sources {
  readonly session: Session;
  readonly settings: Settings;
  readonly registry: Registry;
}

export interface Choosing extends Sources {
  /** The stored solvers. */
  readonly kept: readonly NamedSolver[];
}

/** The solvers of a certificate by name, and their settings. */
interface Solvers {
  readonly named: NamedSolvers;
  readonly all: readonly NamedSolver[];
}

/**
 * The solvers of a certificate issued by flags, with every option that a later `renew` needs: cron has no environment.
 * With --dns and another one, the former answers for the wildcards.
 */
export async function solversFromFlags(
  sources: Sources,
  identifiers: readonly Identifier[],
  kept: StoredSpec | undefined,
): Promise<Solvers> {
  const stored = kept ? kept.parts.map(({ solver }) => solver) : [];
  const choosing = { ...sources, kept: stored };
  const { flags } = sources.session.invocation;
  refuseIdleHooks(flags);
  if (kept && ['http', 'tlsAlpn', 'dns'].every((flag) => flags[flag] === undefined)) {
    const all = refining(flags) === undefined ? stored : await withOtherOptions(choosing);
    return { named: keptSolvers(kept, identifiers), all };
  }
  const [first, ofWildcards] = await chosenSolvers(choosing, identifiers);
  if (!ofWildcards) return { named: { solver: first.name }, all: [first] };
  const others = Object.fromEntries(identifiers.filter(isWildcard).map(({ value }) => [value, ofWildcards.name]));
  return { named: solversFor(identifiers, { solver: first.name, solvers: others }), all: [first, ofWildcards] };
}

/** The stored solver of each identifier; a new wildcard gets the one that answers over DNS. */
function keptSolvers(kept: StoredSpec, identifiers: readonly Identifier[]): NamedSolvers {
  const declared = declaredAs(kept);
  const { solver } = declared;
  if (!declared.solvers) return { solver };
  const overDns = kept.parts.find((part) => challengesOf(part.solver.settings).some(isOverDns))?.solver.name ?? solver;
  const others = identifiers.map((one) => {
    const isNew = kept.identifiers.every(({ value }) => value !== one.value);
    return [one.value, isNew && isWildcard(one) ? overDns : solverNameOf(declared, one)] as const;
  });
  return solversFor(identifiers, { solver, solvers: Object.fromEntries(others) });
}

/** With the options that come from the environment. */
async function completed(
  { name, settings: solver }: NamedSolver,
  { session, registry }: Choosing,
): Promise<NamedSolver> {
  const isDns01 = solver.type === dns01Type;
  const entry = isDns01
    ? adapterEntry(registry, 'dns', dns01Settings(solver).provider)
    : adapterEntry(registry, 'solver', solver.type);
  if (!entry) return { name, settings: solver };
  const { type: _type, ...given } = optionsFromEnvironment(await entry.load(), session.context.env);
  if (!isDns01) return { name, settings: { ...given, ...solver } };
  return { name, settings: { ...solver, options: { ...given, ...(solver['options'] as object | undefined) } } };
}

/**
 * Opens a DNS provider's credentials, to report a missing one before anything is changed. Those of an unchanged
 * provider may be in the store, so only a file that --dns-option names must be readable.
 */
export async function proveCredentials(
  solver: NamedSolver,
  session: Session,
  registry: Registry,
  kept: StoredSpec | undefined,
): Promise<void> {
  const provider = providerOf(solver);
  if (provider === undefined) return;
  const isKept = kept?.parts.some(({ solver: one }) => providerOf(one) === provider) === true;
  if (isKept && session.invocation.flags['dnsOption'] === undefined) return;
  const entry = adapterEntry(registry, 'dns', provider);
  if (!entry) return;
  const { files } = await session.world();
  const { options } = dns01Settings(solver.settings);
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  try {
    await resolveOptions(await entry.load(), options, { env: session.context.env, files, name: provider, warn });
  } catch (error) {
    if (isKept && !isFailure(error, 'config/secret-unreadable', 'config/credentials-unusable')) return;
    // Without an error, what uses the credentials says so.
    for (const message of warnings) session.complain(`warning: ${message}`);
    throw error;
  }
}

const providerOf = ({ settings }: Pick<NamedSolver, 'settings'>): string | undefined =>
  settings.type === dns01Type ? dns01Settings(settings).provider : undefined;

/** --dns-option or --propagation without --dns: the stored provider with changed options. */
async function withOtherOptions(choosing: Choosing): Promise<readonly NamedSolver[]> {
  const { kept } = choosing;
  const { flags } = choosing.session.invocation;
  const [stored, another] = kept.filter((one) => providerOf(one) !== undefined);
  const provider = stored && providerOf(stored);
  const implied = textOf(flags['impliedDns']) ?? provider;
  if (!stored || provider === undefined || implied !== provider || another) throw needsDns(flags);
  refuseOptionsOfDeclared(stored.name, choosing);
  const options = await providerOptions(provider, stored.settings['options'] as JsonObject | undefined, choosing);
  const changed = { name: stored.name, settings: withDnsFlags({ ...stored.settings, options }, flags) };
  return kept.map((one) => (one === stored ? changed : one));
}

/**
 * The solver of --http, --tls-alpn or --dns, or one for the wildcards after another for the other names. Without them: the declared
 * solver if there is only one, else the responder on port 80.
 */
async function chosenSolvers(
  choosing: Choosing,
  identifiers: readonly Identifier[],
): Promise<readonly [NamedSolver, NamedSolver?]> {
  const { session, settings, registry } = choosing;
  const { flags } = session.invocation;
  const http = textOf(flags['http']);
  const alpn = flags['tlsAlpn'];
  const dns = textOf(flags['dns']);
  if (http !== undefined && alpn !== undefined)
    throw fail('usage/invalid', { what: 'use either --http or --tls-alpn: both answer for the same names' });
  if (dns === undefined && refining(flags) !== undefined) throw needsDns(flags);
  const overDns = dns === undefined ? undefined : await completed(await dnsSolver(dns, choosing), choosing);
  if (overDns && http === undefined && alpn === undefined) return [overDns];
  if (overDns) refuseOneKind(identifiers, alpn === undefined ? '--http' : '--tls-alpn');
  const only = Object.keys(settings.solvers);
  const isOnly = http === undefined && alpn === undefined && only.length === 1;
  const chosen = isOnly
    ? { name: only[0]!, settings: settings.solvers[only[0]!]! }
    : alpn !== undefined
      ? await alpnSolver(alpn, session, registry)
      : await httpSolver(http ?? 'standalone', session, settings, registry);
  const first = await completed(chosen, choosing);
  return overDns ? [first, overDns] : [first];
}

/** --dns and another one together need names for both. */
function refuseOneKind(identifiers: readonly Identifier[], other: string): void {
  const wildcards = identifiers.filter(isWildcard).length;
  const what = `use either ${other} or --dns: with both, --dns answers for the wildcards and ${other} for the other names`;
  if (wildcards === 0) throw fail('usage/invalid', { what: `${what}, but there is no wildcard` });
  if (wildcards === identifiers.length) throw fail('usage/invalid', { what: `${what}, but there are only wildcards` });
}

async function httpSolver(how: string, session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
  if (Object.hasOwn(settings.solvers, how)) return declaredSolver('--http', how, ['http-01'], settings);
  const [word, rest] = cutAt(how, ':');
  if (how === hookWord) return hookSolver(session.invocation.flags, 'http-01');
  if (word === 'standalone') {
    // Only this machine answers, so no other node needs a token document, and a durable write is saved.
    const solver = { type: 'http01-responder', shared: false, ...(rest === undefined ? {} : { listen: rest }) };
    await checkAdapter(`--http ${how}`, 'solver', solver, session, registry);
    return { name: 'standalone', settings: solver };
  }
  if (word === 'webroot') {
    const folders = (rest ?? '').split(',').filter((folder) => folder !== '');
    if (folders.length === 0)
      throw fail('usage/invalid', { what: '--http webroot needs a folder: --http webroot:/var/www/html' });
    const solver = {
      type: 'http01-webroot',
      folders: folders.map((folder) => keptPath('--http webroot:', folder, session)),
    };
    await checkAdapter(`--http ${how}`, 'solver', solver, session, registry);
    return { name: 'webroot', settings: solver };
  }
  if (word === 'stateless') {
    const frontends = (rest ?? '').split(',').filter((frontend) => frontend !== '');
    const solver = { type: 'http01-stateless', ...(frontends.length === 0 ? {} : { frontends }) };
    await checkAdapter(`--http ${how}`, 'solver', solver, session, registry);
    return { name: 'stateless', settings: solver };
  }
  const guess = didYouMean(word, ['standalone', 'webroot', 'stateless', hookWord, ...Object.keys(settings.solvers)]);
  throw fail('usage/invalid', {
    what: `--http ${how}: write standalone[:ADDRESS:PORT], webroot:FOLDER, stateless[:PROXY:PORT] or the name of a declared solver${guess}`,
  });
}

/** @param listen where to listen, or true for port 443 */
async function alpnSolver(listen: FlagValue, session: Session, registry: Registry): Promise<NamedSolver> {
  const given = textOf(listen);
  const solver = { type: 'tls-alpn01', shared: false, ...(given === undefined ? {} : { listen: given }) };
  await checkAdapter(`--tls-alpn${given === undefined ? '' : ` ${given}`}`, 'solver', solver, session, registry);
  return { name: 'tls-alpn', settings: solver };
}

/** @param flag how the user named it, for messages */
export async function dnsSolver(dns: string, choosing: Choosing, flag = '--dns'): Promise<NamedSolver> {
  const { session, settings, registry, kept } = choosing;
  if (Object.hasOwn(settings.solvers, dns)) {
    refuseOptionsOfDeclared(dns, choosing);
    return declaredSolver(flag, dns, ['dns-01', 'dns-account-01'], settings);
  }
  if (dns === hookWord) return hookSolver(session.invocation.flags, 'dns-01');
  const entry = adapterEntry(registry, 'dns', dns);
  if (!entry && isModulePath(dns)) return dnsSolver(keptPath(`${flag} `, dns, session), choosing, flag);
  if (!entry) {
    const known = [...typesOf(registry, 'dns'), ...Object.keys(settings.solvers)];
    if (/\.[cm]?[jt]s$/.test(dns))
      throw fail('usage/invalid', { what: `${flag} ${dns}: to use a provider in a file, write ${flag} ./${dns}` });
    throw fail('usage/invalid', {
      what: `${flag} ${dns}: there is no such DNS provider or declared solver${didYouMean(dns, known) || `; available: ${known.join(', ')}`}`,
    });
  }
  const stored = kept.find((one) => one.name === dns && providerOf(one) === dns)?.settings ?? { type: dns01Type };
  const { type: _type, ...fromEnvironment } = optionsFromEnvironment(await entry.load(), session.context.env);
  const before = { ...(stored['options'] as JsonObject | undefined), ...fromEnvironment };
  const options = await providerOptions(dns, before, choosing);
  return {
    name: dns,
    settings: withDnsFlags({ ...stored, provider: dns, options }, session.invocation.flags),
  };
}

function refuseOptionsOfDeclared(name: string, { session, settings }: Choosing): void {
  const flag = refining(session.invocation.flags);
  if (flag === undefined || !Object.hasOwn(settings.solvers, name)) return;
  throw fail('usage/invalid', {
    what: `${flag} cannot change the declared solver "${name}": change its options in the configuration`,
  });
}

/** A provider's options: the earlier ones, changed by --dns-option. */
async function providerOptions(
  provider: string,
  before: JsonObject | undefined,
  { session, registry }: Choosing,
): Promise<JsonObject> {
  const definition = await adapterEntry(registry, 'dns', provider)?.load();
  const fields = definition ? optionFields(definition.options) : [];
  const secrets = new Set(fields.filter((field) => field.secret).map((field) => field.name));
  const options: Record<string, Json> = { ...before };
  const given = new Map<string, string>();
  for (const text of listOf(session.invocation.flags['dnsOption'])) {
    const [key, value] = cutAt(text, '=');
    if (value === undefined) throw fail('usage/invalid', { what: `--dns-option ${key}: write key=value` });
    if ((given.get(key) ?? value) !== value)
      throw fail('usage/invalid', { what: `--dns-option ${key} is given twice, with different values: leave out one` });
    given.set(key, value);
    const reference = /^(file|env):/.test(value);
    if (secrets.has(key) && !reference)
      throw fail('usage/invalid', {
        what: `--dns-option ${key}: every user of this machine can see a secret on the command line; write ${key}=file:/path or ${key}=env:NAME`,
      });
    const isPath = fields.some((field) => field.name === key && field.credentials !== undefined);
    if (value.startsWith('file:'))
      options[key] = `file:${keptPath(`--dns-option ${key}=file:`, value.slice(5), session)}`;
    else options[key] = isPath && !reference ? keptPath(`--dns-option ${key}=`, value, session) : value;
  }
  await checkAdapter(`--dns ${provider}`, 'dns', { ...options, type: provider }, session, registry);
  return options;
}

function declaredSolver(
  flag: string,
  name: string,
  wanted: readonly [ChallengeType, ...ChallengeType[]],
  settings: Settings,
): NamedSolver {
  const solver = settings.solvers[name]!;
  const answers = challengesOf(solver);
  if (!answers.some((type) => wanted.includes(type)))
    throw fail('usage/invalid', {
      what: `${flag} ${name}: the solver "${name}" answers ${answers.join(' and ')}, not ${wanted[0]}`,
    });
  return { name, settings: solver };
}
