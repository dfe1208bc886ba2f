import { readFileSync } from 'node:fs';

/** An RSA private key of so many bits, as PKCS#8 PEM, for tests of what is done with a key: making one takes seconds. */
export const rsaKeyPem = (bits: 2048 | 3072 | 4096): string =>
  readFileSync(new URL(`../fixtures/rsa-keys/${bits}.pem`, import.meta.url), 'utf8');
