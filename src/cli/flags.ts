import { resolve } from 'node:path';
import { formatHostPort, parseHostPort } from '../config/addresses.ts';
import { challengesOf, dns01Settings } from '../config/dns01.ts';
import { optionFields } from '../config/fields.ts';
import { checkIdentifiers, lineageNameOf, parseIdentifiers } from '../config/identifiers.ts';
import { directoryOf, issuerNameOf, knownIssuers } from '../config/issuers.ts';
import { checkOptions, optionsFromEnvironment, resolveOptions } from '../config/options.ts';
import { type AdapterKind, adapterEntry, dns01Type, type Registry, typesOf } from '../config/registry.ts';
import { parseServerAddress } from '../core/dns-name.ts';
import { fail } from '../core/errors.ts';
import { isLineageName } from '../core/identifiers.ts';
import type { Json } from '../core/json.ts';
import { didYouMean } from '../core/nearest.ts';
import type { AdapterSettings, IssuerSettings, PreflightSettings, Settings, StoredSpec } from '../core/spec.ts';
import type { FlagValue, Session } from './context.ts';

type Flags = Session['invocation']['flags'];

export const listOf = (value: FlagValue | undefined): readonly string[] =>
  Array.isArray(value) ? value : typeof value === 'string' ? [value] : [];
const textOf = (value: FlagValue | undefined): string | undefined => (typeof value === 'string' ? value : undefined);

/** Flags that only make sense for a certificate made of flags. */
const describing = [
  'identifier',
  'name',
  'http',
  'dns',
  'dnsOption',
  'issuer',
  'email',
  'caFile',
  'profile',
  'deploy',
  'endpoint',
  'agreeTos',
  'resolver',
  'http01Port',
] as const;

/** The first flag that describes a certificate, as typed; undefined where there is none. */
export const describesCertificate = (flags: Flags): string | undefined => {
  const flag = describing.find((name) => flags[name] !== undefined);
  return (
    flag && (flag === 'identifier' ? '-d' : `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  );
};

/**
 * A whole certificate from flags and what they name in the configuration. Whatever a later `renew` needs is in it:
 * paths are made absolute, and options from the environment explicit (secrets stay where they are; the fleet keeps
 * those that came from the environment).
 *
 * Fails with `usage/…`, `identifier/…`, `config/…`, `lineage/invalid-name`, before anything is changed.
 */
export async function specFromFlags(session: Session, settings: Settings): Promise<StoredSpec> {
  const { flags } = session.invocation;
  const registry = session.context.registry ?? (await import('../generated/registry.ts')).registry;
  const identifiers = parseIdentifiers(listOf(flags['identifier']), 'the certificate');
  const name = textOf(flags['name']) ?? lineageNameOf(identifiers);
  if (!isLineageName(name)) throw fail('lineage/invalid-name', { name });
  const issuer = issuerFromFlags(flags, settings);
  const solver = await solverFromFlags(session, settings, registry);
  await checkIdentifiers({
    identifiers,
    issuer,
    solver: { name: solver.name, answers: challengesOf(solver.settings) },
  });
  const deployers = await deployersFromFlags(session, settings, registry);
  await proveCredentials(solver.settings, session, registry);
  const profile = textOf(flags['profile']);
  return {
    spec: {
      name,
      identifiers,
      issuer: issuer.name,
      solver: solver.name,
      deploy: Object.keys(deployers),
      endpoints: listOf(flags['endpoint']).map((text) => hostPort('--endpoint', text, 443)),
      ...(profile === undefined ? {} : { profile }),
    },
    issuer: issuer.settings,
    solver: solver.settings,
    deployers,
    preflight: preflightFromFlags(flags, settings),
  };
}

/** --issuer: a declared one, a short name or a URL; the only declared one, else Let's Encrypt. */
function issuerFromFlags(
  flags: Flags,
  settings: Settings,
): { readonly name: string; readonly settings: IssuerSettings } {
  const declaredNames = Object.keys(settings.issuers);
  const given = textOf(flags['issuer']) ?? (declaredNames.length === 1 ? declaredNames[0]! : 'letsencrypt');
  const declared = Object.hasOwn(settings.issuers, given) ? settings.issuers[given] : undefined;
  const found = directoryOf(given);
  if (!declared && !found) {
    const known = [...declaredNames, ...Object.keys(knownIssuers)];
    throw fail('usage/invalid', {
      what: `--issuer ${given}: this is neither an https:// URL nor a known CA nor a declared issuer${didYouMean(given, known)}`,
    });
  }
  if (!declared && found?.known?.needsAccountBinding)
    throw fail('usage/invalid', {
      what: `--issuer ${given}: ${found.known.title} requires external account binding (EAB), which this version does not have yet`,
    });
  const base: IssuerSettings = declared ?? {
    directory: found!.directory,
    email: [],
    agreeToTerms: false,
    test: found!.known?.test ?? false,
    ...(found!.known?.testDirectory === undefined ? {} : { testDirectory: found!.known.testDirectory }),
  };
  const email = listOf(flags['email']);
  const odd = email.find((address) => !/^[^\s@,;?]+@[^\s@,;?]+$/.test(address));
  if (odd !== undefined) throw fail('usage/invalid', { what: `--email ${odd}: this is not an e-mail address` });
  const caFile = textOf(flags['caFile']);
  return {
    name: declared ? given : issuerNameOf(given),
    settings: {
      ...base,
      ...(email.length > 0 ? { email } : {}),
      ...(flags['agreeTos'] === true ? { agreeToTerms: true } : {}),
      ...(caFile === undefined ? {} : { caFile: resolve(caFile) }),
    },
  };
}

