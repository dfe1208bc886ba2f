import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { FakeRequest } from '../../../src/testing/fake-api.ts';
import { refuse } from './errors.ts';

// TC3-HMAC-SHA256, from cloud.tencent.com/document/api/213/30654 and the table of common errors (400/41680): written for
// checking, without looking at a client.

/** One statement of a CAM policy, in the form of the console. */
export interface Statement {
  readonly effect: 'allow' | 'deny';
  readonly action: string | readonly string[];
  readonly resource: string | readonly string[];
}

export interface TencentKey {
  readonly secretId: string;
  readonly secretKey: string;
  /** Of a temporary key: what X-TC-Token must be. */
  readonly token?: string;
  /** Absent: the account's own key, which may do everything. */
  readonly policy?: readonly Statement[];
}

const sha256 = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const form =
  /^TC3-HMAC-SHA256 Credential=([^/\s]+)\/(\d{4}-\d\d-\d\d)\/([a-z]+)\/tc3_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

/** Returns the key that signed the request for this service, or throws the refusal. */
export function verify(request: FakeRequest, service: string, keys: readonly TencentKey[], nowMs: number): TencentKey {
  const { headers } = request;
  const [, secretId, date, signedService, list, signature] = form.exec(headers['authorization'] ?? '') ?? [];
  if (secretId === undefined || list === undefined || signature === undefined)
    throw refuse('AuthFailure.InvalidAuthorization', 'The request header `Authorization` is invalid.');
  const key = keys.find((one) => one.secretId === secretId);
  if (key === undefined) throw refuse('AuthFailure.SecretIdNotFound', 'The SecretId is not found.');
  const timestamp = headers['x-tc-timestamp'] ?? '';
  if (!/^\d{10}$/.test(timestamp)) throw refuse('AuthFailure.InvalidAuthorization', '`X-TC-Timestamp` is invalid.');
  if (Math.abs(nowMs / 1000 - Number(timestamp)) > 300)
    throw refuse('AuthFailure.SignatureExpire', 'The signature has expired.');

  const signed = list.split(';');
  const canonical = [
    request.method,
    '/',
    request.url.search.slice(1),
    signed.map((name) => `${name}:${(headers[name] ?? '').trim().toLowerCase()}\n`).join(''),
    list,
    sha256(request.body),
  ].join('\n');
  const scope = `${date}/${service}/tc3_request`;
  const text = ['TC3-HMAC-SHA256', timestamp, scope, sha256(canonical)].join('\n');
  const secret = hmac(hmac(hmac(`TC3${key.secretKey}`, date!), service), 'tc3_request');
  const fine =
    signedService === service &&
    date === new Date(Number(timestamp) * 1000).toISOString().slice(0, 10) &&
    ['content-type', 'host'].every((name) => signed.includes(name)) &&
    signed.every((name, index) => headers[name] !== undefined && (index === 0 || signed[index - 1]! < name)) &&
    timingSafeEqual(hmac(secret, text), Buffer.from(signature, 'hex'));
  if (!fine) throw refuse('AuthFailure.SignatureFailure', 'The provided credentials could not be validated.');
  if (headers['x-tc-token'] !== key.token) throw refuse('AuthFailure.TokenFailure', 'The token is invalid.');
  return key;
}
