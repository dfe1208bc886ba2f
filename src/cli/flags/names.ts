import { lineageNameOf, parseIdentifier } from '../../config/certificates/identifiers.ts';
import { fail, isFailure } from '../../core/errors/errors.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import { isLineageName, isStagingName } from '../../core/names/identifiers.ts';
import { withLetters } from '../../core/names/letters.ts';
import type { NamedSolvers } from '../../core/spec/spec-parts.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { LineageStatus } from '../../fleet.ts';
import type { Session } from '../context.ts';

interface Asked {
  readonly name: string;
  /** Set if the name is only the default name of this identifier, which other certificates may have, too. */
  readonly identifier?: string;
}

/**
 * Returns the names of the certificates that were typed, without duplicates. An argument that cannot be a certificate's
 * name, such as `*.example.com`, is an identifier, and means the certificate that has only this identifier. Fails with
 * `lineage/not-alone`.
 */
export async function certificateNames(session: Session, typed: readonly string[]): Promise<readonly string[]> {
  const asked = typed.map(askedFor);
  const all = asked.some(({ identifier }) => identifier) ? await certificatesOf(session) : [];
  return [...new Set(asked.map((one) => (one.identifier ? meantOf(one.name, one.identifier, all) : one.name)))];
}

function askedFor(typed: string): Asked {
  const [text = '', staging = ''] = typed.split(/(?=~staging$)/);
  if (isLineageName(text)) return { name: typed };
  try {
    const identifier = parseIdentifier(text);
    const name = `${lineageNameOf([identifier])}${staging}`;
    // An international name in its own letters, or in capitals, is another spelling of the name itself.
    return name === `${identifier.value}${staging}` ? { name } : { name, identifier: identifierKey(identifier) };
  } catch (error) {
    if (!isFailure(error, 'identifier/')) throw error;
    return { name: typed };
  }
}

type Certificate = Pick<LineageStatus, 'name' | 'identifiers'>;

/** Returns all certificates, with their identifiers. Without a store, returns the declared ones. */
async function certificatesOf(session: Session): Promise<readonly Certificate[]> {
  try {
    const fleet = await session.fleet({ makeStore: false });
    return await fleet.status([], session.signal);
  } catch (error) {
    if (!isFailure(error, 'store/absent')) throw error;
    const { certificates } = await session.settings();
    return certificates.map(({ name, identifiers }) => ({ name, identifiers: identifiers.map(identifierKey) }));
  }
}

function meantOf(base: string, identifier: string, all: readonly Certificate[]): string {
  const those = all.filter(({ name }) => isStagingName(name) === isStagingName(base));
  const isIt = (one: string) => one === identifier;
  const same = those.filter(({ identifiers }) => identifiers.length > 0 && identifiers.every(isIt));
  const found = same.find(({ name }) => name === base) ?? same[0];
  if (found) return found.name;
  const near = those.filter(({ name, identifiers }) => name === base || identifiers.some(isIt));
  // The command reports a name that no certificate has.
  if (near.length === 0) return base;
  const shown = near.map(({ name, identifiers }) => {
    const values = shortList(identifiers.map(withLetters));
    return values === '' ? `${name} (which cannot be read)` : `${name} (for ${values})`;
  });
  throw fail('lineage/not-alone', { value: withLetters(identifier), near: shortList(shown) });
}

/** Describes the solvers of a certificate for a person: `web; dns for *.example.com`. */
export function solversText({ solver, solvers = {} }: NamedSolvers): string {
  const others = [...new Set(Object.values(solvers))].map((name) => {
    const theirs = Object.keys(solvers).filter((value) => solvers[value] === name);
    return `${name} for ${theirs.map(withLetters).join(', ')}`;
  });
  return [solver, ...others].join('; ');
}
