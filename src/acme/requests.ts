import { shortType } from '../core/ca/problem-advice.ts';
import { type CertfleetError, fail, isFailure, reasonOf } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { Http, HttpRequest } from '../ports/http.ts';
import type { Log } from '../ports/log.ts';
import type { Random } from '../ports/random.ts';
import { type Answer, MalformedAnswer, toAnswer } from './answer.ts';
import type { Signer } from './jws.ts';
import { createNonces } from './nonces.ts';
import { problemOf } from './problem.ts';
import { refusal } from './problem-verdict.ts';
import type { RequestPace } from './request-pace.ts';

/** How many times to sign a request again after badNonce. Tests refuse 50 % of nonces, so this fails once in 2^25. */
const mostBadNonces = 25;
/**
 * More than this many in a row are not a coincidence, so each further attempt is preceded by a pause of this length.
 */
const badNonces = { atOnce: 5, pauseMs: 250 };
/** Pauses before a read-only request is repeated, in ms, plus a random part of up to the same length. */
const pausesMs = [250, 1_000] as const;
/**
 * How long a failed newNonce counts for other requests that wait for a nonce. If each of hundreds had to discover by
 * itself that the CA is down, a run would go on for an hour.
 */
const noNonceMs = 1_000;
/** After this many consecutive exchanges without a response, the CA itself is in doubt, not just one order. */
const silentExchanges = 3;
/** Far more than an order of 100 identifiers, which has 30 KiB. */
const objectBytes = 256 * 1024;

/** The subject of a request, for messages. */
export interface AskedFor {
  /** The subject in a sentence: `the new order`, in `LE refused the new order`. */
  readonly what: string;
  /** Returns advice on a problem of this type, if more is known than the type. */
  readonly adviseOn?: (type: string) => string;
}

/** A request's subject and options. */
export interface Ask extends AskedFor {
  readonly signal: AbortSignal;
  /** The largest response in bytes; by default, 256 KiB. */
  readonly maxBytes?: number;
  /** Returns a more specific error for an unsuccessful response, if there is one. */
  readonly refusal?: (answer: Answer) => CertfleetError | undefined;
}

export interface SignedAsk extends Ask {
  readonly signer: Signer;
  /** The account's URL. Without it, the header contains the key itself. */
  readonly kid?: string;
  readonly accept?: string;
}

/** The functions that all objects of a CA share to send requests. Unsuccessful responses become errors. */
export interface Requests {
  /** The CA's configured name, for messages. */
  readonly name: string;
  /** Sends a plain GET, for directory and renewalInfo, which are not signed. */
  get(url: string, ask: Ask): Promise<Answer>;
  /** Sends a POST-as-GET (RFC 8555 §6.3). It only reads, so it is repeated if there was no response. */
  read(url: string, ask: SignedAsk): Promise<Answer>;
  /** Sends a request that changes something, once. After badNonce it is repeated, because nothing was processed. */
  change(url: string, payload: unknown, ask: SignedAsk): Promise<Answer>;
  /**
   * Returns how far this machine's clock was ahead of the CA's at the last response with a Date, and when that was on
   * the monotonic clock and on this machine's. Returns undefined if no response had a Date.
   */
  clockSkew(): { readonly ms: number; readonly atMs: number; readonly wallMs: number } | undefined;
  /** Reports whether the CA did not respond to the last few exchanges of any kind. */
  isSilent(): boolean;
  /** Runs the code that reads a response, and names the request if that fails. */
  parse<T>(ask: Ask, read: () => T): T;
}

export interface RequestsOptions {
  readonly name: string;
  readonly http: Http;
  readonly clock: Clock;
  readonly random: Random;
  readonly userAgent: string;
  readonly log: Log;
  readonly pace: RequestPace;
  /** Returns the URL for requesting a nonce if no response has contained one. */
  readonly newNonceUrl: (signal: AbortSignal) => Promise<string>;
}

