import { lineageNameOf, parseIdentifiers } from '../../config/certificates/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import { freeName } from '../../core/names/default-name.ts';
import { baseName, type Identifier, isWildcard } from '../../core/names/identifier.ts';
import { importedName, unnamed } from '../../core/names/identifiers.ts';
import { withLetters } from '../../core/names/letters.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { LineageStatus } from '../../fleet.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { certbotFolder, refuseCertbots } from './folder.ts';
import { certificatesIn, storedFleet } from './stored.ts';

/** Replaces certbot's name of an imported certificate by its name in certfleet, which may differ. */
export async function withOwnName(given: CertbotWords, session: Session): Promise<CertbotWords> {
  const { name: typed } = given.values;
  if (typed === undefined) return given;
  const fleet = await storedFleet(session);
  const names = ((await fleet?.status([], session.signal)) ?? []).map(({ name }) => name);
  const named = (name: string): CertbotWords => ({ ...given, values: { ...given.values, name } });
  if (!fleet || names.includes(typed)) return given;
  for (const name of names) {
    const { spec } = (await fleet.stored(name, session.signal)) ?? {};
    if (spec?.targets.some(({ settings }) => settings['certbotName'] === typed)) return named(name);
  }
  const own = importedName(typed);
  // The import may have shortened other names to the same word, and numbered them.
  const isClear = own !== unnamed && names.includes(own) && !names.includes(`${own}-2`);
  return isClear ? named(own) : given;
}

/** Adds the stored names of the certificate if `-d` is missing, as certbot does. Fails with a `usage/` code. */
export async function withStoredNames(given: CertbotWords, session: Session): Promise<CertbotWords> {
  const { verb, domains, values } = given;
  const { name } = values;
  if (!['certonly', 'run'].includes(verb) || name === undefined || domains.length > 0) return given;
  const { certificates } = await session.settings();
  const declared = certificates.find((one) => one.name === name);
  if (declared) return { ...given, domains: declared.identifiers.map(({ value }) => value), keepsSettings: true };
  const fleet = await storedFleet(session);
  const all = await certificatesIn(fleet, session);
  const stored = all.find((one) => one.name === name);
  if (!stored) {
    await refuseCertbots(certbotFolder(values, session), name, session);
    const names = all.map((one) => one.name);
    throw fail('usage/unknown-name', {
      ...{ kind: 'certificate', name, nearest: didYouMean(name, names) },
      advice: 'To get it, give its names with -d.',
    });
  }
  const { origin } = (await fleet?.stored(name, session.signal)) ?? {};
  return { ...given, domains: stored.identifiers, keepsSettings: origin === 'configuration' };
}

/**
 * Returns the certificate with exactly the names of `-d`. Fails with a `usage/` code if that certificate has other
 * names, too.
 */
export async function namedByDomains(
  { domains, values }: CertbotWords,
  session: Session,
): Promise<{ readonly name: string; readonly isDeclared: boolean } | undefined> {
  const { certificates } = await session.settings();
  const valuesOf = (identifiers: readonly Identifier[]): readonly string[] => identifiers.map(({ value }) => value);
  const declared = certificates.map(({ name, identifiers }) => ({ name, values: valuesOf(identifiers) }));
  if (values.name !== undefined && domains.length === 0)
    return { name: values.name, isDeclared: declared.some(({ name }) => name === values.name) };
  if (domains.length === 0) return undefined;
  const wanted = valuesOf(parseIdentifiers(domains, 'the certificate'));
  const fleet = await storedFleet(session);
  const stored = await certificatesIn(fleet, session);
  const all = [...declared, ...stored.map(({ name, identifiers }) => ({ name, values: identifiers }))];
  const having = all.filter(
    (one) =>
      (values.name === undefined || one.name === values.name) && wanted.every((value) => one.values.includes(value)),
  );
  const same = having.find((one) => one.values.length === wanted.length);
  if (same) return { name: same.name, isDeclared: declared.includes(same) };
  const named = values.name ?? having[0]?.name;
  if (named === undefined) return undefined;
  throw fail('usage/certbot-more-names', { certificate: named });
}

/**
 * Returns the certificate that the line is about. Like certbot, finds the certificate to expand by its names, and gets
 * another certificate for any other set of names, numbered if its name is taken. Fails with a `usage/` code.
 */
export async function subjectOf(
  { domains, values, expand, isUnattended }: CertbotWords,
  session: Session,
): Promise<{ readonly name: string; readonly isKnown: boolean }> {
  const identifiers = parseIdentifiers(domains, 'the certificate');
  const wanted = new Set(identifiers.map(({ value }) => value));
  const fleet = await storedFleet(session);
  const all = await certificatesIn(fleet, session);
  const isPart = (one: (typeof all)[number]) => one.identifiers.every((value) => wanted.has(value));
  if (values.name !== undefined) return { name: values.name, isKnown: all.some(({ name }) => name === values.name) };
  const same = all.find((one) => isPart(one) && one.identifiers.length === wanted.size);
  const own = nameAsCertbot(identifiers);
  if (same) return { name: same.name, isKnown: true };
  const part = all.find((one) => isPart(one) && one.identifiers.length > 0);
  if (!part) return { name: freeName(own, all), isKnown: false };
  if (expand || (await agreesToExpand(part, isUnattended, session))) return { name: part.name, isKnown: true };
  throw fail('usage/certbot-some-names', { certificate: part.name, names: namesOf(part) });
}

const namesOf = ({ identifiers }: Pick<LineageStatus, 'identifiers'>): string =>
  identifiers.map(withLetters).join(', ');

/** Asks before it expands a certificate, as certbot does, unless the run is unattended. */
async function agreesToExpand(part: LineageStatus, isUnattended: boolean, session: Session): Promise<boolean> {
  if (isUnattended || session.json) return false;
  const question = `${part.name} has some of these names (${namesOf(part)}). Give it all of them? [y/N] `;
  return /^y(es)?$/i.test((await session.context.ask?.(question, session.signal)) ?? '');
}

/** Returns the name that certbot would give: a certificate for `*.example.com` is named `example.com`. */
export function nameAsCertbot(identifiers: readonly Identifier[]): string {
  const [first, ...others] = identifiers;
  if (!first || !isWildcard(first)) return lineageNameOf(identifiers);
  return lineageNameOf([{ ...first, value: baseName(first) }, ...others]);
}

/** Returns the name of the certificate that a translated line is about. */
export function nameInWords([, second = '', ...words]: readonly string[], domains: readonly string[]): string {
  const at = words.indexOf('--name');
  if (at >= 0) return words[at + 1]!;
  return second.startsWith('-') ? lineageNameOf(parseIdentifiers(domains, 'the certificate')) : second;
}
