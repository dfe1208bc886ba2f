import { X509Certificate } from 'node:crypto';
import type { Secret } from '../../core/errors/secret.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Deployer, VersionBundle } from '../../ports/deployer.ts';
import type { World } from '../../ports/world.ts';
import { type CdnCertificate, type CdnDomain, certificateForm } from '../cdn/domain.ts';
import { createPace } from '../cdn/pace.ts';
import { badList, balancerError } from '../http/balancer-errors.ts';
import { clockAdvice } from '../http/clock-advice.ts';
import {
  type ApiAnswer,
  createJsonApi,
  judgeByStatus,
  readFields,
  readList,
  readString,
  type Trouble,
  type Verdict,
} from '../http/json-api.ts';
import { numberedPages } from '../http/pages.ts';
import { readRights } from '../http/read-rights.ts';
import { traditionalKey } from '../http/traditional-key.ts';
import { type HuaweiKeyOptions, signedCalls } from './signed-calls.ts';

// CDN (v1.0 and v1.1) has no store of certificates: chain and key are part of a domain's configuration.

export interface HuaweiCdnDomain extends CdnDomain {
  /** As the API writes it. */
  readonly listed: string;
}

export interface HuaweiCdn {
  readonly title: string;
  /** Returns every domain of the account, or of the enterprise project. */
  domains(signal: AbortSignal): Promise<readonly HuaweiCdnDomain[]>;
  /** As {@link Deployer.rights}. */
  rights(signal: AbortSignal): Promise<readonly Right[]>;
  /** Replaces the certificate of a domain, and nothing else. Fails if HTTPS is off. */
  set(domain: HuaweiCdnDomain, sent: SentCertificate, signal: AbortSignal): Promise<void>;
}

/** A certificate in the form that CDN takes. */
export interface SentCertificate {
  /** At most 32 characters. */
  readonly name: string;
  readonly chainPem: string;
  readonly key: Secret;
  /** The key in each of its forms. */
  readonly secrets: readonly Secret[];
}

export function sentAs(name: string, { fullchainPem, keyPem }: VersionBundle): SentCertificate {
  const key = traditionalKey(keyPem, title);
  return { name, chainPem: `${fullchainPem.trim().replace(/\n{2,}/g, '\n')}\n`, key, secrets: [key, keyPem] };
}

