import { lineageNameOf, parseIdentifiers, withLetters } from '../../config/identifiers.ts';
import { fail } from '../../core/errors/errors.ts';
import { freeName } from '../../core/names/default-name.ts';
import { baseName, type Identifier, isWildcard } from '../../core/names/identifier.ts';
import { importedName, unnamed } from '../../core/names/identifiers.ts';
import { didYouMean } from '../../core/text/nearest.ts';
import type { LineageStatus } from '../../fleet.ts';
import type { CertbotWords } from '../../migrate/certbot/words.ts';
import type { Session } from '../context.ts';
import { certbotFolder, refuseCertbots } from './folder.ts';
import { certificatesIn, storedFleet } from './stored.ts';

/** An imported certificate may have another name here, and keeps certbot's for its folder. */
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
  // Other names may have become the same word, with a number.
  const isClear = own !== unnamed && names.includes(own) && !names.includes(`${own}-2`);
  return isClear ? named(own) : given;
}

/** Without `-d`, the named certificate keeps its names, as with certbot. Fails with a code of `usage/`. */
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

/** The certificate with exactly the names of `-d`. Fails with a code of `usage/` if it has others, too. */
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
 * Which certificate it is. certbot finds the one to expand by its names. For any other set of names it gets another
 * certificate, with a number in its name if need be. Fails with a code of `usage/`.
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

/** certbot asks, too, unless it must not. */
async function agreesToExpand(part: LineageStatus, isUnattended: boolean, session: Session): Promise<boolean> {
  if (isUnattended || session.json) return false;
  const question = `${part.name} has some of these names (${namesOf(part)}). Give it all of them? [y/N] `;
  return /^y(es)?$/i.test((await session.context.ask?.(question, session.signal)) ?? '');
}

/** A certificate for `*.example.com` is example.com. */
export function nameAsCertbot(identifiers: readonly Identifier[]): string {
  const [first, ...others] = identifiers;
  if (!first || !isWildcard(first)) return lineageNameOf(identifiers);
  return lineageNameOf([{ ...first, value: baseName(first) }, ...others]);
}

/** The name of the certificate that a translated line is about. */
export function nameInWords([, second = '', ...words]: readonly string[], domains: readonly string[]): string {
  const at = words.indexOf('--name');
  if (at >= 0) return words[at + 1]!;
  return second.startsWith('-') ? lineageNameOf(parseIdentifiers(domains, 'the certificate')) : second;
}
