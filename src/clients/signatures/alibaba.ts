import { createHash, createHmac } from 'node:crypto';
import { canonicalQuery } from '../http/query.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface Acs3Request {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** In lower case, with `host` and every `x-acs-…` header. All of these are signed, and so is `content-type`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
}

export const bodyHash = sha256;

/** Returns the Authorization header of ACS3-HMAC-SHA256 (Alibaba Cloud, signature version 3). */
export function signAcs3(request: Acs3Request): string {
  const signed = Object.keys(request.headers)
    .filter((name) => name === 'host' || name === 'content-type' || name.startsWith('x-acs-'))
    .sort();
  const canonical = [
    request.method,
    request.path,
    canonicalQuery(request.query),
    signed.map((name) => `${name}:${request.headers[name]!.trim()}\n`).join(''),
    signed.join(';'),
    request.headers['x-acs-content-sha256'],
  ].join('\n');
  const signature = createHmac('sha256', request.accessKeySecret)
    .update(`ACS3-HMAC-SHA256\n${sha256(canonical)}`)
    .digest('hex');
  return `ACS3-HMAC-SHA256 Credential=${request.accessKeyId},SignedHeaders=${signed.join(';')},Signature=${signature}`;
}
