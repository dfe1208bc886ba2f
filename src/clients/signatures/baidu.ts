import { createHmac } from 'node:crypto';
import { present } from '../../core/text/present.ts';
import type { AccessKeys } from '../http/access-keys.ts';
import { canonicalQuery, percentEncode } from '../http/query.ts';
import type { ScopedRequest } from './scoped.ts';

const hmac = (key: string, text: string): string => createHmac('sha256', key).update(text).digest('hex');

/** How long a signature is valid, in seconds. */
const lifetimeS = 1_800;

/** Returns the headers of a request signed with Baidu AI Cloud's bce-auth-v1. */
export function signBaidu(
  request: Omit<ScopedRequest, 'region' | 'service' | 'body'>,
  keys: AccessKeys,
): Readonly<Record<string, string>> {
  const { method, url } = request;
  const time = request.now.toISOString().replace(/\.\d+/, '');
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    'x-bce-date': time,
    ...present({ 'x-bce-security-token': keys.token?.reveal() }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    method,
    url.pathname,
    canonicalQuery(Object.fromEntries(url.searchParams)),
    ...names.map((name) => `${percentEncode(name)}:${percentEncode(headers[name]!.trim())}`),
  ].join('\n');
  const prefix = `bce-auth-v1/${keys.id.reveal()}/${time}/${lifetimeS}`;
  const signature = hmac(hmac(keys.secret.reveal(), prefix), canonical);
  return { ...headers, authorization: `${prefix}/${names.join(';')}/${signature}` };
}