export function createRequests(options: RequestsOptions): Requests {
  const { name, http, clock, random, log, pace } = options;
  // RFC 8555 §6.1. Messages quote the CA, so its texts should be in English, too.
  const headers = { 'user-agent': options.userAgent, 'accept-language': 'en' };
  let unanswered = 0;
  let skew: ReturnType<Requests['clockSkew']>;

  /** Performs one exchange. Errors of the port become `acme/…`; an abort is passed on. */
  const once = async (request: Omit<HttpRequest, 'signal' | 'maxBytes'>, ask: Ask): Promise<Answer> => {
    const { signal, what, maxBytes = objectBytes } = ask;
    const turn = pace(request.url, signal);
    if (turn) await turn;
    try {
      const response = await http.request({
        ...request,
        headers: { ...headers, ...request.headers },
        signal,
        maxBytes,
      });
      unanswered = 0;
      const answer = toAnswer(request.url, response, clock.now());
      const wallMs = answer.receivedAt.getTime();
      if (answer.sentAt) skew = { ms: wallMs - answer.sentAt.getTime(), atMs: clock.monotonicMs(), wallMs };
      return answer;
    } catch (error) {
      if (isFailure(error, 'network/too-large'))
        throw fail('acme/malformed-answer', { issuer: name, what, reason: `it is larger than ${maxBytes} bytes` });
      if (!isFailure(error, 'network/failed')) throw error;
      unanswered += 1;
      throw fail('acme/unreachable', { issuer: name, what, reason: reasonOf(error) }, { cause: error });
    }
  };

  /** Repeats a read-only request up to twice, after a missing response or a 5xx without Retry-After. */
  const patiently = async (ask: Ask, send: () => Promise<Answer>): Promise<Answer> => {
    for (let tries = 0; ; tries++) {
      const pauseMs = pausesMs[tries];
      let trouble: string;
      try {
        const answer = await send();
        if (answer.status < 500 || answer.retryAfterMs !== undefined || pauseMs === undefined) return answer;
        trouble = `HTTP ${answer.status}`;
      } catch (error) {
        if (!isFailure(error, 'acme/unreachable') || pauseMs === undefined) throw error;
        trouble = reasonOf(error.cause);
      }
      log.debug(`${name}: ${ask.what}: ${trouble}; asking again`);
      await clock.sleep(pauseMs * (1 + random.number()), ask.signal);
    }
  };

  const succeeded = (answer: Answer, ask: Ask): Answer => {
    if (answer.status >= 200 && answer.status < 300) return answer;
    throw ask.refusal?.(answer) ?? refusal(answer, name, ask);
  };

  const fetchNonce = async (signal: AbortSignal): Promise<string> => {
    const ask = { what: 'the request for a nonce', signal };
    const url = await options.newNonceUrl(signal);
    const answer = succeeded(await patiently(ask, () => once({ method: 'HEAD', url }, ask)), ask);
    const nonce = answer.headers['replay-nonce'];
    if (nonce !== undefined && /^[A-Za-z0-9_-]+$/.test(nonce)) return nonce;
    throw malformed(name, ask.what, 'it contains no nonce');
  };
  let noNonce: { readonly error: unknown; readonly atMs: number } | undefined;
  const nonces = createNonces(async (signal) => {
    if (noNonce && clock.monotonicMs() - noNonce.atMs < noNonceMs) throw noNonce.error;
    try {
      return await fetchNonce(signal);
    } catch (error) {
      if (!signal.aborted) noNonce = { error, atMs: clock.monotonicMs() };
      throw error;
    }
  });

  /** Signs and sends a request, and repeats it with the error's nonce after badNonce. */
  const post = async (url: string, payload: string, ask: SignedAsk): Promise<Answer> => {
    const request = {
      method: 'POST' as const,
      url,
      headers: {
        'content-type': 'application/jose+json',
        ...present({ accept: ask.accept }),
      },
    };
    let nonce = await nonces.take(ask.signal);
    for (let refused = 0; ; refused++) {
      const kid = ask.kid === undefined ? {} : { kid: ask.kid };
      const answer = await once({ ...request, body: ask.signer.sign({ nonce, url, ...kid }, payload) }, ask);
      const fresh = answer.headers['replay-nonce'];
      if (refused >= mostBadNonces || !isBadNonce(answer)) {
        nonces.give(fresh);
        return answer;
      }
      log.debug(`${name}: ${ask.what}: nonce refused, signing again`);
      if (refused >= badNonces.atOnce) await clock.sleep(badNonces.pauseMs, ask.signal);
      nonce = fresh ?? (await nonces.take(ask.signal));
    }
  };

  return {
    name,
    get: async (url, ask) => succeeded(await patiently(ask, () => once({ method: 'GET', url }, ask)), ask),
    read: async (url, ask) => succeeded(await patiently(ask, () => post(url, '', ask)), ask),
    change: async (url, payload, ask) => succeeded(await post(url, JSON.stringify(payload), ask), ask),
    clockSkew: () => skew,
    isSilent: () => unanswered >= silentExchanges,
    parse(ask, read) {
      try {
        return read();
      } catch (error) {
        throw error instanceof MalformedAnswer ? malformed(name, ask.what, error.message) : error;
      }
    },
  };
}

const malformed = (issuer: string, what: string, reason: string): CertfleetError =>
  fail('acme/malformed-answer', { issuer, what, reason });

const isBadNonce = (answer: Answer): boolean =>
  answer.status >= 400 && shortType(problemOf(answer)?.type ?? '') === 'badNonce';
