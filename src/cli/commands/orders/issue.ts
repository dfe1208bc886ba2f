import { type CertfleetError, fail, isFailure } from '../../../core/errors/errors.ts';
import type { Lineage } from '../../../core/lineage/lineage.ts';
import { notRenewedHere, notRenewedWithoutSettings } from '../../../core/lineage/not-renewed.ts';
import { canBeOrdered, longestSolver } from '../../../core/lineage/tombstones.ts';
import { type Identifier, identifierKey } from '../../../core/names/identifier.ts';
import { lineageNotFound } from '../../../core/names/not-found.ts';
import type { Settings, StoredSpec } from '../../../core/spec/spec.ts';
import { targetNames } from '../../../core/spec/spec-parts.ts';
import { didYouMean } from '../../../core/text/nearest.ts';
import { present } from '../../../core/text/present.ts';
import type { Run, Session } from '../../context.ts';
import { describesCertificate, type Subject, specFromFlags, subjectOf } from '../../flags/flags.ts';
import { certificateNames } from '../../flags/names.ts';
import { textOf } from '../../flags/values.ts';
import { reportStart, tellOutcomes } from '../../output/outcomes.ts';
import { registryOf } from '../../registry.ts';
import { certificateFor } from './default-name.ts';

/** `certfleet issue`. */
export const issue: Run = async (session) => {
  const { flags } = session.invocation;
  const args = await certificateNames(session, session.invocation.args);
  const described = describesCertificate(flags);
  // Flags may name what the store declares.
  const settings = described ? await session.declared() : await session.settings();
  const dryRun = flags['dryRun'] === true;
  const staging = dryRun || flags['staging'] === true;
  if (!described && settings.certificates.length === 0 && args.length === 0)
    throw fail('identifier/empty-list', { certificate: 'the certificate' });
  const change = described ? await changeByFlags(session, settings, described) : undefined;
  const adHoc = change?.wanted;
  if (staging) refuseWithoutTestDirectory(settings, adHoc, args);
  const makeStore = adHoc !== undefined || settings.certificates.length > 0;
  const fleet = await session.fleet({ makeStore }).catch((error: unknown) => {
    // Only a name was given, nothing is declared, and there is no store, so the name is wrong.
    throw isFailure(error, 'store/absent') ? lineageNotFound(args[0] ?? '', []) : error;
  });
  if (change?.kept && !staging) await confirmIssuer(session, change.kept, change.wanted);
  await reportStart(session, 'issue');
  if (change?.kept && !staging) await reportChanges(session, { ...change, kept: change.kept });
  const outcomes = await fleet.issue(
    {
      names: args,
      ...present({ adHoc, found: change && !staging ? change.found : undefined }),
      force: flags['force'] === true,
      staging,
      ...present({
        ignorePreflight: flags['ignorePreflight'] === true ? true : undefined,
        newAccount: flags['newAccount'] === true ? true : undefined,
      }),
    },
    session.signal,
  );
  const isTaken = outcomes.some((outcome) => 'error' in outcome && outcome.error.code === 'lineage/name-taken');
  // Another process was faster, so these identifiers now mean a different certificate.
  if (isTaken && change?.isNamed === false) return issue(session);
  return tellOutcomes(outcomes, session, {
    command: 'issue',
    staging,
    dryRun,
    changes: change?.kept !== undefined,
    targets: adHoc && targetNames(adHoc),
  });
};

interface Changing {
  readonly wanted: StoredSpec;
  readonly kept: StoredSpec | undefined;
  /** The certificate's present identifiers; empty if it does not exist yet. */
  readonly found: readonly Identifier[];
  readonly isNamed: boolean;
  /** Set if a configuration declared the certificate before. */
  readonly isAdopted: boolean;
}

