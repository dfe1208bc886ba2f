import { fail } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { Http, HttpRequest, HttpResponse } from '../ports/http.ts';
import type { Random } from '../ports/random.ts';
import { type FakeClock, fakeClock } from '../testing/fake-clock.ts';
import { createIssuer } from './issuer.ts';
import type { RequestPace } from './request-pace.ts';

// A CA whose responses the test writes, for the unit tests in this folder. No product code imports this.

export interface Signed {
  readonly header: { readonly alg: string; readonly nonce: string; readonly url: string; readonly kid?: string };
  /** The payload as text; empty for a POST-as-GET. */
  readonly payload: string;
}

export interface Reply {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** An object becomes JSON. */
  readonly body?: unknown;
}

/** `lost`: the request arrives, but its response is lost. */
export type Handler = (request: HttpRequest, signed: Signed | undefined) => Reply | 'lost' | Promise<Reply | 'lost'>;

export const base = 'https://ca.test';

export const directoryBody = {
  newNonce: `${base}/nonce`,
  newAccount: `${base}/new-account`,
  newOrder: `${base}/new-order`,
  renewalInfo: `${base}/ari`,
  meta: { termsOfService: `${base}/terms` },
};

const encode = (body: unknown): Uint8Array =>
  body instanceof Uint8Array ? body : new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body));

export function readSigned(request: HttpRequest): Signed | undefined {
  if (typeof request.body !== 'string') return undefined;
  const jws = JSON.parse(request.body) as { protected: string; payload: string };
  const text = (part: string) => Buffer.from(part, 'base64url').toString();
  return { header: JSON.parse(text(jws.protected)) as Signed['header'], payload: text(jws.payload) };
}

/** Creates an issuer whose requests go to handlers by path. Directory and newNonce are included. */
export function testCa(
  handlers: Readonly<Record<string, Handler>> = {},
  options: { readonly clock?: FakeClock; readonly pace?: RequestPace } = {},
) {
  const clock = options.clock ?? fakeClock(undefined, { auto: true });
  const requests: HttpRequest[] = [];
  let nonces = 0;
  const all: Record<string, Handler> = {
    '/directory': () => ({ body: directoryBody, headers: { date: clock.now().toUTCString() } }),
    '/nonce': () => ({ status: 200 }),
    ...handlers,
  };
  const http: Http = {
    async request(request): Promise<HttpResponse> {
      request.signal.throwIfAborted();
      requests.push(request);
      const path = new URL(request.url).pathname;
      const handler = all[path] ?? all[`${path.slice(0, path.lastIndexOf('/'))}/*`];
      const reply = handler
        ? await handler(request, readSigned(request))
        : { status: 404, body: problem('malformed', 404) };
      request.signal.throwIfAborted();
      if (reply === 'lost') throw fail('network/failed', { method: request.method, url: request.url, reason: 'cut' });
      const body = encode(reply.body ?? '');
      if (body.length > (request.maxBytes ?? Number.POSITIVE_INFINITY))
        throw fail('network/too-large', { method: request.method, url: request.url, limit: request.maxBytes! });
      const isProblem = (reply.status ?? 200) >= 400;
      const isObject = typeof reply.body === 'object' && !(reply.body instanceof Uint8Array);
      const nonce = request.method === 'GET' ? {} : { 'replay-nonce': `n${++nonces}` };
      const type = isObject ? { 'content-type': `application/${isProblem ? 'problem+' : ''}json` } : {};
      return { status: reply.status ?? 200, headers: { ...nonce, ...type, ...reply.headers }, body };
    },
    close: async () => {},
  };
  const random: Random = { bytes: (length) => new Uint8Array(length), number: () => 0 };
  const lines: string[] = [];
  const note = (line: string) => void lines.push(line);
  const issuer = createIssuer({
    name: 'Test CA',
    directoryUrl: `${base}/directory`,
    http,
    clock,
    random,
    userAgent: 'certfleet/0 (test)',
    log: { debug: note, info: note, warn: note },
    ...present({ pace: options.pace }),
  });
  /** Returns how many requests a path received. */
  const count = (path: string, method?: string) =>
    requests.filter((r) => new URL(r.url).pathname === path && (method === undefined || r.method === method)).length;
  return { issuer, requests, clock, count, lines };
}

export const problem = (type: string, status: number, more: object = {}) => ({
  type: `urn:ietf:params:acme:error:${type}`,
  detail: `about ${type}`,
  status,
  ...more,
});

export const orderBody = {
  status: 'pending',
  identifiers: [{ type: 'dns', value: 'example.test' }],
  authorizations: [`${base}/authz/1`],
  finalize: `${base}/finalize/1`,
};
