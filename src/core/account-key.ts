/**
 * The signature algorithms of account keys. All known CAs accept ES256. Boulder refuses EdDSA; each CA names those that
 * it accepts when it refuses one.
 */
export const accountKeyTypes = ['ES256', 'ES384', 'RS256', 'EdDSA'] as const;
export type AccountKeyType = (typeof accountKeyTypes)[number];
