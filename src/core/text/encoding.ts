/** Encodes as base64url without padding (RFC 4648 §5), the encoding of JOSE, tokens and ARI IDs. */
export const toBase64url = (bytes: Uint8Array | string): string =>
  Buffer.from(bytes as Uint8Array).toString('base64url');

/** Reports whether a challenge token is base64url (RFC 8555 §8.3), and so safe in a path or a record. */
export const isToken = (token: unknown): token is string =>
  typeof token === 'string' && /^[A-Za-z0-9_-]{1,256}$/.test(token);
