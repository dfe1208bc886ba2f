import { join } from 'node:path';
import { formatHostPort, inBrackets, parseHostPort } from '../../config/addresses.ts';
import { challengesOf } from '../../config/dns01.ts';
import { checkIdentifiers, lineageNameOf, parseIdentifiers } from '../../config/identifiers.ts';
import { checkOrder } from '../../config/order-limits.ts';
import type { Registry } from '../../config/registry.ts';
import { fail } from '../../core/errors/errors.ts';
import { parseServerAddress } from '../../core/names/dns-name.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { isLineageName } from '../../core/names/identifiers.ts';
import { withDeployHook } from '../../core/spec/hooks.ts';
import type { AdapterSettings, PreflightSettings, Settings, StoredSpec } from '../../core/spec/spec.ts';
import { partsFrom, solverNameOf } from '../../core/spec/spec-parts.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { Session } from '../context.ts';
import { hooksFromFlags } from './hooks.ts';
import { issuerFlags, issuerFromFlags, proveEabKey, refuseWithoutAccount } from './issuer.ts';
import { proveCredentials, solversFromFlags } from './solver.ts';
import { checkAdapter, cutAt, type Flags, given, keptPath, listOf, textOf } from './values.ts';
import { wishesFromFlags, wishFlags } from './wishes.ts';

/** Which nginx the targets `nginx:FOLDER` test and reload; named as by certbot. */
const nginxFlags = ['nginxCtl', 'nginxServerRoot'] as const;

/** Flags that give settings of a certificate. */
const describing = [
  'identifier',
  'name',
  'http',
  'tlsAlpn',
  'dns',
  'dnsOption',
  'propagation',
  'authHook',
  'cleanupHook',
  'challenge',
  ...issuerFlags,
  ...wishFlags,
  'deploy',
  ...nginxFlags,
  'endpoint',
  'preHook',
  'postHook',
  'deployHook',
  'resolver',
  'http01Port',
  'tlsAlpn01Port',
] as const;

/** The first flag that gives a setting of a certificate, as typed; undefined if there is none. */
export const describesCertificate = (flags: Flags): string | undefined => {
  const flag = describing.find((name) => flags[name] !== undefined);
  return (
    flag && (flag === 'identifier' ? '-d' : `--${flag.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`)
  );
};

/** Which certificate the flags are about. */
export interface Subject {
  /** Without a name, that of its first identifier: a guess, which `default-name.ts` settles. */
  readonly name: string;
  readonly isNamed: boolean;
  /** undefined means those that it already has. */
  readonly identifiers: readonly Identifier[] | undefined;
}

/**
 * The certificate that flags describe or change. Fails with `usage/invalid`, `identifier/…`, `lineage/invalid-name`.
 */
export function subjectOf(flags: Flags, named: string | undefined): Subject {
  const typed = textOf(flags['name']);
  if (named !== undefined && typed !== undefined && named !== typed)
    throw fail('usage/invalid', {
      what: `a certificate cannot be renamed: leave out "${named}" or --name ${typed}`,
    });
  const given = named ?? typed;
  const isGiven = flags['identifier'] !== undefined;
  const identifiers =
    isGiven || given === undefined ? parseIdentifiers(listOf(flags['identifier']), 'the certificate') : undefined;
  const name = given ?? lineageNameOf(identifiers ?? []);
  if (!isLineageName(name)) throw fail('lineage/invalid-name', { name });
  return { name, isNamed: given !== undefined, identifiers };
}

/**
 * A certificate's settings from flags and the parts of the configuration that they name. They contain everything that a
 * later `renew` needs: paths are absolute, and options from the environment are included. Secrets are not; the fleet
 * stores those that came from the environment.
 *
 * Fails with `usage/…`, `identifier/…`, `config/…`, before anything is changed.
 *
 * @param kept its stored settings; those without a flag stay
 */
export async function specFromFlags(
  session: Session,
  settings: Settings,
  subject: Subject,
  kept?: StoredSpec,
): Promise<StoredSpec> {
  const { flags } = session.invocation;
  const registry = session.context.registry ?? (await import('../../generated/registry.ts')).registry;
  const identifiers = subject.identifiers ?? kept?.identifiers ?? [];
  const issuer = issuerFromFlags(session, settings, kept);
  refuseWithoutAccount(issuer);
  const solvers = await solversFromFlags({ session, settings, registry }, identifiers, kept);
  const settingsOfSolvers = Object.fromEntries(solvers.all.map((one) => [one.name, one.settings]));
  await checkIdentifiers({
    identifiers,
    issuer,
    solverOf(identifier) {
      const name = solverNameOf(solvers.named, identifier);
      return { name, answers: challengesOf(settingsOfSolvers[name]!) };
    },
  });
  const wishes = wishesFromFlags(flags, kept);
  checkOrder({ identifiers, issuer, wishes }, await session.now());
  await proveEabKey(issuer, session);
  for (const solver of solvers.all) await proveCredentials(solver, session, registry, kept);
  const keepsTargets = kept !== undefined && flags['deploy'] === undefined;
  const targets = keepsTargets
    ? kept.targets
    : Object.entries(await deployersFromFlags(session, settings, registry)).map(([name, one]) => ({
        ...{ name, settings: one },
      }));
  const endpoints = given(flags, 'endpoint')?.map((text) => hostPort('--endpoint', text, 443));
  const { name } = subject;
  return withDeployHook({
    ...{ name, identifiers, issuer },
    parts: partsFrom({ name, identifiers, ...solvers.named }, settingsOfSolvers),
    targets: withNginx(targets, session),
    endpoints: endpoints ?? kept?.endpoints ?? [],
    ...wishes,
    ...hooksFromFlags(flags, kept?.hooks),
    preflight: preflightFromFlags(flags, kept?.preflight ?? settings.preflight),
  });
}

