import type { CertfleetError } from '../../core/errors/errors.ts';
import { Secret } from '../../core/errors/secret.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { type AccessKeys, callWithKeys, type KeySource } from '../http/access-keys.ts';
import { clockAdvice } from '../http/clock-advice.ts';
import {
  type ApiAnswer,
  type ApiRequest,
  createJsonApi,
  judgeByStatus,
  readFields,
  type Trouble,
  type Verdict,
} from '../http/json-api.ts';
import { canonicalQuery } from '../http/query.ts';
import { bodyHash, signAcs3 } from '../signatures/alibaba.ts';

/** A list becomes `Name.1`, `Name.2`, and a list of objects `Name.1.Key`. Secrets are never shown. */
export type AlibabaParams = Readonly<
  Record<
    string,
    string | number | boolean | Secret | undefined | readonly (string | Readonly<Record<string, string>>)[]
  >
>;

/** A failed call, with the meaning of its code. */
export interface AlibabaTrouble extends Trouble {
  readonly means?: 'not-found' | 'quota' | undefined;
  /** The parameters of the call. They may contain secrets, so never show them whole. */
  readonly params?: AlibabaParams;
}

export interface AlibabaCall {
  readonly signal: AbortSignal;
  /** Whether the call changes something. Such a call is never repeated after a lost response. */
  readonly mutates: boolean;
  /** More codes that mean "wait and repeat" for this call, such as `RspoolVipExist` while a rule is being deleted. */
  readonly busyCodes?: readonly string[];
  /** How long to wait while the service is busy, in ms. */
  readonly busyBudgetMs?: number;
}

export interface AlibabaOptions {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The adapter's name in the configuration, for debug lines. */
  readonly name: string;
  /** Such as `https://slb.cn-hangzhou.aliyuncs.com`. */
  readonly endpoint: string;
  /** The API version, such as `2014-05-15`. */
  readonly version: string;
  /** The service's name in RAM policies: `slb`. */
  readonly ram: string;
  readonly credentials: KeySource;
  /** Sent as RegionId with each call, and named in policies. */
  readonly regionId?: string;
  /** Whether to send the parameters in the body, as services that take a whole chain with its key do. */
  readonly inBody?: true;
  /** Whether the service's rights cannot be limited to resources, so policies must name `*`. */
  readonly anyResource?: true;
  /** Codes that refuse a call although they come with a status of 500. */
  readonly refusedCodes?: readonly string[];
  /** Returns what a call with these parameters needs a right to, as the last part of a resource's name in policies. */
  readonly resourceOf?: (params: Readonly<Record<string, string>>) => string;
  /** Returns further resources, of other services, that the policy must name for an action. */
  readonly alsoNeeds?: (action: string) => readonly string[];
  /** Makes the adapter's error. */
  readonly error: (trouble: AlibabaTrouble) => CertfleetError;
  /** Called with the action before each exchange. */
  readonly onCall?: (action: string) => void;
  readonly limitBudgetMs?: number;
  readonly busyBudgetMs?: number;
}

/** One RPC service of Alibaba Cloud (SLB, Alidns, CAS…), signed with ACS3-HMAC-SHA256. */
export interface Alibaba {
  /**
   * Calls an action. The API silently ignores misspelt parameters.
   *
   * @param read reads the object in the response; may throw {@link UnreadableAnswer}
   */
  call<T>(action: string, params: AlibabaParams, read: (answer: Fields) => T, call: AlibabaCall): Promise<T>;
}

/** Codes that mean the service is still applying an earlier change: wait and repeat. */
const busyCodes: readonly string[] = [
  'BackendServer.configuring',
  'DomainExtensionProcessing',
  'OperationConflict',
  'OperationFailed.ListenerStatusNotSupport',
  'ServiceIsConfiguring',
  'VServerGroupProcessing',
];
const clockCodes: readonly string[] = ['IllegalTimestamp', 'InvalidTimeStamp.Expired', 'InvalidTimeStamp.Format'];
const expiredCodes = ['InvalidSecurityToken.Expired', 'InvalidSecurityToken.Malformed'] as const;

export function createAlibaba(options: AlibabaOptions): Alibaba {
  const { clock, random, regionId, credentials } = options;
  const endpoint = new URL(options.endpoint);

  /** Builds and signs one attempt. Each attempt has a new nonce, because the API refuses to accept one twice. */
  const build = (action: string, params: Readonly<Record<string, string>>, keys: AccessKeys) => {
    const text = canonicalQuery(params);
    const [query, body] = options.inBody ? ['', text] : [text, ''];
    const headers: Record<string, string> = {
      host: endpoint.host,
      'x-acs-action': action,
      'x-acs-version': options.version,
      'x-acs-date': clock
        .now()
        .toISOString()
        .replace(/\.\d+Z$/, 'Z'),
      'x-acs-signature-nonce': Buffer.from(random.bytes(16)).toString('hex'),
      'x-acs-content-sha256': bodyHash(body),
      ...present({
        'content-type': options.inBody ? 'application/x-www-form-urlencoded' : undefined,
        'x-acs-security-token': keys.token?.reveal(),
      }),
    };
    const authorization = signAcs3({
      method: 'POST',
      path: '/',
      query: options.inBody ? {} : params,
      headers,
      accessKeyId: keys.id.reveal(),
      accessKeySecret: keys.secret.reveal(),
    });
    // Secrets may be in the query: the documentation gives all parameters of SLB the position `Query`, and the vendor's
    // SDKs send private keys there. Messages and logs never contain a query.
    return {
      method: 'POST',
      url: `${endpoint.origin}/${query === '' ? '' : `?${query}`}`,
      headers: { ...headers, accept: 'application/json', authorization },
      ...present({ body: options.inBody ? body : undefined }),
    } satisfies ApiRequest;
  };

  return {
    call(action, params, read, call) {
      const { values, secrets } = flattened({
        ...present({ RegionId: regionId }),
        ...params,
      });
      const api = createJsonApi({
        ...options,
        error: (trouble) =>
          options.error({ ...trouble, params, means: trouble.kind === 'refused' ? meaningOf(trouble) : undefined }),
        judge: (answer) =>
          judge(answer, {
            action,
            busy: [...busyCodes, ...(call.busyCodes ?? [])],
            readsOnly: !call.mutates,
            ram: options.ram,
            regionId,
            resource: options.resourceOf?.(values) ?? '*',
            anyResource: options.anyResource === true,
            refused: options.refusedCodes ?? [],
            more: options.alsoNeeds?.(action) ?? [],
          }),
        ...present({ busyBudgetMs: call.busyBudgetMs }),
      });
      return callWithKeys(api, {
        credentials,
        expiredCodes,
        secrets,
        what: action,
        build: (keys) => build(action, values, keys),
        read: (answer) => read(readFields(answer.body, 'the object')),
        readsOnly: !call.mutates,
        signal: call.signal,
      });
    },
  };
}

