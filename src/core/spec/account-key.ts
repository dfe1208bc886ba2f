import type { KeyType } from './key-type.ts';

/**
 * The signature algorithms of account keys. All known CAs accept ES256. Boulder refuses EdDSA. A CA that refuses an
 * algorithm lists those that it accepts.
 */
export const accountKeyTypes = ['ES256', 'ES384', 'RS256', 'EdDSA'] as const;
export type AccountKeyType = (typeof accountKeyTypes)[number];

/** The key type with which each algorithm signs; undefined for Ed25519, which certificates do not use. */
export const keyTypeOfAccount: Readonly<Record<AccountKeyType, KeyType | undefined>> = {
  ES256: 'p256',
  ES384: 'p384',
  RS256: 'rsa2048',
  EdDSA: undefined,
};
