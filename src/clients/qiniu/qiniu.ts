import type { Secret } from '../../core/errors/secret.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { type Fields, isFields } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { createPace } from '../cdn/pace.ts';
import { callWithKeys, fixedKeys } from '../http/access-keys.ts';
import { balancerError } from '../http/balancer-errors.ts';
import {
  type ApiAnswer,
  createJsonApi,
  isRefusal,
  judgeByStatus,
  readFields,
  type Trouble,
  type Verdict,
} from '../http/json-api.ts';
import { readRights } from '../http/read-rights.ts';
import { signQiniu } from '../signatures/qiniu.ts';

export interface QiniuOptions {
  readonly accessKey: Secret;
  readonly secretKey: Secret;
  readonly endpoint?: string | undefined;
}

export interface QiniuContext {
  readonly options: QiniuOptions;
  /** The deployer's name in the configuration. */
  readonly name: string;
  readonly world: Pick<World, 'clock' | 'random' | 'log' | 'http'>;
}

export interface QiniuCall<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With the query: `/domain?limit=100`. */
  readonly path: string;
  /** The call, for messages: `GET /domain`. */
  readonly what: string;
  readonly body?: Fields;
  /** The secrets in the body. */
  readonly secrets?: readonly Secret[];
  /** Wait for a while until a certificate exists: CDN may not find one that was just uploaded. */
  readonly untilCertificate?: true;
  read(body: Fields): T;
}

/** Makes a call, within the pace of the account. A change is never repeated. Errors are `balancer/…`. */
export type Qiniu = <T>(call: QiniuCall<T>, signal: AbortSignal) => Promise<T>;

export const title = 'Qiniu';

export function connectQiniu({ options, name, world }: QiniuContext): Qiniu {
  const { clock, random, log } = world;
  const fallback = `Check in the console what keeps the domain from being changed, and check the options of the deployer "${name}".`;
  const error = (trouble: Trouble) =>
    balancerError(title, { ...trouble, ...meaningOf(trouble), advice: trouble.advice ?? fallback });
  const shared = { http: world.http(), clock, random, log, name, error, busyBudgetMs };
  const api = createJsonApi({ ...shared, judge });
  const patient = createJsonApi({
    ...shared,
    judge: (answer) => {
      const verdict = judge(answer);
      return verdict.kind === 'refused' && verdict.code === unknownCertificate ? { ...verdict, kind: 'busy' } : verdict;
    },
  });
  const paced = createPace(clock, pace);
  const credentials = fixedKeys({ id: options.accessKey, secret: options.secretKey });
  const base = (options.endpoint ?? 'https://api.qiniu.com').replace(/\/+$/, '');
  return ({ method, path, what, body, secrets = [], untilCertificate, read }, signal) =>
    paced(
      () =>
        callWithKeys(untilCertificate ? patient : api, {
          ...{ credentials, what, secrets, readsOnly: method === 'GET', signal },
          build: (keys) => {
            const url = new URL(`${base}${path}`);
            const contentType = body === undefined ? 'application/x-www-form-urlencoded' : 'application/json';
            const sent = body === undefined ? '' : JSON.stringify(body);
            const authorization = signQiniu({ method, url, contentType, body: sent }, keys);
            const headers = { authorization, 'content-type': contentType };
            return { method, url: url.href, headers, ...present({ body: body && sent }) };
          },
          read: (answer) => read(answer.body === undefined ? {} : readFields(answer.body, 'the object')),
        }),
      signal,
    );
}

/** The API allows 10 calls a second, and other programs may use it. */
const pace = { everyMs: 125, atOnce: 2 };
const busyBudgetMs = 20_000;
const unknownCertificate = '400401';

/** The rights of a key. The documents name none, so each is a call. No change is certainly harmless. */
export const qiniuRights = (call: Qiniu, signal: AbortSignal): Promise<readonly Right[]> => {
  const read = (path: string, what: string) => (until: AbortSignal) =>
    call({ method: 'GET', path, what, read: () => undefined }, until);
  const reads = {
    'GET /domain': read('/domain?limit=1', 'GET /domain'),
    'GET /domain/NAME': read('/domain/certfleet.invalid', 'GET /domain/NAME'),
    'GET /sslcert': read('/sslcert?limit=1', 'GET /sslcert'),
  };
  const changes = ['POST /sslcert', 'PUT /domain/NAME/httpsconf'];
  return readRights({ reads, changes }, ({ status }) => status === 403, signal);
};

/** Reports whether the API refuses to delete a certificate because a domain of CDN or of the storage uses it. */
export const isInUse = (error: unknown): boolean => isRefusal(error, '400611', '400911');

function judge(answer: ApiAnswer): Verdict {
  const body = isFields(answer.body) ? answer.body : {};
  const { status, headers } = answer;
  const { code, error: reason } = body;
  const isFine = status < 400 && (typeof code !== 'number' || code === 0 || code === 200);
  if (isFine) return judgeByStatus(answer);
  const words = {
    reason: typeof reason === 'string' ? reason : '',
    ...present({ code: typeof code === 'number' ? String(code) : undefined, requestId: headers['x-reqid'] }),
  };
  if (status === 573 || code === 573) return { kind: 'limited', ...words };
  if (status === 401) {
    const advice = 'Check `accessKey` and `secretKey`: Qiniu does not take this signature.';
    return { kind: 'refused', ...words, reason: words.reason || 'HTTP 401', advice };
  }
  if (status === 403) {
    const advice = 'The keys must belong to the account, or to a user of it that may manage CDN and SSL certificates.';
    return { kind: 'refused', ...words, reason: words.reason || 'HTTP 403', advice };
  }
  // Errors may have a status of their own, such as 612, or a code in an answer with status 200.
  if (status < 400 || status >= 600) return { kind: 'refused', ...words, reason: words.reason || `HTTP ${status}` };
  return judgeByStatus(answer, words);
}

/** 404906 is a certificate that cannot be read, and not one that does not exist. */
const missingCodes: ReadonlySet<string> = new Set(['404', '612', unknownCertificate]);

function meaningOf({ code = '' }: Trouble) {
  if (missingCodes.has(code)) return { means: 'not-found' as const };
  return code === '400500' ? { means: 'quota' as const, about: 'more SSL certificates' } : {};
}