export interface HuaweiCdnContext {
  readonly options: HuaweiKeyOptions & {
    readonly enterpriseProjectId: string;
    readonly endpoint?: string | undefined;
  };
  /** The deployer's name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'http'>;
}

const title = 'Huawei Cloud CDN';

export function connectHuaweiCdn({ options, name, world }: HuaweiCdnContext): HuaweiCdn {
  const { clock, random, log } = world;
  const fallback = `Check in the console what keeps the domain from being changed, and check the options of the deployer "${name}".`;
  const error = (trouble: Trouble) =>
    balancerError(title, {
      ...trouble,
      advice: trouble.advice ?? rightAdvice(trouble) ?? fallback,
      ...present({ means: missingCodes.has(trouble.code ?? '') ? ('not-found' as const) : undefined }),
    });
  const api = createJsonApi({ http: world.http(), clock, random, log, name, error, judge, busyBudgetMs });
  const call = signedCalls(api, options, clock);
  const paced = createPace(clock, pace);
  const base = (options.endpoint ?? 'https://cdn.myhuaweicloud.com').replace(/\/+$/, '');
  const address = (path: string, query: Readonly<Record<string, string>> = {}) =>
    `${base}${path}?${new URLSearchParams({ ...query, enterprise_project_id: options.enterpriseProjectId })}`;

  const list = (what: string, path: string, field: string, signal: AbortSignal) =>
    numberedPages<Fields>(badList(title, what), (number) => {
      const url = address(path, { page_size: String(pageSize), page_number: String(number) });
      const read = (body: Fields) => ({
        found: readList(body[field], field, 'domain_name'),
        isLast: number * pageSize >= Number(body['total'] ?? 0),
      });
      return call({ method: 'GET', url, what, maxBytes: longestPage, read }, signal);
    });

  const listDomains = (signal: AbortSignal) => list('ListDomains', '/v1.0/cdn/domains', 'domains', signal);
  const listCertificates = (signal: AbortSignal) =>
    list('ShowCertificatesHttpsInfo', '/v1.0/cdn/domains/https-certificate-info', 'https', signal);

  return {
    title,
    async domains(signal) {
      const [rows, details] = await Promise.all([listDomains(signal), listCertificates(signal)]);
      const read = fingerprints();
      const set = new Map(details.map((row) => [readString(row, 'domain_name'), certificateIn(row, read)]));
      return rows.map((row) => {
        const listed = readString(row, 'domain_name');
        const [status, phase] = stateIn(row);
        const https = Number(row['https_status'] ?? 0) > 0;
        return { name: certificateForm(listed), listed, status, phase, https, certificate: set.get(listed) };
      });
    },
    rights: (signal) =>
      readRights(
        {
          reads: {
            'cdn:configuration:queryDomains': listDomains,
            'cdn:configuration:queryHttpsConf': listCertificates,
          },
          // It would change a domain.
          changes: ['cdn:configuration:modifyOriginConfInfo', 'cdn:configuration:modifyHttpsConf'],
        },
        isRightMissing,
        signal,
      ),
    set: ({ listed }, { name: certificate, chainPem, key, secrets }, signal) =>
      paced(async () => {
        const url = address(`/v1.1/cdn/configuration/domains/${encodeURIComponent(listed)}/configs`);
        const read = (body: Fields) => readFields(readFields(body['configs'], 'configs')['https'], 'https');
        const now = await call({ method: 'GET', url, what: 'ShowDomainFullConfig', read }, signal);
        const https = {
          ...keptOf(now),
          ...{ https_status: 'on', certificate_type: 'server', certificate_source: 0, certificate_name: certificate },
          ...{ certificate_value: chainPem, private_key: key.reveal() },
        };
        const what = 'UpdateDomainFullConfig';
        const body = { configs: { https } };
        await call({ method: 'PUT', url, what, body, secrets, read: () => undefined }, signal);
      }, signal),
  };
}

/** A page has whole chains, of some kilobytes each. */
const pageSize = 500;
const longestPage = 16 * 1024 * 1024;
/** The API allows 300 reads and 200 changes of configurations a minute. */
const pace = { everyMs: 300, atOnce: 4 };
/** A domain that stays busy must not keep the others waiting. */
const busyBudgetMs = 20_000;

/**
 * Returns the settings that the API has in one block with the certificate. Whether they stay if they are left out is not
 * documented.
 */
function keptOf(https: Fields): Fields {
  if (https['https_status'] !== 'on') throw new Error('HTTPS is off, and certfleet does not switch it on');
  if (https['certificate_type'] === 'server_sm') throw new Error(`it has an SM2 certificate, ${byHand}`);
  const { certificate_value: main, http2_status, tls_version, ocsp_stapling_status } = https;
  const certificates = readList(https['certificates'] ?? [], 'certificates')
    .filter((one) => one['certificate_value'] !== main)
    .map((one) => {
      const { scm_certificate_id, certificate_source, certificate_type, certificate_name } = one;
      // Any other could be kept only with its key, which the API does not return.
      if (certificate_source !== 2 || typeof scm_certificate_id !== 'string')
        throw new Error(`it has a second certificate, ${byHand}`);
      return { scm_certificate_id, certificate_source, ...present({ certificate_type, certificate_name }) };
    });
  return present({
    http2_status: http2_status ?? undefined,
    tls_version: tls_version ?? undefined,
    ocsp_stapling_status: ocsp_stapling_status ?? undefined,
    certificates: certificates.length > 0 ? certificates : undefined,
  });
}

const byHand = 'which this change would remove: change its certificate in the console';

const resting: ReadonlySet<string> = new Set(['offline', 'checking', 'check_failed', 'deleting']);

function stateIn(row: Fields): readonly [string, CdnDomain['phase']] {
  const status = String(row['domain_status'] ?? '');
  if (Number(row['disabled'] ?? 0) !== 0) return ['banned', 'resting'];
  if (resting.has(status)) return [status, 'resting'];
  if (status === 'configuring') return [status, 'changing'];
  return [status, status === 'configure_failed' ? 'failed' : 'serving'];
}

function certificateIn(row: Fields, read: (pem: string) => string): CdnCertificate | undefined {
  const { certificate: pem, cert_name: name } = row;
  if (typeof pem !== 'string' || pem === '') return undefined;
  return { id: read(pem), name: typeof name === 'string' ? name : '' };
}

/** Returns a function from chains to fingerprints. Hundreds of domains may have the same one. */
function fingerprints(): (pem: string) => string {
  const known = new Map<string, string>();
  return (pem) => {
    const id = known.get(pem) ?? fingerprintOf(pem);
    known.set(pem, id);
    return id;
  };
}

function fingerprintOf(pem: string): string {
  try {
    return new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase();
  } catch {
    return ''; // One that Node cannot read, such as an SM2 certificate, is somebody else's.
  }
}

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  // The gateway writes its errors without the outer object.
  const { error_code: code, error_msg: message } = isFields(body['error']) ? body['error'] : body;
  if (typeof code !== 'string' || code === '') return judgeByStatus(answer);
  const requestId = body['request_id'] ?? answer.headers['x-request-id'];
  const reason = typeof message === 'string' ? message : '';
  const words = { code, reason, ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }) };
  if (/^APIG\w*\.0308$/.test(code)) return { kind: 'limited', ...words };
  if (code === 'CDN.0106') return { kind: 'busy', ...words };
  // An internal error, which proves nothing.
  if (code === 'CDN.0000') return { kind: 'failed', ...words };
  const isClockSkew = answer.status === 401 && Math.abs(answer.clockAheadMs ?? 0) > longestSkewMs;
  const advice = isClockSkew
    ? clockAdvice(answer, 'Huawei Cloud', '15 minutes')
    : answer.status === 401
      ? 'Check `accessKeyId` and `secretAccessKey`: Huawei Cloud does not take this signature.'
      : undefined;
  // Errors of CDN may come with status 200.
  if (answer.status < 400) return { kind: 'refused', ...words, isClockSkew };
  return judgeByStatus(answer, { ...words, isClockSkew, ...present({ advice }) });
}

