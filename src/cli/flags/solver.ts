import { challengesOf, dns01Settings } from '../../config/dns01.ts';
import { solversEntry } from '../../config/entry.ts';
import { optionFields } from '../../config/fields.ts';
import { optionsFromEnvironment, resolveOptions } from '../../config/options.ts';
import { adapterEntry, dns01Type, isModulePath, type Registry, typesOf } from '../../config/registry.ts';
import type { ChallengeType } from '../../core/ca/challenge-type.ts';
import { type CertfleetError, fail, isFailure } from '../../core/errors/errors.ts';
import { type Identifier, isWildcard } from '../../core/names/identifier.ts';
import { type AdapterSettings, type Settings, zoneSolversKey } from '../../core/spec/spec.ts';
import { type NamedSolvers, solversFor } from '../../core/spec/spec-parts.ts';
import type { JsonObject } from '../../core/text/json.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import type { Kept } from './kept.ts';
import { dnsKeys, writeKeys } from './keys.ts';
import { cutAt, type Flags, isReference, keptPath, listOf, referenceIn, textOf } from './values.ts';
import { registryOf, type Written } from './written.ts';

export interface NamedSolver {
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** What the flags of solvers are written to, and what they can name. */
export interface Choosing {
  readonly written: Written;
  readonly session: Session;
  readonly settings: Settings;
  readonly registry: Registry;
  readonly kept?: Kept | undefined;
}

/**
 * Writes the solvers of a certificate at `path`, with every option that a later `renew` needs, because cron has no
 * environment. With --dns and another one, the former answers for the wildcards. Returns the solvers that it may name
 * besides those that are written.
 */
export async function writeSolvers(
  choosing: Choosing,
  path: readonly PropertyKey[],
  identifiers: readonly Identifier[],
): Promise<Settings['solvers']> {
  const { written, session, settings, kept } = choosing;
  const { flags } = session.invocation;
  refuseIdleHooks(flags);
  const isKept = kept !== undefined && ['http', 'tlsAlpn', 'dns'].every((flag) => flags[flag] === undefined);
  if (isKept && refining(flags) !== undefined) await writeOtherOptions({ ...choosing, kept });
  const named = isKept ? kept.solversOf(identifiers) : await writeChosen(choosing, identifiers);
  for (const [key, value] of Object.entries(solversEntry(identifiers, named))) written.set([...path, key], value);
  return { ...kept?.elsewhere, ...(isKept ? kept.solvers : settings.solvers) };
}

/** --dns-option, --propagation or --challenge without --dns: the stored provider with changed options. */
async function writeOtherOptions(choosing: Choosing & { readonly kept: Kept }): Promise<void> {
  const { session, kept } = choosing;
  const { flags } = session.invocation;
  const [stored, another] = Object.entries(kept.solvers).filter(([, one]) => providerOf(one) !== undefined);
  const provider = stored && providerOf(stored[1]);
  if (!stored || provider === undefined || another || (textOf(flags['impliedDns']) ?? provider) !== provider)
    throw needsDns(flags);
  const [name, settings] = stored;
  refuseOptionsOfDeclared(name, choosing);
  await writeDns(choosing, { name, settings });
}

/**
 * Writes the solver of --http, --tls-alpn or --dns, or one for the wildcards besides another one for the other names.
 * Without them, it is the declared solver if there is only one, else the responder on port 80.
 */
async function writeChosen(choosing: Choosing, identifiers: readonly Identifier[]): Promise<NamedSolvers> {
  const { session, settings } = choosing;
  const { flags } = session.invocation;
  const [http, alpn, dns] = [textOf(flags['http']), flags['tlsAlpn'], textOf(flags['dns'])];
  if (http !== undefined && alpn !== undefined)
    throw fail('usage/flags-exclude', {
      ...{ one: '--http', other: '--tls-alpn', reason: 'both answer for the same names' },
    });
  if (dns === undefined && refining(flags) !== undefined) throw needsDns(flags);
  const overDns = dns === undefined ? undefined : await writeDnsSolver(dns, choosing);
  if (overDns !== undefined && http === undefined && alpn === undefined) return { solver: overDns };
  if (overDns !== undefined) refuseOneKind(identifiers, alpn === undefined ? '--http' : '--tls-alpn');
  const [only, another] = Object.keys(settings.solvers);
  const first =
    alpn !== undefined
      ? await writeAlpnSolver(textOf(alpn), choosing)
      : http === undefined && only !== undefined && another === undefined
        ? await writeDeclared(only, choosing)
        : await writeHttpSolver(http ?? 'standalone', choosing);
  if (overDns === undefined) return { solver: first };
  const others = Object.fromEntries(identifiers.filter(isWildcard).map(({ value }) => [value, overDns]));
  return solversFor(identifiers, { solver: first, solvers: others });
}

/** --dns and another one together need names for both. */
function refuseOneKind(identifiers: readonly Identifier[], other: string): void {
  const wildcards = identifiers.filter(isWildcard).length;
  if (wildcards > 0 && wildcards < identifiers.length) return;
  const reason = `--dns answers for the wildcards and ${other} for the other names, but there ${wildcards === 0 ? 'is no wildcard' : 'are only wildcards'}`;
  throw fail('usage/flags-exclude', { one: other, other: '--dns', reason });
}

/** The word for --http and --dns that has hooks answer. */
const hookWord = 'hook';

/** The solvers that a word of --http makes; what follows the word and a colon is theirs. */
const httpWords: Readonly<Record<string, (rest: string | undefined, session: Session) => AdapterSettings>> = {
  // Only this machine answers, so no other node needs a token document, and a durable write is saved.
  standalone: (listen) => ({ type: 'http01-responder', shared: false, ...(listen === undefined ? {} : { listen }) }),
  webroot: (rest, session) => ({
    type: 'http01-webroot',
    folders: partsIn(rest).map((folder) => keptPath('--http webroot:', folder, session)),
  }),
  stateless: (rest) => ({
    type: 'http01-stateless',
    ...(partsIn(rest).length === 0 ? {} : { frontends: partsIn(rest) }),
  }),
};

const partsIn = (list = ''): readonly string[] => list.split(',').filter((part) => part !== '');

async function writeHttpSolver(how: string, choosing: Choosing): Promise<string> {
  const { session, settings } = choosing;
  if (Object.hasOwn(settings.solvers, how)) return writeDeclared(how, choosing, ['--http', 'http-01']);
  if (how === hookWord) return writeHooks(choosing, 'http-01');
  const [word, rest] = cutAt(how, ':');
  const make = Object.hasOwn(httpWords, word) ? httpWords[word] : undefined;
  if (!make)
    throw fail('usage/unknown-value', {
      typed: `--http ${how}`,
      known: 'standalone[:ADDRESS:PORT], webroot:FOLDER, stateless[:PROXY:PORT] or the name of a declared solver',
      nearest: didYouMean(word, [...Object.keys(httpWords), hookWord, ...Object.keys(settings.solvers)]),
    });
  if (word === 'webroot' && partsIn(rest).length === 0)
    throw fail('usage/flag-needs', { flag: '--http webroot', needed: 'a folder: --http webroot:/var/www/html' });
  return write({ name: word, settings: make(rest, session) }, `--http ${how}`, choosing);
}

/** @param listen where to listen; by default on port 443 */
const writeAlpnSolver = (listen: string | undefined, choosing: Choosing): Promise<string> =>
  write(
    {
      name: 'tls-alpn',
      settings: { type: 'tls-alpn01', shared: false, ...(listen === undefined ? {} : { listen }) },
    },
    listen === undefined ? '--tls-alpn' : `--tls-alpn ${listen}`,
    choosing,
  );

/** `--http hook` or `--dns hook`: the commands of --auth-hook and --cleanup-hook answer, as certbot’s hooks do. */
function writeHooks(choosing: Choosing, challenge: 'http-01' | 'dns-01'): Promise<string> {
  const { flags } = choosing.session.invocation;
  const [present, cleanup] = [textOf(flags['authHook']), textOf(flags['cleanupHook'])];
  const flag = `${challenge === 'dns-01' ? '--dns' : '--http'} ${hookWord}`;
  if (present === undefined) throw fail('usage/flag-needs', { flag, needed: '--auth-hook, the command that answers' });
  const asked = textOf(flags['challenge']);
  const idle = challenge === 'dns-01' ? refining({ ...flags, challenge: undefined }) : undefined;
  const isOther = challenge === 'dns-01' && asked !== undefined && asked !== challenge;
  if (isOther || idle !== undefined)
    throw fail('usage/not-applicable', {
      typed: isOther ? `--challenge ${asked}` : idle!,
      reason: isOther
        ? 'hooks answer dns-01 only'
        : 'with --dns hook, the command of --auth-hook gets its settings itself, and waits itself',
      advice: 'It is for DNS providers: name one with --dns, or leave it out.',
    });
  const settings = { type: 'command', challenge, present, ...(cleanup === undefined ? {} : { cleanup }) };
  return write({ name: hookWord, settings }, '--auth-hook', choosing);
}

/** Hooks without `hook` would be ignored. */
function refuseIdleHooks(flags: Flags): void {
  const flag = flags['authHook'] !== undefined ? '--auth-hook' : '--cleanup-hook';
  if ((flags['authHook'] ?? flags['cleanupHook']) === undefined) return;
  if (flags['http'] === hookWord || flags['dns'] === hookWord) return;
  throw fail('usage/flag-needs', { flag, needed: `--http ${hookWord} or --dns ${hookWord}` });
}

/**
 * Writes the solver with a DNS provider, or one that is declared, and returns its name.
 *
 * @param flag how it was named, for messages
 */
export async function writeDnsSolver(dns: string, choosing: Choosing, flag = '--dns'): Promise<string> {
  const { session, settings, registry, kept } = choosing;
  if (Object.hasOwn(settings.solvers, dns)) {
    refuseOptionsOfDeclared(dns, choosing);
    return writeDeclared(dns, choosing, [flag, 'dns-01', 'dns-account-01']);
  }
  if (dns === hookWord) return writeHooks(choosing, 'dns-01');
  const entry = adapterEntry(registry, 'dns', dns);
  if (!entry && isModulePath(dns)) return writeDnsSolver(keptPath(`${flag} `, dns, session), choosing, flag);
  if (!entry) {
    const known = [...typesOf(registry, 'dns'), ...Object.keys(settings.solvers)];
    throw /\.[cm]?[jt]s$/.test(dns)
      ? fail('usage/invalid-value', { typed: `${flag} ${dns}`, form: `${flag} ./${dns} for a provider in a file` })
      : fail('usage/unknown-value', {
          typed: `${flag} ${dns}`,
          known: 'a DNS provider or the name of a declared solver',
          nearest: didYouMean(dns, known) || `; available: ${known.join(', ')}`,
        });
  }
  const stored = kept?.solvers[dns];
  const before = stored && providerOf(stored) === dns ? stored : { type: dns01Type, provider: dns };
  const { type: _type, ...fromEnvironment } = optionsFromEnvironment(await entry.load(), session.context.env);
  const options = { ...(before['options'] as JsonObject | undefined), ...fromEnvironment };
  await writeDns(choosing, { name: dns, settings: { ...before, options } }, `${flag} ${dns}`);
  return dns;
}

/** The first flag that changes a DNS provider without choosing it. Also certbot takes its credentials without using it. */
const refining = (flags: Flags): string | undefined =>
  textOf(flags['impliedBy']) ??
  (flags['dnsOption'] !== undefined
    ? '--dns-option'
    : flags['propagation'] !== undefined
      ? '--propagation'
      : flags['challenge'] !== undefined
        ? '--challenge'
        : undefined);

function needsDns(flags: Flags): CertfleetError {
  const [flag = '', provider] = [refining(flags), textOf(flags['impliedDns'])];
  return provider === undefined
    ? fail('usage/flag-needs', { flag, needed: '--dns PROVIDER' })
    : fail('usage/provider-not-chosen', { flag, provider });
}

function refuseOptionsOfDeclared(name: string, { session, settings }: Choosing): void {
  const flag = refining(session.invocation.flags);
  if (flag !== undefined && Object.hasOwn(settings.solvers, name)) throw fail('usage/declared-solver', { flag, name });
}

/** Writes a `dns01` solver with the options of --dns-option and of the other flags for DNS. */
async function writeDns(
  { written, session, registry }: Choosing,
  { name, settings }: NamedSolver,
  flag?: string,
): Promise<void> {
  const path = ['solvers', name];
  const { options, ...rest } = withoutZoneSolvers(settings);
  written.set(path, { ...rest, options: { ...(options as JsonObject | undefined) } }, flag);
  writeKeys(written, path, dnsKeys, session);
  const definition = await adapterEntry(registry, 'dns', providerOf(settings)!)?.load();
  const fields = definition ? optionFields(definition.options) : [];
  const given = new Map<string, string>();
  for (const text of listOf(session.invocation.flags['dnsOption'])) {
    const [key, typed] = cutAt(text, '=');
    const option = `--dns-option ${key}`;
    if (typed === undefined) throw fail('usage/invalid-value', { typed: option, form: 'KEY=VALUE' });
    if ((given.get(key) ?? typed) !== typed) throw fail('usage/given-twice', { what: option });
    given.set(key, typed);
    const field = fields.find((one) => one.name === key);
    const isPath = field?.credentials !== undefined && !isReference(typed);
    const value = isPath
      ? keptPath(`${option}=`, typed, session)
      : referenceIn(typed, { flag: option, sign: '=', isSecret: field?.secret === true }, session);
    // Without the value: under a mistyped key, it may be a secret.
    written.set([...path, 'options', key], value, option);
  }
}

/** Names a declared solver, which must answer one of these challenges. */
async function writeDeclared(
  name: string,
  choosing: Choosing,
  [flag, ...wanted]: readonly [flag?: string, ...wanted: ChallengeType[]] = [],
): Promise<string> {
  const settings = choosing.settings.solvers[name]!;
  const answers = challengesOf(settings);
  if (flag !== undefined && !answers.some((type) => wanted.includes(type)))
    throw fail('usage/not-applicable', {
      typed: `${flag} ${name}`,
      reason: `the solver "${name}" answers ${answers.join(' and ')}, not ${wanted[0]}`,
      advice: 'Name another solver, or leave it out.',
    });
  return write({ name, settings }, undefined, choosing);
}

/** Writes a solver with the options that come from the environment; a declared one without them stays as it is. */
async function write(
  { name, settings }: NamedSolver,
  flag: string | undefined,
  { written, session, registry }: Choosing,
): Promise<string> {
  const provider = providerOf(settings);
  const entry =
    provider === undefined ? adapterEntry(registry, 'solver', settings.type) : adapterEntry(registry, 'dns', provider);
  const { type: _type, ...given } = entry ? optionsFromEnvironment(await entry.load(), session.context.env) : settings;
  if (flag === undefined && (!entry || Object.keys(given).length === 0)) return name;
  const { options, ...own } = withoutZoneSolvers(settings);
  const whole =
    provider === undefined ? { ...given, ...own } : { ...own, options: { ...given, ...(options as object) } };
  written.set(['solvers', name], whole, flag);
  return name;
}

const providerOf = ({ type, provider }: AdapterSettings): string | undefined =>
  type === dns01Type ? String(provider) : undefined;

function withoutZoneSolvers({ [zoneSolversKey]: _elsewhere, ...settings }: AdapterSettings): AdapterSettings {
  return settings as AdapterSettings;
}

/**
 * Opens a DNS provider's credentials, to report a missing one before anything is changed. Those of an unchanged
 * provider may be in the store, so only a file that --dns-option names must be readable.
 */
export async function proveCredentials(settings: AdapterSettings, session: Session, kept?: Kept): Promise<void> {
  const provider = providerOf(settings);
  if (provider === undefined) return;
  const isKept = Object.values(kept?.solvers ?? {}).some((one) => providerOf(one) === provider);
  if (isKept && session.invocation.flags['dnsOption'] === undefined) return;
  const entry = adapterEntry(await registryOf(session), 'dns', provider);
  if (!entry) return;
  const { files } = await session.world();
  const warnings: string[] = [];
  const warn = (message: string) => void warnings.push(message);
  try {
    const { options } = dns01Settings(settings);
    await resolveOptions(await entry.load(), options, { env: session.context.env, files, name: provider, warn });
  } catch (error) {
    if (isKept && !isFailure(error, 'config/secret-unreadable', 'config/credentials-unusable')) return;
    // Without an error, what uses the credentials says so.
    for (const message of warnings) session.complain(`warning: ${message}`);
    throw error;
  }
}
