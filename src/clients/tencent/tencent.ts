import { createHash, createHmac } from 'node:crypto';
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
  createJsonApi,
  judgeByStatus,
  readFields,
  type Trouble,
  type Verdict,
} from '../http/json-api.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

export interface Tc3Request {
  /** Such as `dnspod`. */
  readonly service: string;
  readonly host: string;
  readonly contentType: string;
  readonly body: string;
  /** In seconds since 1970. */
  readonly timestamp: number;
  readonly secretId: string;
  readonly secretKey: string;
}

/** Returns the Authorization header of TC3-HMAC-SHA256 (Tencent Cloud API 3.0) for a POST. */
export function signTc3(request: Tc3Request): string {
  const { service, host, contentType, body, timestamp, secretId, secretKey } = request;
  const signed = 'content-type;host';
  const canonical = ['POST', '/', '', `content-type:${contentType}\nhost:${host}\n`, signed, sha256(body)].join('\n');
  const date = new Date(timestamp * 1000).toISOString().slice(0, 10);
  const scope = `${date}/${service}/tc3_request`;
  const key = hmac(hmac(hmac(`TC3${secretKey}`, date), service), 'tc3_request');
  const signature = hmac(key, `TC3-HMAC-SHA256\n${timestamp}\n${scope}\n${sha256(canonical)}`).toString('hex');
  return `TC3-HMAC-SHA256 Credential=${secretId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`;
}

export interface TencentOptions {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The adapter's name in the configuration, for debug lines. */
  readonly name: string;
  /** Such as `https://dnspod.tencentcloudapi.com`. */
  readonly endpoint: string;
  /** The service in signatures and policies: `dnspod`. */
  readonly service: string;
  /** The API version, such as `2021-03-23`. */
  readonly version: string;
  /** Sent with each call to a service whose objects belong to regions. */
  readonly region?: string;
  readonly credentials: KeySource;
  /** Reports whether a refusal means that the service is still applying an earlier change: wait and repeat. */
  readonly isBusy?: (code: string, reason: string) => boolean;
  /** Makes the adapter's error. */
  readonly error: (trouble: Trouble) => CertfleetError;
}

export interface TencentCall {
  /** See `Trouble`. */
  readonly about?: string;
  readonly readsOnly: boolean;
  /** See `ApiCall`. */
  readonly isRepeatable?: boolean;
  /** Called before the call is sent again, such as after an earlier change. If it rejects, so does the call. */
  readonly beforeRepeat?: () => Promise<void>;
  /** Instead of the service's. */
  readonly region?: string;
  readonly signal: AbortSignal;
}

/** One service of Tencent Cloud API 3.0. */
export interface Tencent {
  /**
   * Calls an action. The API refuses unknown parameters. A parameter that is a {@link Secret} is never shown, even if
   * the API repeats it.
   *
   * @param read reads the object `Response` of the response; may throw {@link UnreadableAnswer}
   */
  call<T>(action: string, params: Fields, read: (response: Fields) => T, call: TencentCall): Promise<T>;
}

/** Reports whether a code means that the user lacks a right. */
export const isDenial = (code: string): boolean => code.startsWith('UnauthorizedOperation') || denials.includes(code);

const denials: readonly string[] = [
  'AuthFailure.UnauthorizedOperation',
  'FailedOperation.AuthError',
  'FailedOperation.CAMAuthorizedFail',
];

/** The API's code for a clock that is off by more than five minutes. */
const clockSkewCode = 'AuthFailure.SignatureExpire';

const contentType = 'application/json';

