import { createHash, createHmac } from 'node:crypto';
import type { AccessKeys } from './access-keys.ts';
import { canonicalQuery, percentEncode } from './query.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface AwsRequest {
  readonly method: string;
  readonly url: URL;
  /** In lower case; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly region: string;
  /** As in the policies: `elasticloadbalancing`, `acm`. */
  readonly service: string;
  readonly now: Date;
}

/** The headers of a request signed with AWS Signature Version 4. */
export function signV4(request: AwsRequest, keys: AccessKeys): Readonly<Record<string, string>> {
  const { url, region, service } = request;
  const time = request.now.toISOString().replace(/[-:]|\.\d+/g, '');
  const day = time.slice(0, 8);
  const headers: Record<string, string> = {
    ...request.headers,
    host: url.host,
    'x-amz-date': time,
    ...(keys.token === undefined ? {} : { 'x-amz-security-token': keys.token.reveal() }),
  };
  const names = Object.keys(headers).sort();
  const canonical = [
    request.method,
    // Every service but S3 signs the path encoded twice.
    url.pathname.split('/').map(percentEncode).join('/'),
    canonicalQuery(Object.fromEntries(url.searchParams)),
    ...names.map((name) => `${name}:${headers[name]!.trim().replace(/ +/g, ' ')}`),
    '',
    names.join(';'),
    sha256(request.body),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${keys.secret.reveal()}`, day));
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return {
    ...headers,
    authorization: `AWS4-HMAC-SHA256 Credential=${keys.id.reveal()}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`,
  };
}
