import { keyTypeNamed } from '../../config/certificates/certificate-options.ts';
import { fail } from '../../core/errors/errors.ts';
import type { KeyType } from '../../core/spec/key-type.ts';
import { type KeyPart, keyCurves, keySizes } from './flag-table.ts';

const kinds = { size: 'rsa', curve: 'p' } as const;

/** Returns the key type for certbot's size or curve, or undefined if certfleet does not generate such keys. */
export function keyTypeOfPart(part: 'size' | 'curve', text: string): KeyType | undefined {
  const type = keyTypeNamed(part === 'size' ? `rsa${text}` : text);
  return type?.startsWith(kinds[part]) ? type : undefined;
}

/**
 * Translates certbot's flags: `--key-type rsa --rsa-key-size 4096` is `--key-type rsa4096`. Like certbot, ignores a
 * size or curve for a type that was not chosen.
 */
export function keyTypeOfFlags({ type, size, curve }: Readonly<Partial<Record<KeyPart, string>>>): string | undefined {
  const chosen = type ?? (size === undefined ? 'ecdsa' : 'rsa');
  if (chosen === 'rsa' && size !== undefined) return named('--rsa-key-size', 'size', size);
  if (chosen === 'ecdsa' && curve !== undefined) return named('--elliptic-curve', 'curve', curve);
  return type;
}

function named(flag: string, part: 'size' | 'curve', text: string): KeyType {
  const type = keyTypeOfPart(part, text);
  if (type !== undefined) return type;
  const known = (part === 'size' ? keySizes : keyCurves).join(', ');
  throw fail('usage/unknown-value', { typed: `${flag} ${text}`, known, nearest: '' });
}
