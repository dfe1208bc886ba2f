import { createHash, createHmac, createPublicKey, type JsonWebKey, type KeyObject, verify } from 'node:crypto';
import { decodeProtectedHeader, type JWK } from 'jose';
import { acmeProblem, Refusal, refuse } from './problem.ts';
import type { Account, CaRequest, State } from './state.ts';

/** A request whose signature, nonce and URL are right (RFC 8555 §6.2-6.5). */
export interface Signed {
  /** The parsed payload; undefined for POST-as-GET. */
  readonly payload: unknown;
  readonly jwk: JWK;
  readonly thumbprint: string;
  /** The account that `kid` named; undefined if the request contained the key itself. */
  readonly account: Account | undefined;
}

/** The kind of key that an algorithm needs, and its hash (RFC 7518 §3.1, RFC 8037 §3.1). */
const algorithms: Readonly<Record<string, { readonly kty: string; readonly crv?: string; readonly hash?: string }>> = {
  ES256: { kty: 'EC', crv: 'P-256', hash: 'sha256' },
  ES384: { kty: 'EC', crv: 'P-384', hash: 'sha384' },
  RS256: { kty: 'RSA', hash: 'sha256' },
  EdDSA: { kty: 'OKP' },
};

/** Verifies within one turn: a simulation on a fake clock must not depend on how long a signature takes. */
export function readSigned(
  request: CaRequest,
  state: State,
  options: {
    readonly badNonce: boolean;
    readonly algorithms: readonly string[];
    readonly accountId: (url: string) => string | undefined;
  },
): Signed {
  if (request.headers['content-type'] !== 'application/jose+json')
    throw refuse(415, 'malformed', `the content type is ${request.headers['content-type']}, not application/jose+json`);
  const jws = parseJws(request.body);
  const header = decodeProtectedHeader(jws) as { jwk?: JWK; kid?: string; alg?: string; url?: string; nonce?: string };
  const algorithm = algorithmOf(header.alg, options.algorithms);
  if ((header.jwk === undefined) === (header.kid === undefined))
    throw refuse(400, 'malformed', 'exactly one of jwk and kid must be in the protected header');
  // Before the nonce is used up. RFC 8555 §6.4 and §6.5 leave this open, so clients must not depend on it.
  const url = request.base + request.path;
  if (header.url !== url) throw refuse(401, 'unauthorized', `signed for ${header.url}, sent to ${url}`);
  const known = state.nonces.delete(header.nonce ?? '');
  if (!known || options.badNonce) throw refuse(400, 'badNonce', `the nonce ${header.nonce} is not a good one`);

  const account = header.kid === undefined ? undefined : accountOf(state, options.accountId(header.kid));
  const jwk = account?.jwk ?? header.jwk!;
  checkSignature(jws, jwk, algorithm);
  if (account && account.status !== 'valid') throw refuse(401, 'unauthorized', `the account is ${account.status}`);
  const text = Buffer.from(jws.payload, 'base64url').toString('utf8');
  return {
    payload: text === '' ? undefined : parseJson(text),
    jwk,
    thumbprint: account?.thumbprint ?? thumbprintOf(jwk),
    account,
  };
}

function algorithmOf(alg = '', accepted: readonly string[]): (typeof algorithms)[string] {
  const algorithm = accepted.includes(alg) ? algorithms[alg] : undefined;
  if (algorithm) return algorithm;
  throw new Refusal({ ...acmeProblem('badSignatureAlgorithm', `no ${alg} here`), algorithms: accepted }, 400);
}

type Jws = ReturnType<typeof parseJws>;

function checkSignature(jws: Jws, jwk: JWK, algorithm: (typeof algorithms)[string]): void {
  const fits = jwk.kty === algorithm.kty && (algorithm.crv === undefined || jwk.crv === algorithm.crv);
  const signature = Buffer.from(jws.signature, 'base64url');
  const signed = Buffer.from(`${jws.protected}.${jws.payload}`);
  // RFC 7518 §3.4: r and s side by side, not in DER.
  if (!fits || !verify(algorithm.hash, signed, { key: keyOf(jwk), dsaEncoding: 'ieee-p1363' }, signature))
    throw refuse(400, 'malformed', 'the signature is wrong');
}

