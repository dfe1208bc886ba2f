import type { Right } from '../../core/request-path/rights.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { callWithKeys } from '../http/access-keys.ts';
import { balancerError } from '../http/balancer-errors.ts';
import { clockAdvice } from '../http/clock-advice.ts';
import {
  type ApiAnswer,
  createJsonApi,
  isRefusal,
  judgeByStatus,
  UnreadableAnswer,
  type Verdict,
} from '../http/json-api.ts';
import { escapeXml, parseXml, type XmlElement, xmlText } from '../http/xml.ts';
import { ossQuery, signOss } from '../signatures/oss.ts';
import { type AlibabaKeyOptions, alibabaInstance, alibabaKeys } from './credentials.ts';

// The custom domain names of one bucket of OSS. An API of its own: REST with XML, and with another signature.

/** A custom domain name of a bucket. */
export interface Cname {
  /** As in a certificate. */
  readonly domain: string;
  readonly isDisabled: boolean;
  /** The ID of its certificate in CAS, with the region: `493-cn-hangzhou`. Undefined while HTTPS is off. */
  readonly certificate: string | undefined;
}

export interface Oss {
  /** Returns the domain names of the bucket. */
  cnames(signal: AbortSignal): Promise<readonly Cname[]>;
  /** Finds out whether the key may read them. */
  mayList(signal: AbortSignal): Promise<Right>;
  /**
   * Sets the certificate of a domain name in place of the one that it has. MUST be called only for a domain name that is
   * bound and has one: the same call binds others, and switches HTTPS on.
   */
  set(cname: Cname, certificate: string, signal: AbortSignal): Promise<void>;
}

export interface OssContext {
  readonly options: AlibabaKeyOptions;
  readonly bucket: string;
  readonly region: string;
  /** The address of the bucket, if not the region's public one. */
  readonly endpoint: string | undefined;
  /** The adapter's name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'files' | 'http'>;
}

export function connectOss({ options, bucket, region, endpoint, name, world }: OssContext): Oss {
  const { clock, random, log, files } = world;
  const http = world.http();
  const base = endpoint?.replace(/\/$/, '') ?? `https://${bucket}.oss-${region}.aliyuncs.com`;
  const instance = alibabaInstance({ http, name });
  const credentials = alibabaKeys(options, { http, clock, random, log, files, instance, name });

  function call<T>(
    { what, method, query, body }: Request,
    read: (answer: XmlElement | undefined) => T,
    signal: AbortSignal,
  ): Promise<T> {
    const api = createJsonApi({
      ...{ http, clock, random, log, name, parse: parseXml },
      error: (trouble) =>
        balancerError('Alibaba Cloud OSS', {
          ...trouble,
          ...present({ means: trouble.code === 'NoSuchBucket' ? ('not-found' as const) : undefined }),
          about: trouble.code === 'NoSuchBucket' ? `the bucket ${bucket}` : trouble.about,
          advice:
            trouble.advice ?? `Check the options of the deployer "${name}", its credentials and their permissions.`,
        }),
      judge: (answer) => judge(answer, { action: what, bucket }),
    });
    return callWithKeys(api, {
      ...{ credentials, expiredCodes, what, signal, readsOnly: method === 'GET' },
      build(keys) {
        const headers = { accept: 'application/xml', ...present({ 'content-type': body && 'application/xml' }) };
        const signed = signOss({ method, bucket, query, headers, region, now: clock.now() }, keys);
        return { method, url: `${base}/?${ossQuery(query)}`, headers: signed, ...present({ body }) };
      },
      read: (answer) => read(answer.body as XmlElement | undefined),
    });
  }

  const cnames = (signal: AbortSignal) =>
    call({ what: 'ListCname', method: 'GET', query: { cname: '' } }, cnamesIn, signal);

  return {
    cnames,
    async mayList(signal) {
      const action = 'oss:ListCname';
      try {
        await cnames(signal);
        return { action, state: 'allowed' };
      } catch (error) {
        if (!isRefusal(error, 'AccessDenied')) throw error;
        return { action, state: 'denied', reason: 'AccessDenied' };
      }
    },
    set: ({ domain, certificate: previous = '' }, certificate, signal) =>
      call(
        {
          ...{ what: 'PutCname', method: 'POST', query: { cname: '', comp: 'add' } },
          body: putCname(domain, { CertId: certificate, PreviousCertId: previous }),
        },
        () => undefined,
        signal,
      ),
  };
}

interface Request {
  /** The action, as policies name it. */
  readonly what: string;
  readonly method: 'GET' | 'POST';
  readonly query: Readonly<Record<string, string>>;
  readonly body?: string;
}

