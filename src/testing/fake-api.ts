import { onAbort } from '../core/async/on-abort.ts';
import { fail } from '../core/errors/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Http, HttpRequest, HttpResponse } from '../ports/http.ts';

/** A request as a fake sees it. */
export interface FakeRequest {
  readonly method: string;
  readonly url: URL;
  /** The values of `:name` in the route. */
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly text: string;
  /** Returns the body as JSON. Throws if it is invalid, which the fake answers with a 400. */
  json(): unknown;
  /** Returns the body as a form. */
  form(): URLSearchParams;
}

/** A body that is neither text nor bytes is sent as JSON. */
export interface FakeAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

type Handler = (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;

/** A way in which a call fails. */
export type Fault =
  /** Sends this response instead of doing anything. */
  | (FakeAnswer & { readonly kind: 'status' })
  /** Sends the page of a proxy, by default with status 502. */
  | { readonly kind: 'html'; readonly status?: number }
  /** Sends a 429, with a Retry-After if `retryAfter` is given. */
  | { readonly kind: 'limited'; readonly retryAfter?: number | string }
  /** Carries out the call, and loses its response. */
  | { readonly kind: 'lost' }
  /** Refuses the connection, so nothing is done. */
  | { readonly kind: 'unreachable' }
  /** Carries out the call after a while. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Carries out the call, and replaces its response. */
  | { readonly kind: 'changed'; readonly change: (answer: FakeAnswer, request: FakeRequest) => FakeAnswer }
  /** Does nothing, and sends no response until the client stops. */
  | { readonly kind: 'hang' }
  /**
   * Repeats everything that it received, in a 400 or in the service's own form. Errors and log lines must not show the
   * secrets in it.
   */
  | {
      readonly kind: 'echo';
      readonly status?: number;
      readonly answer?: (said: string) => FakeAnswer;
      /** Repeats only a part of the request, since a long error is cut. */
      readonly part?: 'url' | 'headers' | 'body';
    };

export interface FaultScope {
  /** How many calls the fault affects; by default, 1. */
  readonly times?: number;
  /** Selects the affected calls; by default, all. */
  readonly on?: (request: FakeRequest) => boolean;
}

export interface FakeCall {
  readonly method: string;
  readonly path: string;
  /** The name from `nameOf`, if given, or else method and path. */
  readonly name: string;
  /** The status, or what happened instead. */
  readonly result: number | 'lost' | 'unreachable' | 'aborted';
  readonly atMs: number;
  readonly request: FakeRequest;
}

export interface FakeApiOptions {
  readonly clock: Clock;
  /**
   * Handlers by method and path, where `:name` is any segment and a final `*` anything: `GET /v1/domains/:domain`. The
   * path is preceded by an origin if it is not the first one: `POST https://login.example.com/token`.
   */
  readonly routes: Readonly<Record<string, Handler>>;
  /** The origin or origins that the fake serves: `https://api.example.com`. */
  readonly origin: string | readonly string[];
  /** Checks signature or token before anything else. A returned response is a refusal. */
  readonly authorize?: (request: FakeRequest) => FakeAnswer | undefined;
  /** Returns the name of a call in the log, for APIs whose actions share one path. */
  readonly nameOf?: (request: FakeRequest) => string;
}

/**
 * The base of a strict, stateful fake of an HTTP API. It runs in this process, and a client reaches it through `http`.
 */
export interface FakeApi {
  readonly http: Http;
  /** Answers one request, as `http` does, for a real server in front of the fake. Rejects if there is no response. */
  handle(request: Omit<HttpRequest, 'signal'> & { readonly signal?: AbortSignal }): Promise<HttpResponse>;
  /** Makes the next calls fail. Faults that affect the same call apply in the order in which they were added. */
  fault(fault: Fault, scope?: FaultScope): void;
  readonly calls: readonly FakeCall[];
  /** Returns how many calls with a name there were, or how many in total. */
  count(name?: string): number;
  /** The largest number of calls in progress at the same time. */
  readonly mostAtOnce: number;
  /** Requests that matched no route. A test checks that there are none, because a lenient fake proves nothing. */
  readonly unknown: readonly string[];
}

interface Scripted {
  readonly fault: Fault;
  readonly on: (request: FakeRequest) => boolean;
  left: number;
}

export function createFakeApi(options: FakeApiOptions): FakeApi {
  const { clock, origin, authorize, nameOf } = options;
  const origins = [origin].flat();
  const routes = Object.entries(options.routes).map(([key, handler]) => ({ ...compiled(key, origins[0]!), handler }));
  const scripted: Scripted[] = [];
  const calls: FakeCall[] = [];
  const unknown: string[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;

  const respond = async (request: FakeRequest): Promise<FakeAnswer> => {
    const refused = authorize?.(request);
    if (refused) return refused;
    const at = `${request.url.origin}${request.url.pathname}`;
    for (const { method, pattern, names, handler } of routes) {
      const found = method === request.method ? pattern.exec(at) : null;
      if (!found) continue;
      const params = Object.fromEntries(names.map((name, index) => [name, decodeURIComponent(found[index + 1] ?? '')]));
      try {
        return await handler({ ...request, params });
      } catch (error) {
        if (error instanceof BadBody) return { status: 400, body: { error: 'the body is not JSON' } };
        throw error;
      }
    }
    unknown.push(`${request.method} ${request.url.pathname}`);
    return { status: 404, body: { error: 'no such route' } };
  };

  const faultOf = (request: FakeRequest): Fault | undefined => {
    const found = scripted.find((one) => one.left > 0 && one.on(request));
    if (found) found.left -= 1;
    return found?.fault;
  };

  const handle: FakeApi['handle'] = async (sent) => {
    sent.signal?.throwIfAborted();
    const request = toFakeRequest(sent);
    const log = (result: FakeCall['result']) => {
      const { method, url } = request;
      const name = nameOf?.(request) ?? `${method} ${url.pathname}`;
      calls.push({ method, path: url.pathname, name, result, atMs: clock.monotonicMs(), request });
    };
    const refuse = (code: string): Error => {
      const about = { method: sent.method, url: `${request.url.origin}${request.url.pathname}` };
      const cause = Object.assign(new Error(code), { code });
      const reason = code === 'ECONNREFUSED' ? 'connection refused' : 'the connection was closed';
      return fail('network/failed', { ...about, reason }, { cause });
    };
    if (!origins.includes(request.url.origin)) throw refuse('ECONNREFUSED');
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    try {
      // Waits for one turn of the event loop, so that calls overlap as they do over a network.
      await new Promise<void>((resolve) => setImmediate(resolve));
      sent.signal?.throwIfAborted();
      const fault = faultOf(request);
      if (fault?.kind === 'unreachable') {
        log('unreachable');
        throw refuse('ECONNREFUSED');
      }
      if (fault?.kind === 'hang') await forever(sent.signal);
      if (fault?.kind === 'delay') await clock.sleep(fault.ms, sent.signal ?? new AbortController().signal);
      const done = faultAnswer(fault, request) ?? (await respond(request));
      const answer = fault?.kind === 'changed' ? fault.change(done, request) : done;
      if (fault?.kind === 'lost') {
        log('lost');
        throw refuse('ECONNRESET');
      }
      log(answer.status);
      return toResponse(answer, clock.now());
    } catch (error) {
      if (sent.signal?.aborted) log('aborted');
      throw error;
    } finally {
      atOnce -= 1;
    }
  };

  return {
    http: { request: handle, close: async () => {} },
    handle,
    fault(fault, { times = 1, on = () => true } = {}) {
      scripted.push({ fault, on, left: times });
    },
    calls,
    count: (name) => (name === undefined ? calls.length : calls.filter((call) => call.name === name).length),
    get mostAtOnce() {
      return mostAtOnce;
    },
    unknown,
  };
}

function faultAnswer(fault: Fault | undefined, request: FakeRequest): FakeAnswer | undefined {
  if (fault?.kind === 'status') return fault;
  if (fault?.kind === 'html') {
    const headers = { 'content-type': 'text/html' };
    return { status: fault.status ?? 502, headers, body: '<html><body><h1>Bad Gateway</h1></body></html>' };
  }
  if (fault?.kind === 'limited') {
    const headers = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) };
    return { status: 429, headers, body: { error: 'too many requests' } };
  }
  if (fault?.kind === 'echo') {
    const { url, headers, text } = request;
    const parts = { url: url.href, headers: JSON.stringify(headers), body: text };
    const said = fault.part === undefined ? Object.values(parts).join(' ') : parts[fault.part];
    if (fault.answer) return fault.answer(said);
    return { status: fault.status ?? 400, body: { code: 'Echo', Code: 'Echo', message: said, Message: said } };
  }
  return undefined;
}

