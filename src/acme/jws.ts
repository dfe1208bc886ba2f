import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { toBase64url } from '../core/encoding.ts';
import type { Secret } from '../core/secret.ts';

/** Signs requests with one account key. */
export interface Signer {
  /** The public key as a JWK, with exactly the members of its thumbprint. */
  readonly jwk: Readonly<Record<string, string>>;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  /** A flattened JWS (RFC 7515 §7.2.2) as RFC 8555 §6.2 requires. An empty payload makes a POST-as-GET (§6.3). */
  sign(header: SignedHeader, payload: string): string;
}

/** `kid` is the account's URL; without it the header contains the key itself (newAccount). */
export interface SignedHeader {
  readonly nonce: string;
  readonly url: string;
  readonly kid?: string;
}

// The curves with their algorithm and hash (RFC 7518 §3.1).
const curves: Readonly<Record<string, readonly [alg: string, hash: string]>> = {
  'P-256': ['ES256', 'sha256'],
  'P-384': ['ES384', 'sha384'],
  'P-521': ['ES512', 'sha512'],
};

/** certfleet makes P-256 account keys, and accepts P-384, P-521 and RSA for accounts from elsewhere. */
export function createSigner(keyPem: Secret): Signer {
  const key = createPrivateKey(keyPem.reveal());
  const { kty, crv = '', x, y, e, n } = createPublicKey(key).export({ format: 'jwk' });
  const curve = curves[crv];
  let jwk: Record<string, string>;
  // The members in the order of RFC 7638 §3: by name.
  if (kty === 'EC' && curve) jwk = { crv, kty, x: x!, y: y! };
  else if (kty === 'RSA') jwk = { e: e!, kty, n: n! };
  else throw new Error('an account key must be EC (P-256, P-384, P-521) or RSA');
  const [alg, hash] = curve ?? ['RS256', 'sha256'];

  return {
    jwk,
    thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url'),
    sign({ nonce, url, kid }, payload) {
      const header = { alg, nonce, url, ...(kid === undefined ? { jwk } : { kid }) };
      const protectedPart = toBase64url(JSON.stringify(header));
      const payloadPart = toBase64url(payload);
      const input = Buffer.from(`${protectedPart}.${payloadPart}`);
      const signature = sign(hash, input, { key, dsaEncoding: 'ieee-p1363' });
      return JSON.stringify({ protected: protectedPart, payload: payloadPart, signature: toBase64url(signature) });
    },
  };
}
