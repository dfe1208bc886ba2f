import { fail, isFailure } from '../../../core/errors/errors.ts';
import { freeName, type Meant, type Member, meantBy, numberedName } from '../../../core/names/default-name.ts';
import { type Identifier, identifierKey } from '../../../core/names/identifier.ts';
import { withLetters } from '../../../core/names/letters.ts';
import type { Settings } from '../../../core/spec/spec.ts';
import { shortList } from '../../../core/text/short-list.ts';
import type { Fleet } from '../../../fleet.ts';
import type { Session } from '../../context.ts';
import type { Subject } from '../../flags/flags.ts';

interface Place {
  readonly session: Session;
  readonly settings: Settings;
  /** Undefined if there is no store yet. */
  readonly fleet: Fleet | undefined;
  /** Fails if the other flags are wrong, before a person is asked about the names. */
  readonly check: (subject: Subject) => Promise<void>;
}

/**
 * Returns the certificate that `-d` without a name means: the one with exactly these identifiers, the one that has some
 * of them and gets the others, or a new one. Changes a certificate that would lose identifiers only after a yes. Fails
 * with `lineage/other-names`.
 */
export async function certificateFor(subject: Subject, place: Place): Promise<Subject> {
  const { session } = place;
  const { name: base, identifiers = [] } = subject;
  const members = await membersOf(base, place);
  const meant = meantBy(identifiers, base, members);
  if (meant.is === 'more') await place.check({ ...subject, name: meant.name });
  if (meant.is === 'more') await confirmLoss(session, meant, identifiers, freeName(base, members));
  if (meant.is === 'new' && meant.name !== base)
    session.note(`${base} is a certificate for other names, so this one is called ${meant.name}.`);
  return { ...subject, name: meant.name };
}

/** The number of consecutive unused numbers that ends the search: a few certificates may have been deleted. */
const mostMissing = 3;

/** Returns the certificates with the default name or one of its numbers. */
async function membersOf(base: string, { session, settings, fleet }: Place): Promise<readonly Member[]> {
  const members: Member[] = [];
  for (let number = 0, missing = 0; missing < mostMissing; number += 1) {
    const name = numberedName(base, number);
    const declared = settings.certificates.find((one) => one.name === name)?.identifiers;
    const stored = async () => (await fleet?.stored(name, session.signal))?.spec.identifiers;
    // An unreadable certificate keeps its name reserved, and only stops a command that needs exactly that name.
    const identifiers = declared ?? (await (number === 0 ? stored() : stored().catch(unreadable)));
    if (identifiers) members.push({ name, identifiers });
    missing = identifiers ? 0 : missing + 1;
  }
  return members;
}

function unreadable(error: unknown): readonly Identifier[] {
  if (!isFailure(error, 'store/corrupt')) throw error;
  return [];
}

/** Asks at a terminal before identifiers are removed from a certificate. Elsewhere, only --name allows it. */
async function confirmLoss(
  { json, context, signal, invocation }: Session,
  { name, identifiers }: Extract<Meant, { readonly is: 'more' }>,
  wanted: readonly Identifier[],
  free: string,
): Promise<void> {
  const kept = new Set(wanted.map(identifierKey));
  const others = shortList(
    identifiers
      .map(identifierKey)
      .filter((value) => !kept.has(value))
      .map(withLetters),
  );
  const names = wanted.map(identifierKey);
  const question = `${name} also has ${others}. Take them from it, so that it has only ${shortList(names.map(withLetters))}? [y/N] `;
  const answer = json ? undefined : await context.ask?.(question, signal);
  if (/^y(es)?$/i.test(answer ?? '')) return;
  const typed = (await invocation.shown?.()) ?? `certfleet issue -d ${names.join(',')}`;
  throw fail('lineage/other-names', {
    ...{ name, others },
    replace: `${typed} --name ${name}`,
    another: `${typed} --name ${free}`,
  });
}
