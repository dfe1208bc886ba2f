import { createHash, createHmac, createPublicKey, sign } from 'node:crypto';
import { openEabKey } from '../core/ca/eab-key.ts';
import type { Secret } from '../core/errors/secret.ts';
import { toBase64url } from '../core/text/encoding.ts';
import type { ExternalAccount } from '../ports/issuer.ts';
import { openKey } from '../x509/key.ts';
import { p256Jwk } from '../x509/key-inside.ts';

/** Signs requests with one account key. */
export interface Signer {
  /** The public key as a JWK, with exactly the members that its thumbprint covers. */
  readonly jwk: Readonly<Record<string, string>>;
  /** RFC 7638, SHA-256, base64url. */
  readonly thumbprint: string;
  /**
   * Returns a flattened JWS (RFC 7515 §7.2.2) as RFC 8555 §6.2 requires. An empty payload makes a POST-as-GET (§6.3).
   */
  sign(header: SignedHeader, payload: string): string;
}

/** `kid` is the account's URL. Without it, the header contains the key itself (newAccount). */
export interface SignedHeader {
  /** Missing in a JWS inside another one (RFC 8555 §7.3.5). */
  readonly nonce?: string;
  readonly url: string;
  readonly kid?: string;
}

// The curves with their algorithm and hash (RFC 7518 §3.1).
const curves: Readonly<Record<string, readonly [alg: string, hash: string]>> = {
  'P-256': ['ES256', 'sha256'],
  'P-384': ['ES384', 'sha384'],
  'P-521': ['ES512', 'sha512'],
};

/**
 * Creates a signer for an account key: EC (P-256, P-384, P-521), RSA, or Ed25519 (RFC 8037 §3.1), which few CAs accept.
 */
export function createSigner(keyPem: Secret): Signer {
  const key = openKey(keyPem).privateKey;
  // OpenSSL takes 0.1 ms to export one.
  const { kty, crv = '', x, y, e, n } = p256Jwk(keyPem.reveal()) ?? createPublicKey(key).export({ format: 'jwk' });
  const curve = crv === 'Ed25519' ? (['EdDSA', undefined] as const) : curves[crv];
  let jwk: Record<string, string>;
  // The members in the order of RFC 7638 §3: by name.
  if (kty === 'EC' && curve) jwk = { crv, kty, x: x!, y: y! };
  else if (kty === 'OKP' && curve) jwk = { crv, kty, x: x! };
  else if (kty === 'RSA') jwk = { e: e!, kty, n: n! };
  else throw new Error('an account key must be EC (P-256, P-384, P-521), RSA or Ed25519');
  const [alg, hash] = curve ?? ['RS256', 'sha256'];

  return {
    jwk,
    thumbprint: createHash('sha256').update(JSON.stringify(jwk)).digest('base64url'),
    sign({ nonce, url, kid }, payload) {
      const header = { alg, nonce, url, ...(kid === undefined ? { jwk } : { kid }) };
      return JSON.stringify(
        flattened(header, payload, (input) => sign(hash, input, { key, dsaEncoding: 'ieee-p1363' })),
      );
    },
  };
}

/** A flattened JWS (RFC 7515 §7.2.2). */
export interface FlattenedJws {
  readonly protected: string;
  readonly payload: string;
  readonly signature: string;
}

function flattened(header: object, payload: string, signed: (input: Uint8Array) => Uint8Array): FlattenedJws {
  const protectedPart = toBase64url(JSON.stringify(header));
  const payloadPart = toBase64url(payload);
  const signature = toBase64url(signed(Buffer.from(`${protectedPart}.${payloadPart}`)));
  return { protected: protectedPart, payload: payloadPart, signature };
}

const macHashes = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/**
 * Returns the JWS that binds a new account to a customer of the CA (RFC 8555 §7.3.4): the account's public key, signed
 * with the key that the CA gave to the customer.
 */
export function bindAccount(
  { jwk }: Pick<Signer, 'jwk'>,
  { kid, hmacKey, algorithm }: ExternalAccount,
  url: string,
): FlattenedJws {
  const macKey = openEabKey(hmacKey);
  return flattened({ alg: algorithm, kid, url }, JSON.stringify(jwk), (input) =>
    createHmac(macHashes[algorithm], macKey).update(input).digest(),
  );
}
