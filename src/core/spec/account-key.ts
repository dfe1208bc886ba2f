import type { KeyType } from './key-type.ts';

/**
 * The signature algorithms of account keys. All known CAs accept ES256. Boulder refuses EdDSA; each CA names those that
 * it accepts when it refuses one.
 */
export const accountKeyTypes = ['ES256', 'ES384', 'RS256', 'EdDSA'] as const;
export type AccountKeyType = (typeof accountKeyTypes)[number];

/** The kind of key that each algorithm signs with; undefined for Ed25519, which certificates do not have. */
export const keyTypeOfAccount: Readonly<Record<AccountKeyType, KeyType | undefined>> = {
  ES256: 'p256',
  ES384: 'p384',
  RS256: 'rsa2048',
  EdDSA: undefined,
};
