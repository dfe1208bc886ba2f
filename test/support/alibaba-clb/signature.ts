import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { ApiError, missing } from './api-error.ts';
import type { AccessKey } from './options.ts';

// ACS3-HMAC-SHA256, from help.aliyun.com/document_detail/159972: written for checking, without looking at a client.

export interface SignedRequest {
  readonly method: string;
  readonly path: string;
  /** As received, without the question mark. */
  readonly query: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

const sha256 = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('hex');

/** Percent-encodes everything but the unreserved characters of RFC 3986. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function canonicalQuery(query: string): string {
  const pairs = [...new URLSearchParams(query)].map(([name, value]) => [encode(name), encode(value)] as const);
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return pairs.map(([name, value]) => `${name}=${value}`).join('&');
}

const form = /^ACS3-HMAC-SHA256 Credential=([^,\s]+),SignedHeaders=([a-z0-9;-]+),Signature=([0-9a-f]{64})$/;
/** A request may be 15 minutes old; one from the future is as wrong. */
const window = 15 * 60_000;

export interface Verifier {
  /** The key that signed the request; throws the gateway's refusal. */
  verify(request: SignedRequest, now: number): AccessKey;
}

export function createVerifier(keys: readonly AccessKey[]): Verifier {
  /** Each nonce that was used, and until when a repetition would pass the check of the time. */
  const nonces = new Map<string, number>();

  const header = (request: SignedRequest, name: string): string => {
    const value = request.headers[name];
    if (typeof value !== 'string' || value === '') throw missing(name);
    return value;
  };

  function checkTime(date: string, now: number): void {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(date) || Number.isNaN(Date.parse(date)))
      throw new ApiError('InvalidTimeStamp.Format');
    if (Math.abs(now - Date.parse(date)) > window) throw new ApiError('InvalidTimeStamp.Expired');
  }

  function checkToken(key: AccessKey, token: string | string[] | undefined, now: number): void {
    if (key.sts === undefined) {
      if (token !== undefined) throw new ApiError('InvalidSecurityToken.MismatchWithAccessKey');
      return;
    }
    if (token === undefined || token === '') throw new ApiError('MissingSecurityToken');
    if (token !== key.sts.token) throw new ApiError('InvalidSecurityToken.MismatchWithAccessKey');
    if (now >= Date.parse(key.sts.expires)) throw new ApiError('InvalidSecurityToken.Expired');
  }

  function checkNonce(nonce: string, keyId: string, now: number): void {
    for (const [used, until] of nonces) {
      if (until > now) break; // in the order of their making
      nonces.delete(used);
    }
    const id = `${keyId} ${nonce}`;
    if (nonces.has(id)) throw new ApiError('SignatureNonceUsed');
    nonces.set(id, now + 2 * window);
  }

  return {
    verify(request, now) {
      const { headers } = request;
      if (headers.authorization === undefined) throw missing('AccessKeyId');
      const [, keyId, list, signature] = form.exec(headers.authorization) ?? [];
      if (keyId === undefined || list === undefined || signature === undefined)
        throw new ApiError('IncompleteSignature');
      const key = keys.find(({ id }) => id === keyId);
      if (key === undefined) throw new ApiError('InvalidAccessKeyId.NotFound');
      const date = header(request, 'x-acs-date');
      const nonce = header(request, 'x-acs-signature-nonce');
      const hash = header(request, 'x-acs-content-sha256');
      checkTime(date, now);

      const signed = list.split(';');
      const needed = Object.keys(headers).filter(
        (name) => name === 'host' || name === 'content-type' || name.startsWith('x-acs-'),
      );
      const canonical = [
        request.method,
        request.path,
        canonicalQuery(request.query),
        signed.map((name) => `${name}:${String(headers[name] ?? '').trim()}\n`).join(''),
        list,
        hash,
      ].join('\n');
      const text = `ACS3-HMAC-SHA256\n${sha256(canonical)}`;
      const fine =
        hash === sha256(request.body) &&
        needed.every((name) => signed.includes(name)) &&
        signed.every((name, index) => headers[name] !== undefined && (index === 0 || signed[index - 1]! < name)) &&
        timingSafeEqual(Buffer.from(hmac(key.secret, text)), Buffer.from(signature));
      if (!fine)
        throw new ApiError('SignatureDoesNotMatch', {
          message: `Specified signature does not match our calculation. server StringToSign is [${text}] server CanonicalRequest is [${canonical}]`,
        });
      checkToken(key, headers['x-acs-security-token'], now);
      checkNonce(nonce, keyId, now);
      return key;
    },
  };
}