interface NamedSolver {
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** The solver of a certificate by flags, with everything that a later `renew` without an environment needs. */
async function solverFromFlags(session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
  const { name, settings: solver } = await chosenSolver(session, settings, registry);
  const isDns01 = solver.type === dns01Type;
  const entry = isDns01
    ? adapterEntry(registry, 'dns', dns01Settings(solver).provider)
    : adapterEntry(registry, 'solver', solver.type);
  if (!entry) return { name, settings: solver };
  const { type: _type, ...given } = optionsFromEnvironment(await entry.load(), session.context.env);
  if (!isDns01) return { name, settings: { ...given, ...solver } };
  return { name, settings: { ...solver, options: { ...given, ...(solver['options'] as object | undefined) } } };
}

/** --http or --dns; without them the only declared solver, else certfleet's own responder on port 80. */
async function chosenSolver(session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
  const { flags } = session.invocation;
  const http = textOf(flags['http']);
  const dns = textOf(flags['dns']);
  if (http !== undefined && dns !== undefined)
    throw fail('usage/invalid', { what: '--http and --dns exclude each other: a certificate has one solver' });
  if (flags['dnsOption'] !== undefined && dns === undefined)
    throw fail('usage/invalid', { what: '--dns-option needs --dns PROVIDER' });
  if (dns !== undefined) return dnsSolver(dns, session, settings, registry);
  const only = Object.keys(settings.solvers);
  if (http === undefined && only.length === 1) return { name: only[0]!, settings: settings.solvers[only[0]!]! };
  return httpSolver(http ?? 'standalone', session, settings, registry);
}

async function httpSolver(how: string, session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
  if (Object.hasOwn(settings.solvers, how)) return declaredSolver('--http', how, 'http-01', settings);
  const [word, rest] = cutAt(how, ':');
  if (word === 'standalone') {
    // This process alone answers on this machine: no token document, which costs a durable write, is needed.
    const solver = { type: 'http01-responder', shared: false, ...(rest === undefined ? {} : { listen: rest }) };
    await checkAdapter(`--http ${how}`, 'solver', solver, session, registry);
    return { name: 'standalone', settings: solver };
  }
  if (word === 'webroot') {
    const folders = (rest ?? '').split(',').filter((folder) => folder !== '');
    if (folders.length === 0)
      throw fail('usage/invalid', { what: '--http webroot needs the folder: --http webroot:/var/www/html' });
    const solver = { type: 'http01-webroot', folders: folders.map((folder) => resolve(folder)) };
    await checkAdapter(`--http ${how}`, 'solver', solver, session, registry);
    return { name: 'webroot', settings: solver };
  }
  const guess = didYouMean(word, ['standalone', 'webroot', ...Object.keys(settings.solvers)]);
  throw fail('usage/invalid', {
    what: `--http ${how}: write standalone[:ADDRESS:PORT], webroot:FOLDER or the name of a declared solver${guess}`,
  });
}

async function dnsSolver(dns: string, session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
  const typed = listOf(session.invocation.flags['dnsOption']);
  if (Object.hasOwn(settings.solvers, dns)) {
    if (typed.length > 0)
      throw fail('usage/invalid', {
        what: `--dns-option does not go with the declared solver "${dns}": its options stand in the configuration`,
      });
    return declaredSolver('--dns', dns, 'dns-01', settings);
  }
  const entry = adapterEntry(registry, 'dns', dns);
  if (!entry) {
    const known = [...typesOf(registry, 'dns'), ...Object.keys(settings.solvers)];
    throw fail('usage/invalid', {
      what: `--dns ${dns}: there is no such DNS provider or declared solver${didYouMean(dns, known) || `; available: ${known.join(', ')}`}`,
    });
  }
  const definition = await entry.load();
  const { type: _type, ...fromEnvironment } = optionsFromEnvironment(definition, session.context.env);
  const options: Record<string, Json> = { ...fromEnvironment };
  const secrets = new Set(
    optionFields(definition.options)
      .filter((field) => field.secret)
      .map((field) => field.name),
  );
  for (const text of typed) {
    const [key, value] = cutAt(text, '=');
    if (value === undefined) throw fail('usage/invalid', { what: `--dns-option ${key}: write key=value` });
    const reference = /^(file|env):/.test(value);
    if (secrets.has(key) && !reference)
      throw fail('usage/invalid', {
        what: `--dns-option ${key}: a secret on the command line is seen by every user of this machine; write ${key}=file:/path or ${key}=env:NAME`,
      });
    options[key] = value.startsWith('file:') ? `file:${resolve(value.slice(5))}` : value;
  }
  const provider: AdapterSettings = { ...options, type: dns };
  await checkAdapter(`--dns ${dns}`, 'dns', provider, session, registry);
  return { name: dns, settings: { type: dns01Type, provider: dns, options } };
}

/** Opens a DNS provider's credentials only to say at once what is missing, while nothing has been changed. */
async function proveCredentials(solver: AdapterSettings, session: Session, registry: Registry): Promise<void> {
  if (solver.type !== dns01Type) return;
  const { options, provider } = dns01Settings(solver);
  const entry = adapterEntry(registry, 'dns', provider);
  if (!entry) return;
  const { files } = await session.world();
  await resolveOptions(await entry.load(), options, { env: session.context.env, files, name: provider });
}

function declaredSolver(flag: string, name: string, wanted: 'http-01' | 'dns-01', settings: Settings): NamedSolver {
  const solver = settings.solvers[name]!;
  const answers = challengesOf(solver);
  if (!answers.includes(wanted))
    throw fail('usage/invalid', {
      what: `${flag} ${name}: the solver "${name}" answers ${answers.join(' and ')}, not ${wanted}`,
    });
  return { name, settings: solver };
}

async function deployersFromFlags(
  session: Session,
  settings: Settings,
  registry: Registry,
): Promise<Record<string, AdapterSettings>> {
  const deployers: Record<string, AdapterSettings> = {};
  for (const text of listOf(session.invocation.flags['deploy'])) {
    const [word, rest] = cutAt(text, ':');
    if (Object.hasOwn(settings.deployers, text)) deployers[text] = settings.deployers[text]!;
    else if (word === 'files' && rest !== undefined && rest !== '') {
      const files = { type: 'files', path: resolve(rest) };
      await checkAdapter(`--deploy ${text}`, 'deployer', files, session, registry);
      deployers[`files:${files.path}`] = files;
    } else {
      const guess = didYouMean(text, ['files:FOLDER', ...Object.keys(settings.deployers)]);
      throw fail('usage/invalid', {
        what: `--deploy ${text}: write files:FOLDER or the name of a declared deployer${guess}`,
      });
    }
  }
  return deployers;
}

function preflightFromFlags(flags: Flags, settings: Settings): PreflightSettings {
  const resolvers = listOf(flags['resolver']).map(resolverAddress);
  const port = textOf(flags['http01Port']);
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    throw fail('usage/invalid', { what: `--http01-port ${port}: a port is a number from 1 to 65535` });
  return {
    resolvers: resolvers.length > 0 ? resolvers : settings.preflight.resolvers,
    http01Port: port === undefined ? settings.preflight.http01Port : Number(port),
  };
}

async function checkAdapter(
  flag: string,
  kind: AdapterKind,
  options: AdapterSettings,
  session: Session,
  registry: Registry,
): Promise<void> {
  const entry = adapterEntry(registry, kind, options.type);
  if (!entry) throw fail('usage/invalid', { what: `${flag}: this certfleet has no ${kind} "${options.type}"` });
  // A missing option that has a variable is told by resolveOptions, which names that too.
  const problems = checkOptions(await entry.load(), options, session.context.env, []).filter(
    ({ missing }) => kind !== 'dns' || missing !== true,
  );
  if (problems.length > 0)
    throw fail('usage/invalid', { what: `${flag}: ${problems.map(({ message }) => message).join('; ')}` });
}

function resolverAddress(text: string): string {
  const address = hostPort('--resolver', text, 53);
  if (!parseServerAddress(address))
    throw fail('usage/invalid', {
      what: `--resolver ${text}: write an IP address, like 9.9.9.9 or [2620:fe::fe]:53`,
    });
  return address;
}

function hostPort(flag: string, text: string, port: number): string {
  const parsed = parseHostPort(text, port);
  if (!parsed)
    throw fail('usage/invalid', { what: `${flag} ${text}: write an address and a port, like 192.0.2.1:${port}` });
  return formatHostPort(parsed);
}

const cutAt = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
};
