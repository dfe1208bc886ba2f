import { type Identifier, identifierKey, sameIdentifiers } from './identifier.ts';
import { longestLineageName } from './identifiers.ts';

/** A certificate that has a default name or a numbered one. */
export interface Member {
  readonly name: string;
  readonly identifiers: readonly Identifier[];
}

/** The certificate that identifiers refer to if they are given without a name. */
export type Meant =
  /** It has exactly these, or does not exist yet. */
  | { readonly is: 'same' | 'new'; readonly name: string }
  /** It has some of these, and no others. */
  | { readonly is: 'part'; readonly name: string; readonly identifiers: readonly Identifier[] }
  /** It has some of these, and would lose others. */
  | { readonly is: 'more'; readonly name: string; readonly identifiers: readonly Identifier[] };

/**
 * Returns the default name, or a numbered one if other certificates have it: `example.com`, `example.com-0001`,
 * numbered like certbot's.
 */
export const numberedName = (base: string, number: number): string =>
  number === 0 ? base : `${base.slice(0, longestLineageName - 5)}-${String(number).padStart(4, '0')}`;

/**
 * Finds the certificate that identifiers without a name refer to. A default name is only a guess, so it never takes
 * identifiers from a certificate, and it finds the same certificate again whatever numbers are free by then.
 *
 * @param members the certificates with the default name and its numbers, in this order
 */
export function meantBy(wanted: readonly Identifier[], base: string, members: readonly Member[]): Meant {
  const values = new Set(wanted.map(identifierKey));
  const isWanted = (one: Identifier) => values.has(identifierKey(one));
  const same = members.find(({ identifiers }) => sameIdentifiers(identifiers, wanted));
  if (same) return { is: 'same', name: same.name };
  const part = members.find(({ identifiers }) => identifiers.length > 0 && identifiers.every(isWanted));
  if (part) return { is: 'part', ...part };
  const more = members.find(({ identifiers }) => identifiers.some(isWanted));
  if (more) return { is: 'more', ...more };
  return { is: 'new', name: freeName(base, members) };
}

/** Returns the first of the default name and its numbered ones that no member has. */
export function freeName(base: string, members: readonly Pick<Member, 'name'>[]): string {
  const taken = new Set(members.map(({ name }) => name));
  let number = 0;
  while (taken.has(numberedName(base, number))) number += 1;
  return numberedName(base, number);
}
