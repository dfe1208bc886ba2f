import { lineageNameOf, parseIdentifier } from '../config/identifiers.ts';
import { isFailure } from '../core/errors.ts';
import { isLineageName } from '../core/identifiers.ts';

/**
 * The certificates that were typed, each once. What cannot be a certificate's name, like `*.example.com` or an
 * international name in its own letters, is an identifier, and stands for the certificate that is called by it.
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
