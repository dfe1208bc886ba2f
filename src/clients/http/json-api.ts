import { noteRead, noteWrite } from '../../core/async/writes.ts';
import { dateMs, retryAfterMs } from '../../core/ca/retry-after.ts';
import { type CertfleetError, isFailure, reasonOf } from '../../core/errors/errors.ts';
import { cut, remoteText } from '../../core/errors/remote-text.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { neverArrived } from '../../core/errors/unsent.ts';
import { type Fields, isFields, parseJson } from '../../core/text/json.ts';
import { present } from '../../core/text/present.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Http, HttpRequest, HttpResponse } from '../../ports/http.ts';
import type { Log } from '../../ports/log.ts';
import type { Random } from '../../ports/random.ts';
import { withoutSecrets } from './scrub.ts';

/** One attempt of a call, as the caller builds it. Each attempt is built, and therefore signed, separately. */
export type ApiRequest = Pick<HttpRequest, 'method' | 'url' | 'headers' | 'body' | 'connectTo' | 'timeoutMs'>;

/** An API's response with its parsed body. */
export interface ApiAnswer {
  readonly status: number;
  readonly headers: HttpResponse['headers'];
  /** Undefined if there is no body, or if it cannot be parsed. */
  readonly body: unknown;
  readonly isReadable: boolean;
  /** How far this machine's clock is ahead of the server's, in ms; undefined if the response has no date. */
  readonly clockAheadMs: number | undefined;
}

/**
 * The meaning of a response. `refused` and `limited` mean that nothing was changed. So does `busy`: the service is
 * still applying an earlier change. After `failed`, it is unknown whether something was changed.
 */
export type Verdict =
  | { readonly kind: 'fine' }
  | (Words & { readonly kind: 'refused' | 'limited' | 'busy' | 'failed'; readonly retryAfterMs?: number });

/** The API's own words about a failed call. */
interface Words {
  /** A sentence, or the status if the API sent none. It may contain secrets, and is cleaned before it is shown. */
  readonly reason: string;
  readonly code?: string;
  readonly requestId?: string;
  /** What a person can do, if known. */
  readonly advice?: string;
  /** Whether the service rejects this machine's time. */
  readonly isClockSkew?: boolean;
}

/** The reason why a call failed, for the error that the caller makes of it. `reason` is safe to show. */
export interface Trouble {
  /** `unreachable`: no response. The other kinds are those of {@link Verdict}, after waiting as long as allowed. */
  readonly kind: 'unreachable' | 'refused' | 'limited' | 'busy' | 'failed';
  /** The call: `CreateRules`, `the request for the zone`. */
  readonly what: string;
  /** The subject of the call, if given: a record's name. */
  readonly about?: string | undefined;
  readonly reason: string;
  readonly code: string | undefined;
  readonly status: number | undefined;
  readonly requestId: string | undefined;
  readonly advice: string | undefined;
  readonly isClockSkew?: boolean | undefined;
  /** When the API allows the next call, if known. */
  readonly retryAt: Date | undefined;
  /** For how long the call was repeated. */
  readonly waitedMs: number;
  /** The error's `cause`. */
  readonly cause: unknown;
}

/** The refusal of a call by an API. It is the cause of the error, so that an adapter can read the code. */
export class ApiRefusal extends Error {
  readonly code: string | undefined;
  readonly requestId: string | undefined;
  readonly status: number;

  constructor(reason: string, words: Pick<Trouble, 'code' | 'requestId'>, status: number) {
    super(reason);
    this.name = 'ApiRefusal';
    this.code = words.code;
    this.requestId = words.requestId;
    this.status = status;
  }
}

/** Returns the API's refusal, if that is the cause of an error. */
export function refusalOf(error: unknown): ApiRefusal | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof ApiRefusal ? cause : undefined;
}

/** Reports whether the API gave one of these codes as the reason of an error. */
export const isRefusal = (error: unknown, ...codes: readonly string[]): boolean =>
  codes.includes(refusalOf(error)?.code ?? '');