const expiredCodes = ['SecurityTokenExpired', 'InvalidSecurityToken'];

function cnamesIn(answer: XmlElement | undefined): readonly Cname[] {
  if (answer?.name !== 'ListCnameResult') throw new UnreadableAnswer('ListCnameResult is missing in its answer');
  return answer.children
    .filter(({ name }) => name === 'Cname')
    .map((one) => {
      const domain = xmlText(one, 'Domain')?.toLowerCase();
      if (domain === undefined) throw new UnreadableAnswer('Domain is missing in its answer');
      // The API lists a wildcard without its asterisk.
      const isWildcard = xmlText(one, 'IsWildCard') === 'true';
      return {
        domain: isWildcard ? `*.${domain}` : domain,
        isDisabled: xmlText(one, 'Status') === 'Disabled',
        certificate: xmlText(one, 'Certificate', 'CertId'),
      };
    });
}

function putCname(domain: string, certificate: Readonly<Record<string, string>>): string {
  const isWildcard = domain.startsWith('*.');
  const values = (all: Readonly<Record<string, string>>) =>
    Object.entries(all)
      .map(([name, value]) => `<${name}>${escapeXml(value)}</${name}>`)
      .join('');
  const cname = { Domain: domain.replace(/^\*\./, ''), ...present({ IsWildCard: isWildcard ? 'true' : undefined }) };
  return `<BucketCnameConfiguration><Cname>${values(cname)}<CertificateConfiguration>${values(certificate)}</CertificateConfiguration></Cname></BucketCnameConfiguration>`;
}

/** The vendor's numbers of errors, which tell more than the codes. */
const otherCertificate = '0018-00000209';
const notBound = '0018-00000115';

function judge(answer: ApiAnswer, { action, bucket }: { readonly action: string; readonly bucket: string }): Verdict {
  const body = answer.body as XmlElement | undefined;
  const said = (name: string) => (body === undefined ? undefined : xmlText(body, name));
  const code = answer.status >= 400 ? said('Code') : undefined;
  const requestId = said('RequestId') ?? answer.headers['x-oss-request-id'];
  const message = said('Message') ?? '';
  const reason = code === 'AccessDenied' ? `${code} at the bucket ${bucket}: ${message || 'no reason'}` : message;
  const words = { reason, ...present({ code, requestId }) };
  if (code === 'SlowDown' || code === 'ServiceUnavailable') return { kind: 'limited', ...words };
  const advice = adviceOn(answer, { code, number: said('EC'), action, bucket });
  const isClockSkew = code === 'RequestTimeTooSkewed';
  return judgeByStatus(answer, { ...words, isClockSkew, ...present({ advice }) });
}

function adviceOn(
  answer: ApiAnswer,
  {
    code,
    number,
    action,
    bucket,
  }: {
    readonly code: string | undefined;
    readonly number: string | undefined;
    readonly action: string;
    readonly bucket: string;
  },
): string | undefined {
  if (number === otherCertificate) return 'Another certificate was set there meanwhile. `certfleet renew` looks again.';
  if (number === notBound) return 'Bind the domain name to the bucket in the console, with a certificate.';
  if (code === 'RequestTimeTooSkewed') return clockAdvice(answer, 'Alibaba Cloud', '15 minutes');
  if (code === 'InvalidAccessKeyId')
    return 'Check the AccessKey ID: it does not exist or is disabled. The RAM console lists the keys of each user.';
  if (code === 'SignatureDoesNotMatch')
    return 'Check the AccessKey secret: it does not belong to this AccessKey ID. Check `region`, too: it is signed.';
  if (code !== 'AccessDenied') return undefined;
  const statement = JSON.stringify({ Effect: 'Allow', Action: `oss:${action}`, Resource: `acs:oss:*:*:${bucket}` });
  const more = action === 'PutCname' ? ', and the three actions of `yundun-cert` that the reference names' : '';
  return `Check \`region\`, or add to the policy of the RAM user or role: ${statement}${more}.`;
}
