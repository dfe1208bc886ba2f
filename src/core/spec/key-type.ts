/** The private key types that public CAs accept, as named in the configuration. */
export const keyTypes = ['p256', 'p384', 'rsa2048', 'rsa3072', 'rsa4096'] as const;

export type KeyType = (typeof keyTypes)[number];

/** The default type of a certificate's first key. It is small and fast, and every CA and client accepts it. */
export const usualKeyType: KeyType = 'p256';