interface Judging {
  readonly action: string;
  readonly busy: readonly string[];
  readonly readsOnly: boolean;
  readonly ram: string;
  readonly regionId: string | undefined;
  /** The last part of its name. */
  readonly resource: string;
  readonly anyResource: boolean;
  readonly refused: readonly string[];
  /** Further resources. */
  readonly more: readonly string[];
}

function judge(answer: ApiAnswer, judging: Judging): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const code = textOf(body['Code']);
  const requestId = textOf(body['RequestId']) ?? answer.headers['x-acs-request-id'];
  const words = {
    ...present({ code, requestId }),
    // The message of SignatureDoesNotMatch repeats everything that was signed.
    reason: textOf(body['Message'])?.replace(/\s*server string to sign is:.*$/is, '') ?? '',
  };
  if (code === undefined || (answer.status >= 200 && answer.status < 300)) return judgeByStatus(answer, words);
  if (judging.busy.includes(code)) return { kind: 'busy', ...words };
  if (judging.refused.includes(code)) return { kind: 'refused', ...words, reason: words.reason || code };
  if (code === 'Throttling' || code.startsWith('Throttling.')) return { kind: 'limited', ...words };
  // A proxy on the way sent the request twice, and the first copy may have been carried out.
  if (code === 'SignatureNonceUsed') return { kind: 'failed', ...words };
  const advice = adviceOn(code, answer, body, judging);
  const isClockSkew = clockCodes.includes(code);
  return judgeByStatus(answer, { ...words, isClockSkew, ...present({ advice }) });
}

function adviceOn(code: string, answer: ApiAnswer, body: Fields, judging: Judging): string | undefined {
  if (code.startsWith('Forbidden') || code.startsWith('NoPermission')) return missingPermission(body, judging);
  if (clockCodes.includes(code)) return clockAdvice(answer, 'Alibaba Cloud', '15 minutes');
  if (code.startsWith('InvalidAccessKeyId'))
    return 'Check the AccessKey ID: it does not exist or is disabled. The RAM console lists the keys of each user.';
  if (code === 'SignatureDoesNotMatch' || code === 'IncompleteSignature')
    return 'Check the AccessKey secret: it does not belong to this AccessKey ID.';
  if (code.startsWith('InvalidSecurityToken'))
    return 'The security token is expired or belongs to other keys. Give all three anew, or let the role of the instance give them.';
  return undefined;
}

/** Names the action and the smallest statement that permits it. */
function missingPermission(
  body: Fields,
  { action, ram, regionId, resource: last, anyResource, more }: Judging,
): string {
  const detail = body['AccessDeniedDetail'];
  const said = isFields(detail) ? textOf(detail['AuthAction']) : undefined;
  const needed = said !== undefined && /^[\w-]+:\w+$/.test(said) ? said : `${ram}:${action}`;
  const own = `acs:${ram}:${regionId ?? '*'}:*:${last}`;
  const resource = anyResource || !needed.startsWith(`${ram}:`) ? '*' : more.length > 0 ? [own, ...more] : own;
  const statement = JSON.stringify({ Effect: 'Allow', Action: needed, Resource: resource });
  return `The RAM user or role lacks ${needed}. Add to its policy: ${statement}`;
}

function meaningOf({ code = '', status }: Trouble): AlibabaTrouble['means'] {
  if (code.startsWith('InvalidAccessKeyId')) return undefined;
  if (/NotFound|NotExist/.test(code) || status === 404) return 'not-found';
  return /^TooMany|Quota|LimitExceed/i.test(code) ? 'quota' : undefined;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

function flattened(params: AlibabaParams): { values: Readonly<Record<string, string>>; secrets: readonly Secret[] } {
  const values: Record<string, string> = {};
  const secrets: Secret[] = [];
  for (const [name, value] of Object.entries(params)) {
    if (value === undefined) continue;
    if (value instanceof Secret) {
      values[name] = value.reveal();
      secrets.push(value);
    } else if (typeof value !== 'object') values[name] = String(value);
    else
      for (const [at, item] of value.entries()) {
        if (typeof item === 'string') values[`${name}.${at + 1}`] = item;
        else for (const [key, part] of Object.entries(item)) values[`${name}.${at + 1}.${key}`] = part;
      }
  }
  return { values, secrets };
}