export function createTencent(options: TencentOptions): Tencent {
  const { clock, credentials, service, version } = options;
  const url = new URL(options.endpoint);

  const build = (
    action: string,
    body: string,
    { keys, region }: { readonly keys: AccessKeys; readonly region: string | undefined },
  ) => {
    const timestamp = Math.floor(clock.now().getTime() / 1000);
    const authorization = signTc3({
      ...{ service, host: url.host, contentType, body, timestamp },
      ...{ secretId: keys.id.reveal(), secretKey: keys.secret.reveal() },
    });
    return {
      method: 'POST',
      url: `${url.origin}/`,
      headers: {
        host: url.host,
        'content-type': contentType,
        'x-tc-action': action,
        'x-tc-version': version,
        'x-tc-timestamp': String(timestamp),
        'x-tc-language': 'en-US',
        ...present({ 'x-tc-region': region, 'x-tc-token': keys.token?.reveal() }),
        authorization,
      },
      body,
    } as const;
  };

  return {
    call(action, params, read, { about, region = options.region, beforeRepeat, ...call }) {
      let isSent = false;
      const { body, secrets } = revealed(params);
      const permission = `${service}:${action}`;
      const api = createJsonApi({ ...options, judge: (answer) => judge(answer, permission, options.isBusy) });
      return callWithKeys(api, {
        credentials,
        expiredCodes: ['AuthFailure.TokenFailure'],
        what: action,
        ...present({ about }),
        secrets,
        build: async (keys) => {
          if (isSent) await beforeRepeat?.();
          isSent = true;
          return build(action, body, { keys, region });
        },
        read: ({ body }) => read(readFields(readFields(body, 'the object')['Response'], 'Response')),
        ...call,
      });
    },
  };
}

function revealed(params: Fields): { readonly body: string; readonly secrets: readonly Secret[] } {
  const secrets = Object.values(params).filter((value) => value instanceof Secret);
  const values = Object.entries(params).map(([name, value]) => [
    name,
    value instanceof Secret ? value.reveal() : value,
  ]);
  return { body: JSON.stringify(Object.fromEntries(values)), secrets };
}

/** Judges a response. Errors come with status 200, in `Response.Error`. */
function judge(answer: ApiAnswer, permission: string, isBusy: TencentOptions['isBusy']): Verdict {
  const response = isFields(answer.body) ? answer.body['Response'] : undefined;
  const error = isFields(response) ? response['Error'] : undefined;
  if (!isFields(error)) return judgeByStatus(answer);
  const code = String(error['Code']);
  const requestId = isFields(response) ? response['RequestId'] : undefined;
  const words = {
    code,
    reason: String(error['Message'] ?? ''),
    ...present({ requestId: typeof requestId === 'string' ? requestId : undefined }),
  };
  if (isBusy?.(code, words.reason)) return { kind: 'busy', ...words };
  if (code.startsWith('RequestLimitExceeded') || code === 'LimitExceeded.RateLimitExceeded')
    return { kind: 'limited', ...words };
  if (code.startsWith('InternalError') || code.startsWith('ResourceUnavailable') || failed.includes(code))
    return { kind: 'failed', ...words };
  const advice = adviceOn(code, answer, permission);
  const isClockSkew = code === clockSkewCode;
  return { kind: 'refused', ...words, isClockSkew, ...present({ advice }) };
}

/** The call was not understood, or did not finish in time. */
const failed: readonly string[] = ['FailedOperation.UnknowError', 'InvalidParameter.OperateFailed'];

function adviceOn(code: string, answer: ApiAnswer, permission: string): string | undefined {
  if (code === clockSkewCode) return clockAdvice(answer, 'Tencent', 'five minutes');
  if (code === 'AuthFailure.SecretIdNotFound' || code === 'AuthFailure.InvalidSecretId')
    return 'Check `secretId`: Tencent Cloud does not know it. Keys are made at https://console.cloud.tencent.com/cam/capi and begin with AKID; the ID and token of DNSPod’s own console belong in `id` and `token`.';
  if (code === 'AuthFailure.SignatureFailure' || code === 'AuthFailure.InvalidAuthorization')
    return 'Check `secretKey`: it does not belong to `secretId`.';
  if (code === 'AuthFailure.TokenFailure')
    return 'Give `secretId`, `secretKey` and `sessionToken` anew: the temporary keys have expired, or do not belong together.';
  if (isDenial(code)) {
    const statement = JSON.stringify({ effect: 'allow', action: [permission], resource: ['*'] });
    return `The user of \`secretId\` lacks ${permission}. Add to its policy at https://console.cloud.tencent.com/cam/policy: ${statement}`;
  }
  return undefined;
}
