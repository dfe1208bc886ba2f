import { createHash, createHmac } from 'node:crypto';
import type { AccessKeys } from '../http/access-keys.ts';
import { percentEncode } from '../http/query.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface OssRequest {
  readonly method: string;
  readonly bucket: string;
  /** A parameter without a value is the empty text. */
  readonly query: Readonly<Record<string, string>>;
  /** In lower case. Those named `content-type`, `content-md5` and `x-oss-…` are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** `cn-hangzhou` */
  readonly region: string;
  readonly now: Date;
}

/**
 * Returns the headers of a request for a bucket itself, with Alibaba Cloud OSS's signature version 4. The body is not
 * signed, as in the vendor's own SDKs.
 *
 * @see https://www.alibabacloud.com/help/en/oss/developer-reference/recommend-to-use-signature-version-4
 */
export function signOss(request: OssRequest, keys: AccessKeys): Readonly<Record<string, string>> {
  const time = request.now.toISOString().replace(/[-:]|\.\d+/g, '');
  const headers: Record<string, string> = {
    ...request.headers,
    ...{ 'x-oss-date': time, 'x-oss-content-sha256': unsigned },
  };
  if (keys.token) headers['x-oss-security-token'] = keys.token.reveal();
  const signed = Object.keys(headers)
    .filter((name) => /^(content-type$|content-md5$|x-oss-)/.test(name))
    .sort();
  const canonical = [
    request.method,
    `/${percentEncode(request.bucket)}/`,
    ossQuery(request.query),
    signed.map((name) => `${name}:${headers[name]!.trim()}\n`).join(''),
    '', // no other header is signed
    unsigned,
  ].join('\n');
  const day = time.slice(0, 8);
  const scope = `${day}/${request.region}/oss/${terminator}`;
  const key = [request.region, 'oss', terminator].reduce(hmac, hmac(`aliyun_v4${keys.secret.reveal()}`, day));
  const signature = hmac(key, `${algorithm}\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return { ...headers, authorization: `${algorithm} Credential=${keys.id.reveal()}/${scope},Signature=${signature}` };
}

const algorithm = 'OSS4-HMAC-SHA256';
const terminator = 'aliyun_v4_request';
const unsigned = 'UNSIGNED-PAYLOAD';

/** Returns the query as it is sent and signed: sorted, and without an equals sign where there is no value. */
export const ossQuery = (query: Readonly<Record<string, string>>): string =>
  Object.entries(query)
    .map(([name, value]) => (value === '' ? percentEncode(name) : `${percentEncode(name)}=${percentEncode(value)}`))
    .sort()
    .join('&');
