import { keyTypeNamed } from '../../config/wishes.ts';
import { fail } from '../../core/errors/errors.ts';
import { keyTypes } from '../../core/spec/key-type.ts';

/** certbot's flags for the private key, by what they say. */
export interface KeyFlags {
  type?: string;
  size?: string;
  curve?: string;
}

const meanings: Readonly<Record<string, keyof KeyFlags>> = {
  '--key-type': 'type',
  '--rsa-key-size': 'size',
  '--elliptic-curve': 'curve',
};

/** Takes a flag and its value, if it is one of these. */
export function takeKeyFlag(given: KeyFlags, flag: string, value: () => string): boolean {
  const meaning = Object.hasOwn(meanings, flag) ? meanings[flag] : undefined;
  if (meaning === undefined) return false;
  given[meaning] = value();
  return true;
}

/** `--key-type rsa --rsa-key-size 4096` is `--key-type rsa4096`. Like certbot, leaves the size of a type not chosen. */
export function keyTypeOfFlags({ type, size, curve }: KeyFlags): string | undefined {
  const chosen = type ?? (size === undefined ? 'ecdsa' : 'rsa');
  if (chosen === 'rsa' && size !== undefined) return named('--rsa-key-size', size, 'rsa');
  if (chosen === 'ecdsa' && curve !== undefined) return named('--elliptic-curve', curve, 'p');
  return type;
}

function named(flag: string, text: string, kind: 'rsa' | 'p'): string {
  const type = keyTypeNamed(text);
  if (type?.startsWith(kind)) return type;
  const known = keyTypes.filter((one) => one.startsWith(kind)).join(', ');
  throw fail('usage/invalid', { what: `${flag} ${text}: certfleet makes keys of the types ${known}` });
}
