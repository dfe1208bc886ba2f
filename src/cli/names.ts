import { lineageNameOf, parseIdentifier, withLetters } from '../config/identifiers.ts';
import { isFailure } from '../core/errors.ts';
import { isLineageName } from '../core/identifiers.ts';
import type { NamedSolvers } from '../core/spec-parts.ts';

/**
 * The names of the certificates that were typed, without duplicates. Anything that cannot be a certificate's name, such
 * as `*.example.com` or an international name, is taken as an identifier, and becomes the default name for it.
 */
export const certificateNames = (typed: readonly string[]): readonly string[] => [...new Set(typed.map(nameOf))];

function nameOf(typed: string): string {
  const [name = '', staging = ''] = typed.split(/(?=~staging$)/);
  if (isLineageName(name)) return typed;
  try {
    return `${lineageNameOf([parseIdentifier(name)])}${staging}`;
  } catch (error) {
    if (!isFailure(error, 'identifier/')) throw error;
    return typed;
  }
}

/** The solvers of a certificate, as people read them: `web; dns for *.example.com`. */
export function solversText({ solver, solvers = {} }: NamedSolvers): string {
  const others = [...new Set(Object.values(solvers))].map((name) => {
    const theirs = Object.keys(solvers).filter((value) => solvers[value] === name);
    return `${name} for ${theirs.map(withLetters).join(', ')}`;
  });
  return [solver, ...others].join('; ');
}
