import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { neverArrived } from '../../core/errors/unsent.ts';
import { isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { type ApiAnswer, type ApiRequest, createJsonApi, judgeByStatus, type Verdict } from './json-api.ts';

export interface NotifyApiOptions {
  readonly world: World;
  /** The name in `alarms:`, and the type. */
  readonly name: string;
  readonly type: string;
  /** What a person can do after a refusal, if the judge knows nothing better. */
  readonly advice: string;
  /** Judges an answer; by default, by its status alone. */
  readonly judge?: (answer: ApiAnswer) => Verdict;
  /** Everything in a request that must not be shown. */
  readonly secrets: readonly (Secret | undefined)[];
  readonly caFile?: string | undefined;
}

/** Together less than the 30 s that an alarm may take: one that was not sent is sent later. */
const limitBudgetMs = 10_000;
const timeoutMs = 15_000;

/** The name of a notifier in messages: `ops (slack)`. */
export const notifierName = (name: string, type: string): string => (name === type ? type : `${name} (${type})`);

/**
 * Returns a function that posts a message. It fails with `notify/…`, without any part of the URL. What the service may
 * have received is not sent again.
 */
export function createNotifyApi(options: NotifyApiOptions) {
  const { world, name, type, judge = judgeByStatus } = options;
  const notifier = notifierName(name, type);
  const api = createJsonApi({
    // The path of a webhook's URL is its password.
    http: world.http({ hidesPaths: true, ...present({ caFile: options.caFile }) }),
    ...{ clock: world.clock, random: world.random, log: world.log, name: notifier, limitBudgetMs },
    secrets: options.secrets,
    parse: parseLeniently,
    judge: (answer) => pageOrRedirect(answer) ?? judge(answer),
    error({ kind, reason, advice, retryAt, cause }) {
      const about = { notifier, name, reason };
      // Only a refusal's own words are safe: the cause of a failed connection has the whole URL.
      const more = { retryAt, ...present({ cause: kind === 'unreachable' ? undefined : cause }) };
      if (kind === 'refused') return fail('notify/refused', { ...about, advice: advice ?? options.advice }, more);
      if (kind === 'limited' || kind === 'busy') return fail('notify/limited', about, more);
      if (kind === 'failed') return fail('notify/failed', about, more);
      return fail(neverArrived(cause) ? 'notify/unreachable' : 'notify/unknown', about, more);
    },
  });
  /** @param build is called for each attempt, so that each has its own signature */
  return (build: () => Pick<ApiRequest, 'url' | 'headers'> & { readonly body: unknown }, signal: AbortSignal) =>
    api.call({
      ...{ what: 'the message', readsOnly: false, signal, read: () => {} },
      build() {
        const { url, headers, body } = build();
        const isText = typeof body === 'string';
        return {
          ...{ method: 'POST', url, timeoutMs, body: isText ? body : JSON.stringify(body) },
          headers: {
            'content-type': isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8',
            ...headers,
          },
        };
      },
    });
}

/** The page of a proxy, or one for logging in, also as the target of a redirect. */
function pageOrRedirect({ status, headers }: ApiAnswer): Verdict | undefined {
  if (status >= 300 && status < 400)
    // The location may repeat the token, and no service redirects a webhook.
    return { kind: 'failed', reason: `HTTP ${status}, a redirect, which is not followed` };
  if (!/^text\/html\b/i.test(headers['content-type'] ?? '') || status === 429) return undefined;
  return { kind: 'failed', reason: `HTTP ${status} with a web page` };
}

/** The codes in the answers of a service that says in the body what became of a message, mostly with status 200. */
export interface BodyCodes {
  /** The field with the code, which is 0 for success. */
  readonly code: string;
  readonly message: string;
  readonly limited: readonly number[];
  /** What a person can do, by code. */
  readonly advice: Readonly<Record<number, string>>;
}

/** Judges by a code in the body. */
export const judgeByCode =
  ({ code: field, message, limited, advice }: BodyCodes) =>
  (answer: ApiAnswer): Verdict => {
    const { body, status } = answer;
    const code = isFields(body) ? body[field] : undefined;
    if (typeof code !== 'number' || !isFields(body)) {
      const verdict = judgeByStatus(answer);
      return verdict.kind === 'fine' ? { kind: 'failed', reason: `HTTP ${status}, not what the API answers` } : verdict;
    }
    if (code === 0) return judgeByStatus(answer);
    const said = body[message];
    const words = { reason: `${typeof said === 'string' ? said : 'no reason'} (${field} ${code})`, code: String(code) };
    if (limited.includes(code) || status === 429) return { kind: 'limited', ...words };
    if (status >= 500) return { kind: 'failed', ...words };
    return { kind: 'refused', ...words, ...present({ advice: advice[code] }) };
  };

const parseLeniently = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
};
