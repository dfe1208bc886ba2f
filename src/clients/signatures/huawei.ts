import { createHash, createHmac } from 'node:crypto';
import { present } from '../../core/text/present.ts';
import type { AccessKeys } from '../http/access-keys.ts';
import { canonicalQuery, percentEncode } from '../http/query.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

export interface HuaweiRequest {
  readonly method: string;
  readonly url: URL;
  /** In lower case. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly now: Date;
}

/** Returns the headers of a request signed with Huawei Cloud's SDK-HMAC-SHA256. */
export function signHuawei(request: HuaweiRequest, keys: AccessKeys): Readonly<Record<string, string>> {
  const { url } = request;
  const time = request.now.toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    'x-sdk-date': time,
    ...present({ 'x-security-token': keys.token?.reveal() }),
  };
  const names = Object.keys(headers).sort();
  const path = decodeURIComponent(url.pathname).split('/').map(percentEncode).join('/');
  const canonical = [
    request.method,
    // The signed path ends with a slash, even if the request's path does not.
    path.endsWith('/') ? path : `${path}/`,
    canonicalQuery(Object.fromEntries(url.searchParams)),
    ...names.map((name) => `${name}:${headers[name]!.trim()}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n');
  const signed = `SDK-HMAC-SHA256\n${time}\n${sha256(canonical)}`;
  const signature = createHmac('sha256', keys.secret.reveal()).update(signed).digest('hex');
  return {
    ...headers,
    authorization: `SDK-HMAC-SHA256 Access=${keys.id.reveal()}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
