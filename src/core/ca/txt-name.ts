import { baseName, type Identifier } from '../names/identifier.ts';
import type { ChallengeType } from './challenge-type.ts';
import { persistLabel } from './persist-record.ts';

/**
 * Returns the name of a challenge's TXT record. It is `_acme-challenge.NAME` (RFC 8555 §8.4). For dns-account-01, a
 * label made from the account's URL precedes it (draft-ietf-acme-dns-account-label): `_`, and the first ten octets of
 * the URL's SHA-256 in base32. For dns-persist-01, it is `_validation-persist.NAME`.
 */
export function txtNameOf(
  challenge: {
    readonly type: ChallengeType;
    readonly identifier: Identifier;
    readonly accountUrl?: string | undefined;
  },
  sha256: (text: string) => Uint8Array,
): string {
  const { type, identifier, accountUrl } = challenge;
  if (type === 'dns-persist-01') return `${persistLabel}.${baseName(identifier)}`;
  const name = `_acme-challenge.${baseName(identifier)}`;
  if (type !== 'dns-account-01') return name;
  if (accountUrl === undefined) throw new Error('a dns-account-01 challenge needs the URL of its account');
  return `_${base32(sha256(accountUrl).subarray(0, 10))}.${name}`;
}

/** Encodes whole groups of five octets, which need no padding, in lower-case base32 (RFC 4648 §6). */
function base32(bytes: Uint8Array): string {
  const bits = Array.from(bytes, (byte) => byte.toString(2).padStart(8, '0')).join('');
  const groups = bits.match(/.{5}/g) ?? [];
  return groups.map((group) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(group, 2)]).join('');
}