export async function deployersFromFlags(
  session: Session,
  settings: Settings,
  registry: Registry,
): Promise<Record<string, AdapterSettings>> {
  const deployers: Record<string, AdapterSettings> = {};
  const add = (target: string, deployer: AdapterSettings): void => {
    if (Object.hasOwn(deployers, target))
      throw fail('usage/invalid', { what: `--deploy ${target} is given twice: leave out one of them` });
    deployers[target] = deployer;
  };
  for (const text of given(session.invocation.flags, 'deploy') ?? []) {
    const [word, rest] = cutAt(text, ':');
    if (Object.hasOwn(settings.deployers, text)) add(text, settings.deployers[text]!);
    else if (word === 'files' && rest !== undefined && rest !== '') {
      const files = { type: 'files', path: keptPath('--deploy files:', rest, session) };
      await checkAdapter(`--deploy ${text}`, 'deployer', files, session, registry);
      add(`files:${files.path}`, files);
    } else if (word === 'nginx' && rest !== undefined && rest !== '') {
      const nginx = { type: 'nginx', path: keptPath('--deploy nginx:', rest, session) };
      await checkAdapter(`--deploy ${text}`, 'deployer', nginx, session, registry);
      add(`nginx:${nginx.path}`, nginx);
    } else {
      const guess = didYouMean(text, ['files:FOLDER', 'nginx:FOLDER', ...Object.keys(settings.deployers)]);
      throw fail('usage/invalid', {
        what: `--deploy ${text}: write files:FOLDER, nginx:FOLDER or the name of a declared deployer${guess}`,
      });
    }
  }
  return deployers;
}

/** The targets with the nginx that flags name, which those of a configuration name themselves. Fails with `usage/invalid`. */
function withNginx(targets: StoredSpec['targets'], session: Session): StoredSpec['targets'] {
  const { flags } = session.invocation;
  const flag = nginxFlags.find((name) => flags[name] !== undefined);
  if (flag === undefined) return targets;
  const isNginx = ({ name }: StoredSpec['targets'][number]) => name.startsWith('nginx:');
  if (!targets.some(isNginx))
    throw fail('usage/invalid', {
      what: `--${flag === 'nginxCtl' ? 'nginx-ctl' : 'nginx-server-root'}: the certificate goes to no nginx: add --deploy nginx:FOLDER`,
    });
  const [ctl = 'nginx', root] = [textOf(flags['nginxCtl']), textOf(flags['nginxServerRoot'])];
  const command = [
    ctl.includes('/') ? keptPath('--nginx-ctl ', ctl, session) : ctl,
    ...(root === undefined ? [] : ['-c', join(keptPath('--nginx-server-root ', root, session), 'nginx.conf')]),
  ];
  const commands = { test: [...command, '-t'], reload: [...command, '-s', 'reload'] };
  return targets.map((one) => (isNginx(one) ? { ...one, settings: { ...one.settings, ...commands } } : one));
}

function preflightFromFlags(flags: Flags, before: PreflightSettings): PreflightSettings {
  const http01Port = portOf('--http01-port', textOf(flags['http01Port'])) ?? before.http01Port;
  const tlsAlpn01Port = portOf('--tls-alpn01-port', textOf(flags['tlsAlpn01Port'])) ?? before.tlsAlpn01Port;
  return {
    resolvers: given(flags, 'resolver')?.map(resolverAddress) ?? before.resolvers,
    http01Port,
    ...(tlsAlpn01Port === undefined ? {} : { tlsAlpn01Port }),
  };
}

function portOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw fail('usage/invalid', { what: `${flag} ${text}: a port is a number from 1 to 65535` });
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
  if (parsed) return formatHostPort(parsed);
  const written = inBrackets(text);
  const fix =
    written === undefined
      ? `write an address and a port, like 192.0.2.1:${port}`
      : `put the IPv6 address in brackets, like ${written}`;
  throw fail('usage/invalid', { what: `${flag} ${text}: ${fix}` });
}
