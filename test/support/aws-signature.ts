import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';

/** What a service of AWS says to a call that it refuses. */
export interface AwsRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

export interface AwsKey {
  readonly id: string;
  readonly secret: string;
  /** Of temporary keys. */
  readonly token?: string;
  readonly isExpired?: boolean;
}

export interface SignedRequest {
  readonly method: string;
  /** As sent, with the query. */
  readonly target: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** How far a clock may be off. */
const skewMs = 5 * 60_000;
const forbidden = (code: string, message: string): AwsRefusal => ({ status: 403, code, message });

/**
 * Checks Signature Version 4 as AWS documents it ("Create a signed AWS API request"), written without certfleet's
 * signer; a test drives it with boto3, so that it is not merely as wrong as ours.
 */
export function checkSignature(
  request: SignedRequest,
  options: { readonly keys: readonly AwsKey[]; readonly region: string; readonly now: Date },
): { readonly service: string; readonly key: AwsKey } | AwsRefusal {
  const { headers, body } = request;
  const form =
    /^AWS4-HMAC-SHA256 Credential=([^/,\s]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, ?SignedHeaders=([^,\s]+), ?Signature=([0-9a-f]{64})$/;
  const [, id = '', day = '', region = '', service = '', names = '', signature = ''] =
    form.exec(headers.authorization ?? '') ?? [];
  if (id === '') return forbidden('MissingAuthenticationToken', 'Missing Authentication Token');
  const key = options.keys.find((one) => one.id === id);
  if (!key) return forbidden('InvalidClientTokenId', 'The security token included in the request is invalid.');
  if (region !== options.region)
    return forbidden('SignatureDoesNotMatch', `Credential should be scoped to a valid region, not '${region}'.`);
  const token = headers['x-amz-security-token'];
  if ((key.token ?? undefined) !== token)
    return forbidden('InvalidClientTokenId', 'The security token included in the request is invalid.');
  const date = String(headers['x-amz-date'] ?? '');
  const [, y, mo, d, h, mi, s] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  if (y === undefined || `${y}${mo}${d}` !== day)
    return forbidden('IncompleteSignature', 'Date in Credential scope does not match x-amz-date.');
  const sent = Date.UTC(Number(y), Number(mo) - 1, Number(d), Number(h), Number(mi), Number(s));
  if (Math.abs(sent - options.now.getTime()) > skewMs)
    return forbidden('SignatureDoesNotMatch', `Signature expired: ${date} is now earlier or later than the server's.`);
  const signed = names.split(';');
  const required = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  if (required.some((name) => !signed.includes(name)) || [...signed].sort().join(';') !== names)
    return forbidden('SignatureDoesNotMatch', 'host and x-amz-* headers must be signed, in order.');
  const url = new URL(request.target, 'http://any');
  const query = [...url.searchParams]
    .map(([name, value]) => `${strict(name)}=${strict(value)}`)
    .sort()
    .join('&');
  const bodyHash = sha256(body);
  if (headers['x-amz-content-sha256'] !== undefined && headers['x-amz-content-sha256'] !== bodyHash)
    return forbidden('SignatureDoesNotMatch', 'x-amz-content-sha256 is not the hash of the body.');
  const lines = signed.map(
    (name) =>
      `${name}:${String(headers[name] ?? '')
        .trim()
        .replace(/ +/g, ' ')}\n`,
  );
  const canonical = [request.method, url.pathname, query, lines.join(''), names, bodyHash].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const secret = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${key.secret}`);
  if (!timingSafeEqual(hmac(secret, toSign), Buffer.from(signature, 'hex')))
    return forbidden(
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.',
    );
  if (key.isExpired) return forbidden('ExpiredToken', 'The security token included in the request is expired');
  return { service, key };
}

const sha256 = (bytes: string | Buffer): string => createHash('sha256').update(bytes).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const strict = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
