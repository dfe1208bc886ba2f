import { formatHostPort, parseHostPort } from '../config/addresses.ts';
import { challengesOf } from '../config/dns01.ts';
import { checkIdentifiers, lineageNameOf, parseIdentifiers } from '../config/identifiers.ts';
import { directoryOf, issuerNameOf, knownIssuers } from '../config/issuers.ts';
import type { Registry } from '../config/registry.ts';
import { parseServerAddress } from '../core/dns-name.ts';
import { fail } from '../core/errors.ts';
import { isLineageName } from '../core/identifiers.ts';
import { didYouMean } from '../core/nearest.ts';
import type { AdapterSettings, IssuerSettings, PreflightSettings, Settings, StoredSpec } from '../core/spec.ts';
import type { Session } from './context.ts';
import { checkAdapter, cutAt, type Flags, keptPath, listOf, textOf } from './flag-values.ts';
import { proveCredentials, solverFromFlags } from './solver-flags.ts';

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
  const issuer = issuerFromFlags(session, settings);
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
  session: Session,
  settings: Settings,
): { readonly name: string; readonly settings: IssuerSettings } {
  const { flags } = session.invocation;
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
      ...(caFile === undefined ? {} : { caFile: keptPath('--ca-file ', caFile, session) }),
    },
  };
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
      const files = { type: 'files', path: keptPath('--deploy files:', rest, session) };
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
