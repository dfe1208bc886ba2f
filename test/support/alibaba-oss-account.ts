import { createHash, createHmac } from 'node:crypto';
import { type FakeClock, fakeClock } from '../../src/testing/fake-clock.ts';
import type { AccessKey } from './alibaba-clb/options.ts';
import { type AlibabaOss, type AlibabaOssOptions, createAlibabaOss } from './alibaba-oss.ts';
import { createPemMaker, type Pem } from './alibaba-pems.ts';

// The account of the tests of the fake of OSS, and a small client. `recordedCalls` of Alibaba's own client prove that the
// signatures of this one are right.

export const root: AccessKey = { id: 'LTAIroot', secret: 'root-secret' };
const names = { first: ['www.example.com'], second: ['www.example.com'], wild: ['*.example.com'] };
export type Name = keyof typeof names;

export interface OssAnswer {
  readonly status: number;
  readonly body: string;
  /** Of a refusal. */
  readonly code: string | undefined;
  readonly ec: string | undefined;
}

export interface OssCall {
  readonly method?: 'GET' | 'POST';
  readonly bucket?: string;
  readonly region?: string;
  /** As it stands in the URL: `cname&comp=add`. */
  readonly query?: string;
  readonly body?: string;
  /** Replaces headers after signing; an empty value takes one away. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Of the scope, if not that of the endpoint. */
  readonly signRegion?: string;
  readonly key?: AccessKey;
}

interface Started {
  readonly fake: AlibabaOss;
  readonly clock: FakeClock;
  call(asked: OssCall): Promise<OssAnswer>;
  list(bucket?: string): Promise<string>;
  /** PutCname with these elements of CertificateConfiguration; returns EC or code of a refusal, or `done`. */
  put(domain: string, certificate?: Readonly<Record<string, string>>, bucket?: string): Promise<string>;
}

export interface OssBench {
  readonly pems: Readonly<Record<Name, Pem>>;
  start(changes?: Partial<AlibabaOssOptions>): Promise<Started>;
}

/** The text of the first element of a name. */
export const inXml = (body: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]*)</${name}>`).exec(body)?.[1];

const elements = (of: Readonly<Record<string, string>>): string =>
  Object.entries(of)
    .map(([name, text]) => `<${name}>${text}</${name}>`)
    .join('');
export const cnameXml = (inner: string): string =>
  `<BucketCnameConfiguration><Cname>${inner}</Cname></BucketCnameConfiguration>`;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

function signV4(
  call: Required<Pick<OssCall, 'method' | 'query'>> & OssCall,
  at: string,
  signed: Record<string, string>,
) {
  const { method, bucket, query, region = 'cn-hangzhou', signRegion = region, key = root } = call;
  const scope = `${at.slice(0, 8)}/${signRegion}/oss/aliyun_v4_request`;
  const canonical = [
    ...[method, bucket === undefined ? '/' : `/${bucket}/`, query.split('&').sort().join('&')],
    Object.keys(signed)
      .sort()
      .map((name) => `${name}:${signed[name]}\n`)
      .join(''),
    ...['', 'UNSIGNED-PAYLOAD'],
  ].join('\n');
  const text = `OSS4-HMAC-SHA256\n${at}\n${scope}\n${createHash('sha256').update(canonical).digest('hex')}`;
  const parts = [at.slice(0, 8), signRegion, 'oss', 'aliyun_v4_request'];
  const derived = parts.reduce<string | Buffer>((from, part) => hmac(from, part), `aliyun_v4${key.secret}`);
  return `OSS4-HMAC-SHA256 Credential=${key.id}/${scope},Signature=${hmac(derived, text).toString('hex')}`;
}

export async function createOssBench(): Promise<OssBench> {
  const make = await createPemMaker();
  const made = await Promise.all(Object.entries(names).map(async ([name, of]) => [name, await make(...of)] as const));
  const pems = Object.fromEntries(made) as Record<Name, Pem>;
  return {
    pems,
    async start(changes = {}) {
      const clock = fakeClock(new Date('2026-11-29T12:00:00Z'));
      const fake = createAlibabaOss({
        ...{ clock, keys: [root], absentBuckets: ['absent-bucket'] },
        buckets: [
          {
            name: 'site-a',
            cnames: [
              { domain: 'www.example.com', certificate: 'first' },
              { domain: 'plain.example.com' },
              { domain: 'old.example.com', certificate: 'wild', isOldUpload: true },
            ],
          },
          { name: 'site-b', region: 'cn-shanghai', cnames: [{ domain: 'b.example.com', certificate: 'wild' }] },
        ],
        certificates: Object.entries(pems).map(([name, pem]) => ({ name, ...pem })),
        ...changes,
      });
      const call = async (asked: OssCall): Promise<OssAnswer> => {
        const { method = 'GET', bucket, region = 'cn-hangzhou', query = '', body = '', key = root } = asked;
        const at = clock
          .now()
          .toISOString()
          .replace(/[-:]|\.\d+/g, '');
        const signed: Record<string, string> = {
          ...{ 'x-oss-date': at, 'x-oss-content-sha256': 'UNSIGNED-PAYLOAD' },
          ...(body === '' ? {} : { 'content-type': 'application/xml' }),
          ...(key.sts === undefined ? {} : { 'x-oss-security-token': key.sts.token }),
        };
        const authorization = signV4({ ...asked, method, query }, at, signed);
        const headers = Object.entries({ ...signed, authorization, ...asked.headers }).filter(
          ([, value]) => value !== '',
        );
        const host = `${bucket === undefined ? '' : `${bucket}.`}oss-${region}.aliyuncs.com`;
        const url = `https://${host}/${query === '' ? '' : `?${query}`}`;
        const answer = await fake.api.handle({ method, url, headers: Object.fromEntries(headers), body });
        const text = new TextDecoder().decode(answer.body);
        return { status: answer.status, body: text, code: inXml(text, 'Code'), ec: inXml(text, 'EC') };
      };
      return {
        ...{ fake, clock, call },
        list: async (bucket = 'site-a') => (await call({ bucket, query: 'cname' })).body,
        async put(domain, certificate, bucket = 'site-a') {
          const given = certificate && `<CertificateConfiguration>${elements(certificate)}</CertificateConfiguration>`;
          const body = cnameXml(`<Domain>${domain}</Domain>${given ?? ''}`);
          const { status, code, ec } = await call({ method: 'POST', bucket, query: 'cname&comp=add', body });
          return status === 200 ? 'done' : (ec ?? code ?? String(status));
        },
      };
    },
  };
}