/** The JWS inside a keyChange (RFC 8555 §7.3.5): signed by the new key, for the same URL, without a nonce. */
export function readInside(
  payload: unknown,
  url: string,
  accepted: readonly string[],
): { readonly payload: unknown; readonly jwk: JWK } {
  const jws = parseJws(JSON.stringify(payload ?? {}));
  const header = decodeProtectedHeader(jws) as { jwk?: JWK; alg?: string; url?: string; nonce?: string };
  const algorithm = algorithmOf(header.alg, accepted);
  if (header.jwk === undefined) throw refuse(400, 'malformed', 'the inner JWS has no key');
  if (header.url !== url) throw refuse(400, 'malformed', 'the inner JWS is for another URL');
  if (header.nonce !== undefined) throw refuse(400, 'malformed', 'the inner JWS has a nonce');
  checkSignature(jws, header.jwk, algorithm);
  return { payload: parseJson(Buffer.from(jws.payload, 'base64url').toString()), jwk: header.jwk };
}

/** The key id of an external account binding (RFC 8555 §7.3.4), if it is right. */
export function readBinding(
  binding: unknown,
  { jwk, url, keys }: { readonly jwk: JWK; readonly url: string; readonly keys: Readonly<Record<string, string>> },
): string {
  const jws = parseJws(JSON.stringify(binding));
  const { alg = '', kid = '', url: signedUrl } = decodeProtectedHeader(jws) as Record<string, string | undefined>;
  const hash = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' }[alg];
  if (hash === undefined) throw refuse(400, 'malformed', `the binding has the algorithm ${alg}`);
  if (signedUrl !== url) throw refuse(400, 'malformed', 'the binding is for another URL');
  const key = Object.hasOwn(keys, kid) ? keys[kid] : undefined;
  if (key === undefined) throw refuse(401, 'unauthorized', `the key id ${kid} is not known`);
  const mac = createHmac(hash, Buffer.from(key, 'base64url')).update(`${jws.protected}.${jws.payload}`).digest();
  if (!mac.equals(Buffer.from(jws.signature, 'base64url')))
    throw refuse(401, 'unauthorized', 'the binding has a wrong signature');
  if (thumbprintOf(parseJson(Buffer.from(jws.payload, 'base64url').toString()) as JWK) !== thumbprintOf(jwk))
    throw refuse(400, 'malformed', 'the binding is for another key');
  return kid;
}

const keys = new WeakMap<JWK, KeyObject>();

/** An account's key is imported once for all its requests, which saves a tenth of this CA's time. */
function keyOf(jwk: JWK): KeyObject {
  const known = keys.get(jwk);
  if (known) return known;
  try {
    const key = createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' });
    keys.set(jwk, key);
    return key;
  } catch {
    throw refuse(400, 'malformed', 'the key is wrong');
  }
}

/** RFC 7638 §3. */
export function thumbprintOf({ kty, crv, x, y, e, n }: JWK): string {
  // Members that the kind of key lacks are undefined, and left out.
  const required = JSON.stringify({ crv, e, kty, n, x, y });
  return createHash('sha256').update(required).digest('base64url');
}

function accountOf(state: State, id: string | undefined): Account {
  const account = id === undefined ? undefined : state.accounts.get(id);
  if (!account) throw refuse(400, 'accountDoesNotExist', 'no such account');
  return account;
}

function parseJws(body: string): { payload: string; protected: string; signature: string } {
  const jws = parseJson(body) as Record<string, unknown>;
  const { payload, protected: header, signature } = jws;
  if (typeof payload !== 'string' || typeof header !== 'string' || typeof signature !== 'string')
    throw refuse(400, 'malformed', 'the body is no flattened JWS');
  return { payload, protected: header, signature };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw refuse(400, 'malformed', 'no JSON');
  }
}