class BadBody extends Error {}

function toFakeRequest({ method, url, headers = {}, body = '' }: Omit<HttpRequest, 'signal'>): FakeRequest {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  const text = new TextDecoder().decode(bytes);
  const parsed = new URL(url);
  return {
    method,
    url: parsed,
    params: {},
    headers: {
      host: parsed.host,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    },
    body: bytes,
    text,
    json() {
      try {
        return JSON.parse(text);
      } catch {
        throw new BadBody();
      }
    },
    form: () => new URLSearchParams(text),
  };
}

function toResponse({ status, headers = {}, body }: FakeAnswer, now: Date): HttpResponse {
  if (body instanceof Uint8Array) return { status, headers: { date: now.toUTCString(), ...headers }, body };
  const text = body === undefined ? '' : typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' || body === undefined ? {} : { 'content-type': 'application/json' };
  return { status, headers: { date: now.toUTCString(), ...type, ...headers }, body: new TextEncoder().encode(text) };
}

interface Route {
  readonly method: string;
  readonly pattern: { exec(at: string): readonly string[] | null };
  readonly names: readonly string[];
}

/** The routes of all fakes so far: some have a hundred, and many tests make the same fake. */
const known = new Map<string, Route>();

/** Converts `GET /v1/domains/:domain` to a pattern. */
function compiled(key: string, origin: string): Route {
  const id = `${origin} ${key}`;
  const found = known.get(id) ?? compile(key, origin);
  known.set(id, found);
  return found;
}

function compile(key: string, origin: string): Route {
  const [method = '', path = ''] = key.split(' ');
  const names: string[] = [];
  const whole = path.startsWith('/') ? `${origin}${path}` : path;
  if (!/\/:\w|\*$/.test(whole)) return { method, names, pattern: { exec: (at) => (at === whole ? [at] : null) } };
  const pattern = whole
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\/:(\w+)/g, (_part, name: string) => {
      names.push(name);
      return '/([^/]+)';
    })
    .replace(/\*$/, '.*');
  return { method, pattern: new RegExp(`^${pattern}$`), names };
}

const forever = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal) onAbort(signal, () => reject(signal.reason));
  });