/**
 * Thrown if a response does not have the form that the API's documentation describes. Only the `read` function of a
 * call may throw it, because the call turns it into the adapter's error. Elsewhere, it looks like a bug in certfleet.
 */
export class UnreadableAnswer extends Error {}

export interface JsonApiOptions {
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** The service in debug lines: `slb (Alibaba CLB)`. */
  readonly name: string;
  /** Makes the caller's error, in the caller's own area: `dns/refused`, `balancer/refused`… */
  readonly error: (trouble: Trouble) => CertfleetError;
  /** Judges a response; by default, {@link judgeByStatus}. */
  readonly judge?: (answer: ApiAnswer) => Verdict;
  /** Parses a non-empty body; by default, as JSON. May throw anything. */
  readonly parse?: (text: string) => unknown;
  /** The encoding of bodies, if not UTF-8: `gbk`. */
  readonly charset?: string;
  /** How long a call may wait for a limit, in ms. A longer Retry-After fails at once. */
  readonly limitBudgetMs?: number;
  /** How long a call may wait while the service is applying an earlier change, in ms. */
  readonly busyBudgetMs?: number;
  /** Values that must not be shown in the error or log line of any call, even if the API repeats them. */
  readonly secrets?: readonly (Secret | undefined)[];
  /** Called before each exchange, to count calls including repeated ones. */
  readonly onCall?: (what: string) => void;
}

export interface ApiCall<T> {
  /** The call, for messages and `onCall`; see {@link Trouble}. */
  readonly what: string;
  /** See {@link Trouble}. */
  readonly about?: string;
  /** Builds and signs one attempt. `secrets` must contain the secrets in it. */
  build(signal: AbortSignal): ApiRequest | Promise<ApiRequest>;
  /** Reads the response; may throw {@link UnreadableAnswer}. */
  read(answer: ApiAnswer): T;
  /** Whether the call changes nothing. Such a call is also repeated after a missing response or a 5xx. */
  readonly readsOnly: boolean;
  /** Whether making the change twice has the same effect as making it once. Such a call is repeated, too. */
  readonly isRepeatable?: boolean;
  /** Values that must not be shown, even if the API repeats them. Read after the call, so `build` may add to them. */
  readonly secrets?: Iterable<Secret>;
  readonly maxBytes?: number;
  readonly signal: AbortSignal;
}

export interface JsonApi {
  /** Sends a call, waits for limits within its budget, and reads the response. */
  call<T>(call: ApiCall<T>): Promise<T>;
}

/** Long enough for most limits per second or minute, and short enough for a scheduled job. */
const defaultLimitBudgetMs = 60_000;
const defaultBusyBudgetMs = 120_000;
/**
 * The first and the longest pause without a Retry-After. Pauses double each time, plus a random part of up to a third.
 */
const firstPauseMs = 1_000;
const longestPauseMs = 10_000;
/** Pauses before a read-only call is repeated after a missing response or a 5xx. */
const pausesMs = [250, 1_000] as const;
const longestReason = 400;