const longestSkewMs = 10 * 60_000;
const missingCodes: ReadonlySet<string> = new Set(['CDN.0003', 'CDN.0105', 'CDN.0170']);
const rightCodes: ReadonlySet<string> = new Set(['CDN.0004', 'CDN.0020', 'CDN.0021', 'CDN.00010182']);
const rights: Readonly<Record<string, string>> = {
  ListDomains: 'cdn:configuration:queryDomains (in an identity policy, cdn:configuration:queryDomainList)',
  ShowCertificatesHttpsInfo: 'cdn:configuration:queryHttpsConf',
  ShowDomainFullConfig: 'cdn:configuration:queryDomains',
  UpdateDomainFullConfig: 'cdn:configuration:modifyOriginConfInfo and cdn:configuration:modifyHttpsConf',
};

const isRightMissing = ({
  code = '',
  status,
}: {
  readonly code?: string | undefined;
  readonly status?: number | undefined;
}) => status === 403 || rightCodes.has(code);

function rightAdvice(trouble: Trouble): string | undefined {
  if (!isRightMissing(trouble)) return undefined;
  const { reason, what } = trouble;
  const right = /\bcdn:\w+:\w+/.exec(reason)?.[0] ?? rights[what] ?? 'a permission for this call';
  return `The user of \`accessKeyId\` lacks ${right}. Add it to the user’s policy at https://console.huaweicloud.com/iam, and check \`enterpriseProjectId\`.`;
}
