import { challengesOf, dns01Settings } from '../config/dns01.ts';
import { optionFields } from '../config/fields.ts';
import { optionsFromEnvironment, resolveOptions } from '../config/options.ts';
import { adapterEntry, dns01Type, type Registry, typesOf } from '../config/registry.ts';
import { fail } from '../core/errors.ts';
import type { Json } from '../core/json.ts';
import { didYouMean } from '../core/nearest.ts';
import type { AdapterSettings, Settings } from '../core/spec.ts';
import type { Session } from './context.ts';
import { checkAdapter, cutAt, keptPath, listOf, textOf } from './flag-values.ts';

export interface NamedSolver {
  readonly name: string;
  readonly settings: AdapterSettings;
}

/** The solver of a certificate by flags, with everything that a later `renew` without an environment needs. */
export async function solverFromFlags(session: Session, settings: Settings, registry: Registry): Promise<NamedSolver> {
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
    const solver = {
      type: 'http01-webroot',
      folders: folders.map((folder) => keptPath('--http webroot:', folder, session)),
    };
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
    options[key] = value.startsWith('file:')
      ? `file:${keptPath(`--dns-option ${key}=file:`, value.slice(5), session)}`
      : value;
  }
  const provider: AdapterSettings = { ...options, type: dns };
  await checkAdapter(`--dns ${dns}`, 'dns', provider, session, registry);
  return { name: dns, settings: { type: dns01Type, provider: dns, options } };
}

/** Opens a DNS provider's credentials only to say at once what is missing, while nothing has been changed. */
export async function proveCredentials(solver: AdapterSettings, session: Session, registry: Registry): Promise<void> {
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