/** Creates a client for an HTTP API with JSON (or, with `parse`, XML). */
export function createJsonApi(options: JsonApiOptions): JsonApi {
  const { http, clock, random, log, name, judge = judgeByStatus, parse = parseJson } = options;
  const budgetsMs = {
    limited: options.limitBudgetMs ?? defaultLimitBudgetMs,
    busy: options.busyBudgetMs ?? defaultBusyBudgetMs,
  };

  const exchange = async ({ build, what, signal, maxBytes }: ApiCall<unknown>): Promise<ApiAnswer> => {
    const request = await build(signal);
    signal.throwIfAborted();
    options.onCall?.(what);
    const response = await http.request({ ...request, signal, ...present({ maxBytes }) });
    return { ...parsed(response, parse, options.charset), clockAheadMs: clockAhead(response, clock.now()) };
  };

  return {
    async call(call) {
      const { what, signal } = call;
      const beganMs = clock.monotonicMs();
      const waitedMs = () => clock.monotonicMs() - beganMs;
      const spentMs = { limited: 0, busy: 0 };
      let disturbed = 0;
      let pauses = 0;

      const clean = (text: string): string => {
        const own = (options.secrets ?? []).filter((one) => one !== undefined);
        return cleaned(text, [...own, ...(call.secrets ?? [])]);
      };
      /** Makes the error, without anything that must not be shown. */
      const trouble = (
        kind: Trouble['kind'],
        words: Words,
        more: { status?: number; retryAt?: Date; cause?: unknown } = {},
      ): CertfleetError => {
        const reason = clean(words.reason) || 'it gave no reason';
        const code = words.code && remoteText(clean(words.code), 100);
        const requestId = words.requestId && remoteText(clean(words.requestId), 100);
        return options.error({
          kind,
          what,
          about: call.about,
          reason,
          ...{ code, requestId },
          advice: words.advice,
          isClockSkew: words.isClockSkew,
          status: more.status,
          retryAt: more.retryAt,
          waitedMs: waitedMs(),
          cause:
            more.cause ??
            (more.status === undefined ? undefined : new ApiRefusal(reason, { code, requestId }, more.status)),
        });
      };
      const pause = async (ms: number, why: string) => {
        log.debug(`${name}: ${what}: ${clean(why)}; again in ${Math.ceil(ms / 1000)} s`);
        await clock.sleep(ms, signal);
      };
      const noteChange = () => {
        if (!call.readsOnly) noteWrite(signal);
        else noteRead(signal);
      };
      /** Reports whether the call may be repeated although it may have had an effect. If so, first waits a little. */
      const mayRepeat = async (why: string, hadNoEffect: boolean): Promise<boolean> => {
        const pauseMs = pausesMs[disturbed];
        if (!(call.readsOnly || call.isRepeatable || hadNoEffect) || pauseMs === undefined) return false;
        disturbed += 1;
        await pause(pauseMs * (1 + random.number()), why);
        return true;
      };

      for (;;) {
        let answer: ApiAnswer;
        try {
          answer = await exchange(call);
        } catch (error) {
          if (isFailure(error, 'network/') && !neverArrived(error)) noteChange();
          if (isFailure(error, 'network/too-large')) throw trouble('failed', { reason: reasonOf(error) });
          if (!isFailure(error, 'network/failed')) throw error;
          if (await mayRepeat(reasonOf(error), neverArrived(error))) continue;
          throw trouble('unreachable', { reason: withHostOnly(error.message) }, { cause: error });
        }
        const { status } = answer;
        const verdict = judge(answer);
        if (verdict.kind === 'fine' || verdict.kind === 'failed') noteChange();
        if (verdict.kind === 'fine') {
          try {
            return call.read(answer);
          } catch (error) {
            if (!(error instanceof UnreadableAnswer)) throw error;
            throw trouble('failed', { reason: error.message }, { status });
          }
        }
        if (verdict.kind === 'refused') throw trouble('refused', verdict, { status });
        if (verdict.kind === 'failed') {
          if (await mayRepeat(verdict.reason, false)) continue;
          throw trouble('failed', verdict, { status });
        }
        const told = verdict.retryAfterMs ?? retryAfterMs(answer.headers['retry-after'], serverTime(answer, clock));
        const pauseMs = told ?? nextPauseMs(pauses, random);
        const spent = spentMs[verdict.kind];
        if (spent + pauseMs > budgetsMs[verdict.kind]) {
          const retryAt = told === undefined ? undefined : new Date(clock.now().getTime() + told);
          throw trouble(verdict.kind, verdict, { status, ...present({ retryAt }) });
        }
        // A Retry-After of 0 must not cause a busy loop.
        const waits = Math.max(pauseMs, told === undefined ? 0 : firstPauseMs / 4);
        spentMs[verdict.kind] = spent + waits;
        pauses += 1;
        await pause(waits, verdict.reason);
      }
    },
  };
}

