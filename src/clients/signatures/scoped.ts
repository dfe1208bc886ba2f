import { createHash, createHmac } from 'node:crypto';
import type { AccessKeys } from '../http/access-keys.ts';
import { canonicalQuery, percentEncode } from '../http/query.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface ScopedRequest {
  readonly method: string;
  readonly url: URL;
  /** In lower case. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
  /** The service's name in policies: `elasticloadbalancing`, `acm`. */
  readonly service: string;
  readonly now: Date;
}

/** The differences between AWS's signature and the variants of other vendors. */
export interface SignatureScheme {
  /** `AWS4-HMAC-SHA256` */
  readonly algorithm: string;
  /** The prefix of the secret in the first key. */
  readonly keyPrefix: string;
  /** The last part of the scope. */
  readonly terminator: string;
  readonly dateHeader: string;
  readonly tokenHeader: string;
  /** Whether the path is encoded once more before it is signed. */
  readonly encodesPathAgain: boolean;
}

/** Returns the headers of a request signed with a key for one day, region and service. */
export function signScoped(
  request: ScopedRequest,
  keys: AccessKeys,
  scheme: SignatureScheme,
): Readonly<Record<string, string>> {
  const { url, region, service } = request;
  const { algorithm, terminator } = scheme;
  const time = request.now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    [scheme.dateHeader]: time,
  };
  if (keys.token) headers[scheme.tokenHeader] = keys.token.reveal();
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    scheme.encodesPathAgain ? url.pathname.split('/').map(percentEncode).join('/') : url.pathname,
    canonicalQuery(Object.fromEntries(url.searchParams)),
    ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/${terminator}`;
  const key = [region, service, terminator].reduce(hmac, hmac(`${scheme.keyPrefix}${keys.secret.reveal()}`, day));
  const signature = hmac(key, `${algorithm}\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return {
    ...headers,
    authorization: `${algorithm} Credential=${keys.id.reveal()}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
