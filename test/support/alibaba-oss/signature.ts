import { createHash, createHmac } from 'node:crypto';
import type { FakeRequest } from '../../../src/testing/fake-api.ts';
import type { AccessKey } from '../alibaba-clb/options.ts';
import { OssError } from './errors.ts';

// Signatures of OSS in the header, V4 and V1: written for checking, from the pages
// oss/developer-reference/recommend-to-use-signature-version-4 and the pages of the error codes 0002-….

/** A request may be 15 minutes old; one from the future is as wrong. */
const window = 15 * 60_000;
const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

export interface Signed {
  readonly request: FakeRequest;
  /** Undefined for the list of buckets. */
  readonly bucket: string | undefined;
  /** The region of the endpoint: `cn-hangzhou`. */
  readonly region: string;
}

/** The query as it came: an absent value differs from an empty one only in V4, where neither has an equals sign. */
const pairs = ({ url }: FakeRequest): readonly (readonly [string, string])[] => [...url.searchParams];

function timeOf({ headers }: FakeRequest): number {
  const [own, plain] = [headers['x-oss-date'], headers['date']];
  const [, ...parts] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(own ?? '') ?? [];
  const [year, month, day, hour, minute, second] = parts;
  if (year !== undefined) return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  const gmt = own ?? plain ?? '';
  if (!/^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$/.test(gmt)) throw new OssError('NoDate');
  return Date.parse(gmt);
}

function checkToken({ sts }: AccessKey, token: string | undefined, now: number): void {
  if (sts === undefined) {
    if (token !== undefined) throw new OssError('InvalidSecurityToken');
    return;
  }
  if (token === undefined) throw new OssError('SecurityTokenMissing');
  if (token !== sts.token) throw new OssError('InvalidSecurityToken');
  if (now >= Date.parse(sts.expires)) throw new OssError('SecurityTokenExpired');
}

const v4Form = /^OSS4-HMAC-SHA256 Credential=([^,\s]+), ?(?:AdditionalHeaders=([^,\s]*), ?)?Signature=([0-9a-f]{64})$/;
/** Headers that V4 signs whenever they are there. */
const isSigned = (name: string): boolean => /^(content-type|content-md5|x-oss-.*)$/.test(name);

function checkV4({ request, bucket, region }: Signed, secret: string, time: number): void {
  const { headers, method } = request;
  const [, credential = '', additional, signature] = v4Form.exec(headers['authorization'] ?? '') ?? [];
  const [id, date, at] = credential.split('/');
  const stamp = new Date(time).toISOString().replace(/[-:]|\.\d+/g, '');
  if (credential !== `${id}/${date}/${at}/oss/aliyun_v4_request`) throw new OssError('V4Credential');
  if (headers['x-oss-content-sha256'] !== 'UNSIGNED-PAYLOAD') throw new OssError('V4Payload');
  const more = additional?.split(';') ?? [];
  const isListed = more.every((name, index) => name !== '' && (index === 0 || more[index - 1]! < name));
  if (!isListed || more.some((name) => isSigned(name) || headers[name] === undefined))
    throw new OssError('V4AdditionalHeaders');

  const query = pairs(request)
    .map(([name, value]) => (value === '' ? encode(name) : `${encode(name)}=${encode(value)}`))
    .sort();
  const names = [...Object.keys(headers).filter(isSigned), ...more].sort();
  const canonical = [
    method,
    bucket === undefined ? '/' : `/${bucket}/`,
    query.join('&'),
    names.map((name) => `${name}:${headers[name]!.trim()}\n`).join(''),
    more.join(';'),
    'UNSIGNED-PAYLOAD',
  ].join('\n');
  const text = `OSS4-HMAC-SHA256\n${stamp}\n${date}/${at}/oss/aliyun_v4_request\n${sha256(canonical)}`;
  const key = hmac(hmac(hmac(hmac(`aliyun_v4${secret}`, date ?? ''), at ?? ''), 'oss'), 'aliyun_v4_request');
  if (date !== stamp.slice(0, 8) || at !== region || hmac(key, text).toString('hex') !== signature)
    throw new OssError('SignatureDoesNotMatch', { StringToSign: text, CanonicalRequest: canonical });
}

function checkV1({ request, bucket }: Signed, secret: string): void {
  const { headers, method } = request;
  const own = Object.keys(headers)
    .filter((name) => name.startsWith('x-oss-'))
    .sort();
  // Of the query, only sub-resources are signed.
  const query = pairs(request)
    .filter(([name]) => ['cname', 'comp', 'location'].includes(name))
    .map(([name, value]) => (value === '' ? name : `${name}=${value}`))
    .sort();
  const text = [
    ...[method, headers['content-md5'] ?? '', headers['content-type'] ?? '', headers['x-oss-date'] ?? headers['date']],
    ...own.map((name) => `${name}:${headers[name]!.trim()}`),
    `${bucket === undefined ? '/' : `/${bucket}/`}${query.length === 0 ? '' : `?${query.join('&')}`}`,
  ].join('\n');
  const signature = createHmac('sha1', secret).update(text).digest('base64');
  if (headers['authorization']?.split(':')[1] !== signature)
    throw new OssError('SignatureDoesNotMatch', { StringToSign: text });
}

/** The key that signed the request; throws the refusal. */
export function verify(signed: Signed, keys: readonly AccessKey[], now: number): AccessKey {
  const { headers, body } = signed.request;
  const authorization = headers['authorization'];
  if (authorization === undefined) throw new OssError('Anonymous');
  const [version] = authorization.split(' ');
  if (version !== 'OSS' && version !== 'OSS4-HMAC-SHA256') throw new OssError('SignatureVersion');
  const isV4 = version !== 'OSS';
  if (isV4 && /AdditionalHeaders=,/.test(authorization)) throw new OssError('V4AdditionalHeaders');
  const id = isV4 ? v4Form.exec(authorization)?.[1]?.split('/')[0] : /^OSS ([^:\s]+):\S+$/.exec(authorization)?.[1];
  if (id === undefined) throw new OssError(isV4 ? 'V4Form' : 'V1Form');
  const key = keys.find((one) => one.id === id);
  if (key === undefined) throw new OssError('InvalidAccessKeyId');
  const time = timeOf(signed.request);
  if (Math.abs(now - time) > window) throw new OssError('RequestTimeTooSkewed');
  if (isV4) checkV4(signed, key.secret, time);
  else checkV1(signed, key.secret);
  checkToken(key, headers['x-oss-security-token'], now);
  const md5 = headers['content-md5'];
  if (md5 !== undefined && md5 !== createHash('md5').update(body).digest('base64')) throw new OssError('InvalidDigest');
  return key;
}