/** Judges a response by its status alone. The default, and what an API's own judge falls back to. */
export function judgeByStatus(answer: ApiAnswer, words: Partial<Words> = {}): Exclude<Verdict, { kind: 'busy' }> {
  const { status, headers, isReadable } = answer;
  const reason = words.reason || spoken(answer.body) || statusText(answer);
  if (status >= 200 && status < 300) {
    if (isReadable) return { kind: 'fine' };
    return { kind: 'failed', ...words, reason: `${statusText(answer)}, not what the API answers` };
  }
  // Redirects are never followed, because the credentials are for this host alone.
  if (status >= 300 && status < 400)
    return { kind: 'failed', ...words, reason: `HTTP ${status}, which leads to ${headers['location'] ?? 'nowhere'}` };
  if (status === 429) return { kind: 'limited', ...words, reason };
  return { kind: status >= 400 && status < 500 ? 'refused' : 'failed', ...words, reason };
}

/** Returns the sentence in an error's body, from where most APIs put it. */
function spoken(body: unknown): string {
  if (typeof body === 'string') return body;
  if (Array.isArray(body)) return spoken(body[0]);
  if (!isFields(body)) return '';
  const said = ['message', 'Message', 'detail', 'error', 'errors', 'title'].map((name) => spoken(body[name]));
  return said.find((text) => text !== '') ?? '';
}

/** Returns a text such as `HTTP 403` or `HTTP 502 (text/html)`. */
function statusText({ status, headers, isReadable }: ApiAnswer): string {
  const type = isReadable ? '' : (headers['content-type'] ?? '').split(';')[0]!.trim();
  return type === '' ? `HTTP ${status}` : `HTTP ${status} (${remoteText(type, 60)})`;
}

/** Removes the secrets of a call from an API's text, and makes the text safe to show. */
export const cleaned = (text: string, secrets: Iterable<Secret>): string =>
  remoteText(withoutSecrets(cut(text, 100_000), secrets), longestReason);

function parsed(
  response: HttpResponse,
  parse: (text: string) => unknown,
  charset = 'utf-8',
): Omit<ApiAnswer, 'clockAheadMs'> {
  const { status, headers } = response;
  const text = new TextDecoder(charset).decode(response.body);
  if (text.trim() === '') return { status, headers, body: undefined, isReadable: true };
  try {
    return { status, headers, body: parse(text), isReadable: true };
  } catch {
    return { status, headers, body: undefined, isReadable: false };
  }
}

function clockAhead({ headers }: HttpResponse, now: Date): number | undefined {
  const date = dateMs(headers['date'] ?? '', now);
  return Number.isNaN(date) ? undefined : now.getTime() - date;
}

/** Returns the server's time, to which a date in Retry-After refers. */
const serverTime = ({ clockAheadMs = 0 }: ApiAnswer, clock: Clock): Date =>
  new Date(clock.now().getTime() - clockAheadMs);

const nextPauseMs = (pauses: number, random: Random): number =>
  Math.round(Math.min(firstPauseMs * 2 ** pauses, longestPauseMs) * (1 + random.number() / 3));

/** Shortens the URL in a message to its host. The port's messages begin with method and URL. */
const withHostOnly = (message: string): string => message.replace(/^[A-Z]+ \w+:\/\/([^/\s]+)\S*: /, '$1: ');

/** Returns the object in a field, or the response's body itself. */
export function readFields(value: unknown, name: string): Fields {
  if (isFields(value)) return value;
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

export function readString(fields: Fields, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new UnreadableAnswer(`${name} is missing in its answer`);
}

/**
 * Returns a list of objects. A missing list is an error, because it must never be taken for an empty one.
 *
 * @param texts the text fields that each object must have
 */
export function readList(value: unknown, name: string, ...texts: readonly string[]): readonly Fields[] {
  if (!Array.isArray(value) || !value.every(isFields)) throw new UnreadableAnswer(`${name} is missing in its answer`);
  for (const one of value) for (const text of texts) readString(one, text);
  return value;
}
