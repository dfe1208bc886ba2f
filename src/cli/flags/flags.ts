import { lineageNameOf, parseIdentifiers } from '../../config/certificates/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { isLineageName } from '../../core/names/identifiers.ts';
import type { Settings, StoredSpec } from '../../core/spec/spec.ts';
import { storedSpecOf } from '../../core/spec/stored-spec.ts';
import type { Session } from '../context.ts';
import { registryOf } from '../registry.ts';
import { proveCredentials } from './dns-solver.ts';
import { hooksFromFlags } from './hooks.ts';
import { proveEabKey, writeIssuer } from './issuer.ts';
import { keptOf } from './kept.ts';
import { certificateKeys, issuerKeys, preflightKeys, writeKeys } from './keys.ts';
import { writeSolvers } from './solver.ts';
import { nginxFlags, writeTargets } from './targets.ts';
import { type Flags, flagName, listOf, textOf } from './values.ts';
import { Written } from './written.ts';

/** The flags that give settings of a certificate. */
const describing: readonly string[] = [
  ...[
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
  ],
  ...['issuer', ...Object.keys(issuerKeys), ...Object.keys(certificateKeys), 'deploy', ...nginxFlags],
  ...['preHook', 'postHook', 'deployHook', ...Object.keys(preflightKeys)],
];

/** Returns the first flag that gives a setting of a certificate, as typed, or undefined if there is none. */
export const describesCertificate = (flags: Flags): string | undefined => {
  const flag = describing.find((name) => flags[name] !== undefined);
  return flag && (flag === 'identifier' ? '-d' : flagName(flag));
};

/** The certificate that the flags are about. */
export interface Subject {
  /** If no name was typed, that of the first identifier: a guess, which `default-name.ts` settles. */
  readonly name: string;
  readonly isNamed: boolean;
  /** Undefined means the identifiers that the certificate already has. */
  readonly identifiers: readonly Identifier[] | undefined;
}

/**
 * Returns the certificate that flags describe or change. Fails with `usage/flags-exclude`, `identifier/…`,
 * `lineage/invalid-name`.
 */
export function subjectOf(flags: Flags, named: string | undefined): Subject {
  const typed = textOf(flags['name']);
  if (named !== undefined && typed !== undefined && named !== typed)
    throw fail('usage/flags-exclude', {
      ...{ one: `"${named}"`, other: `--name ${typed}`, reason: 'a certificate cannot be renamed' },
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
 * Returns a certificate's settings from flags and the parts of the configuration that they name. The settings contain
 * everything that a later `renew` needs: paths are absolute, and options from the environment are included. They
 * contain no secrets; the fleet stores those that came from the environment.
 *
 * Fails with `usage/…`, `identifier/…`, `config/…`, before anything is changed.
 *
 * @param stored the stored settings; those without a flag stay
 */
export async function specFromFlags(
  session: Session,
  settings: Settings,
  subject: Subject,
  stored?: StoredSpec,
): Promise<StoredSpec> {
  const registry = await registryOf(session);
  const kept = stored && keptOf(stored, registry);
  const written = new Written();
  const [certificate, preflight] = [['certificates', 0], ['preflight']];
  const issuer = writeIssuer(written, session, settings, { kept: kept?.issuer });
  written.set(certificate, { ...kept?.entry, name: subject.name, issuer });
  writeKeys(written, certificate, certificateKeys, session);
  written.set([...certificate, 'hooks'], hooksFromFlags(session.invocation.flags, stored?.hooks).hooks);
  written.set(preflight, { ...(kept ?? settings).preflight });
  writeKeys(written, preflight, preflightKeys, session);
  const choosing = { written, session, settings, registry, kept };
  const identifiers = subject.identifiers ?? stored?.identifiers ?? [];
  const solvers = await writeSolvers(choosing, certificate, identifiers);
  const deployers = writeTargets(written, certificate, choosing);
  const { balancers } = settings;
  const found = await written.settings(session, { balancers, solvers, deployers });
  const wanted = storedSpecOf(found, found.certificates[0]!);
  await proveEabKey(wanted.issuer, session);
  for (const { solver } of wanted.parts) await proveCredentials(solver.settings, session, kept);
  return wanted;
}