/** Returns a certificate's settings from flags, and the stored ones. Settings without a flag stay. */
async function changeByFlags(session: Session, settings: Settings, described: string): Promise<Changing> {
  const typed = session.invocation.args[0] ?? textOf(session.invocation.flags['name']);
  const [named, another] = await certificateNames(session, session.invocation.args);
  if (another !== undefined) throw fail('usage/one-at-a-time', { what: described, one: named!, other: another });
  const asked = subjectOf(session.invocation.flags, named);
  const fleet = await session.fleet({ makeStore: false }).catch((error: unknown) => {
    if (!isFailure(error, 'store/absent')) throw error;
    return undefined;
  });
  const check = async (of: Subject): Promise<void> => {
    const before = (await fleet?.stored(of.name, session.signal))?.spec;
    // The change itself reports once what a relative path became.
    if (before) await specFromFlags({ ...session, note: () => undefined }, settings, of, before);
  };
  const subject = asked.isNamed ? asked : await certificateFor(asked, { session, settings, fleet, check });
  const { name } = subject;
  const declared = fleet?.settings() ?? settings;
  if (declared.certificates.some((certificate) => certificate.name === name))
    throw fail('usage/declared', { name, where: '', otherwise: ', or give another --name' });
  const found = await fleet?.stored(name, session.signal);
  const kept = found?.spec;
  const isAdopted = found?.origin === 'configuration';
  if (isAdopted && !subject.identifiers) throw notOfFlags(found);
  if (!kept && (named !== undefined || !subject.identifiers)) {
    const names = (await fleet?.status([], session.signal))?.map((one) => one.name) ?? [];
    throw fail('usage/nothing-to-change', { name: typed!, what: described, nearest: didYouMean(name, names) });
  }
  const wanted = await specFromFlags(session, settings, subject, kept);
  // Refused before it is stored, because no order could ever be made.
  if (!canBeOrdered(wanted, await session.now())) throw fail('config/solver-too-long', longestSolver(wanted));
  return { wanted, kept, found: kept?.identifiers ?? [], isNamed: asked.isNamed, isAdopted };
}

/** Explains flags that only name a declared certificate: most likely --config was forgotten. */
function notOfFlags({
  spec,
  givenBack,
  settingsLost,
}: Pick<Lineage, 'spec' | 'givenBack' | 'settingsLost'>): CertfleetError {
  const { name, identifiers } = spec;
  if (givenBack) return fail('lineage/not-renewed', { name, ...notRenewedHere(givenBack) });
  if (settingsLost)
    return fail('lineage/not-renewed', { name, ...notRenewedWithoutSettings(name, identifiers.map(identifierKey)) });
  return fail('lineage/not-renewed', {
    name,
    why: 'it was declared in a configuration that this command did not read',
    advice: `Name that configuration with --config and change the certificate there, or give its domain names to manage it with flags from now on: certfleet issue -d ${identifiers.map(identifierKey).join(',')}`,
  });
}

/** Asks before the issuer changes: another CA has other limits, and may be less widely trusted. */
export async function confirmIssuer(session: Session, kept: StoredSpec, wanted: StoredSpec): Promise<void> {
  if (session.json || kept.issuer.settings.directory === wanted.issuer.settings.directory) return;
  const { name, issuer } = wanted;
  const other = issuer.name === kept.issuer.name ? issuer.settings.directory : issuer.name;
  const question = `${name} is issued by ${kept.issuer.name}. Get it from ${other} from now on? [y/N] `;
  const answer = await session.context.ask?.(question, session.signal);
  // Without a terminal, --issuer itself is the confirmation.
  if (answer === undefined || /^y(es)?$/i.test(answer)) return;
  throw fail('usage/not-confirmed', { what: `the new issuer of ${name}` });
}

export async function reportChanges(
  session: Session,
  { kept, wanted, isAdopted }: Pick<Changing, 'wanted' | 'isAdopted'> & { readonly kept: StoredSpec },
): Promise<void> {
  const { changesOf } = await import('./changes.ts');
  const registry = await registryOf(session);
  const time = (await session.now()).toISOString();
  const adopted = { setting: 'settings from', from: 'a configuration', to: 'flags' };
  const changes = await changesOf(kept, wanted, registry);
  for (const { setting, from, to } of isAdopted ? [adopted, ...changes] : changes)
    session.reporter.report({
      v: 1,
      time,
      level: 'info',
      event: 'certificate.changed',
      certificate: wanted.name,
      message: `${setting}: ${from} → ${to}`,
      data: { setting, from, to },
    });
}

function refuseWithoutTestDirectory(settings: Settings, adHoc: StoredSpec | undefined, names: readonly string[]): void {
  const asked = adHoc
    ? [adHoc.issuer]
    : settings.certificates
        .filter(({ name }) => names.length === 0 || names.includes(name))
        .map(({ issuer }) => ({ name: issuer, settings: settings.issuers[issuer] }));
  const without = asked.find(
    (issuer) => issuer.settings && issuer.settings.testDirectory === undefined && !issuer.settings.test,
  );
  if (without) throw fail('config/no-test-directory', { issuer: without.name });
}
