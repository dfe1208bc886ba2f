/** The kinds of private keys that public CAs accept, as the configuration names them. */
export const keyTypes = ['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096'] as const;

export type KeyType = (typeof keyTypes)[number];

/** The type of a first key that is not named. Small and fast, and every CA and client accepts it. */
export const usualKeyType: KeyType = 'p256';
