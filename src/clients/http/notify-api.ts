import { fail } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { neverArrived } from '../../core/errors/unsent.ts';
import { parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { World } from '../../ports/world.ts';
import { type ApiAnswer, type ApiRequest, createJsonApi, judgeByStatus, type Verdict } from './json-api.ts';

export interface NotifyApiOptions {
  readonly world: World;
  /** The name in `alarms:`, and the type. */
  readonly name: string;
  readonly type: string;
  /** What a person can do if the service refuses the message and gives no reason that is known. */
  readonly advice: string;
  /** Judges an answer; by default, by its status alone. */
  readonly judge?: (answer: ApiAnswer) => Verdict;
  readonly secrets: readonly (Secret | undefined)[];
  readonly caFile?: string | undefined;
}

/** A person waits for `certfleet alarms test`; the loop tries again anyway. */
const limitBudgetMs = 20_000;

/** Returns a function that sends a message over HTTP once. It fails with `notify/…`, without any part of the URL. */
export function createNotifyApi(options: NotifyApiOptions) {
  const { world, name, type, judge = judgeByStatus } = options;
  const notifier = name === type ? type : `${name} (${type})`;
  const api = createJsonApi({
    // The path of a webhook's URL is its password.
    http: world.http({ hidesPaths: true, ...present({ caFile: options.caFile }) }),
    ...{ clock: world.clock, random: world.random, log: world.log, name: notifier, limitBudgetMs },
    secrets: options.secrets,
    parse: parseLeniently,
    judge: (answer) =>
      isPage(answer) ? { kind: 'failed', reason: `HTTP ${answer.status} with a web page` } : judge(answer),
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
  /** @param build is called for each attempt; only what the service has not received is sent again */
  return (build: () => ApiRequest, signal: AbortSignal): Promise<void> =>
    api.call({ what: 'the message', readsOnly: false, build, read: () => {}, signal });
}

/** A page of a proxy, or one for logging in. */
const isPage = ({ status, headers }: ApiAnswer): boolean =>
  status < 300 && /^text\/html\b/i.test(headers['content-type'] ?? '');

const parseLeniently = (text: string): unknown => {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
};
