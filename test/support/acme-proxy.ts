import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as requestHttp } from 'node:http';
import { createServer, Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import { setTimeout as wait } from 'node:timers/promises';
import { type AcmeKind, createKindMap } from './acme-kind.ts';
import { localHttps } from './https.ts';
import { atEnd } from './service.ts';

export type { AcmeKind } from './acme-kind.ts';

/**
 * An HTTPS reverse proxy in front of any ACME server: it counts what the CA accepted, and spoils answers by rule.
 *
 * The client's Host header is passed on unchanged. Pebble and the simulated CA build every URL from it and compare
 * the signed `url` with it, so no body needs rewriting and the client never meets the CA's own address.
 */
export interface AcmeProxy {
  readonly directoryUrl: string;
  readonly caFile: string;
  readonly url: string;
  /** Every request, in order of arrival. */
  readonly requests: readonly ProxyRecord[];
  /** How many requests of this kind the CA itself answered with 2xx, whatever the client got to see. */
  accepted(kind: AcmeKind): number;
  /** How many reached the proxy, forwarded or not. */
  seen(kind: AcmeKind): number;
  /** Adds a rule; of several that match the first one acts. */
  fault(rule: FaultRule): Fault;
  /** Takes all rules away. */
  clear(): void;
  /** Forgets the records; the rules stay. */
  forget(): void;
  stop(): Promise<void>;
}

export interface ProxyRecord {
  readonly kind: AcmeKind;
  readonly method: string;
  readonly path: string;
  /** The decoded JWS payload; undefined for GET, HEAD and POST-as-GET. */
  readonly payload: unknown;
  /** What the CA said; undefined where it was not asked or has not answered yet. */
  status: number | undefined;
  /** The problem type of the CA's answer, without the `urn:ietf:params:acme:error:` part. */
  problem: string | undefined;
  /** The fault that acted on it. */
  fault: Spoil['type'] | undefined;
}

export interface FaultRule {
  readonly on: AcmeKind | readonly AcmeKind[] | 'any';
  /** Only requests with this method, where one path has several (GET and HEAD of newNonce). */
  readonly method?: string;
  /** The n-th matching request after the rule was set, from 1 (the default). */
  readonly occurrence?: number;
  /** How many from there on; default 1, Infinity for all. */
  readonly times?: number;
  readonly what: Spoil;
}

export type Spoil =
  /** Answered by the proxy; the CA is not asked. */
  | {
      readonly type: 'status';
      readonly status: number;
      /** Seconds, or a date for the HTTP-date form. */
      readonly retryAfter?: number | Date;
      /** Default: a problem document. */
      readonly body?: 'problem' | 'html' | 'empty';
      /** After `urn:ietf:params:acme:error:`; default rateLimited for 429, else serverInternal. */
      readonly problem?: string;
      readonly detail?: string;
    }
  /** The connection is cut; the CA is not asked. */
  | { readonly type: 'cut-before' }
  /** The CA does what was asked, and the answer is lost. */
  | { readonly type: 'cut-after' }
  /** Half of the body, then cut. */
  | { readonly type: 'cut-in-body' }
  /** No answer at all while the client waits; the CA is not asked. */
  | { readonly type: 'hang' }
  /** The CA's body, one piece of `bytes` (1) each `everyMs` (100). */
  | { readonly type: 'slow'; readonly bytes?: number; readonly everyMs?: number }
  /** A body without an end: spaces, in the CA's content type. */
  | { readonly type: 'endless' }
  | { readonly type: 'content-type'; readonly value: string }
  /** Headers set on the CA's answer; undefined takes one away. */
  | { readonly type: 'headers'; readonly set: Readonly<Record<string, string | undefined>> }
  /** The body changed, as text. */
  | { readonly type: 'rewrite-text'; readonly rewrite: (text: string) => string }
  /** The body changed, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: any JSON of any CA; the test that rewrites it knows its shape.
  | { readonly type: 'rewrite'; readonly rewrite: (json: any) => unknown }
  /** Held until the promise resolves: before the CA is asked, or with its answer in hand. For kills and stops. */
  | { readonly type: 'hold'; readonly when: 'before' | 'after'; readonly until: Promise<unknown> };

export interface Fault {
  /** How often it acted. */
  readonly hits: number;
  remove(): void;
}

export interface AcmeProxyOptions {
  /** The CA behind. */
  readonly directoryUrl: string;
  /** The root of its HTTPS. */
  readonly caFile?: string;
  /** Default: any free one. */
  readonly port?: number;
}

interface Upstream {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

export async function startAcmeProxy(options: AcmeProxyOptions): Promise<AcmeProxy> {
  const upstream = new URL(options.directoryUrl);
  const https = await localHttps();
  const kinds = createKindMap(upstream.pathname);
  const requests: ProxyRecord[] = [];
  const rules: ActiveRule[] = [];
  const agent = new HttpsAgent({ keepAlive: true, ...(options.caFile ? { ca: readFileSync(options.caFile) } : {}) });

  const forward = (request: IncomingMessage, body: Buffer): Promise<Upstream> =>
    new Promise((answer, reject) => {
      const secure = upstream.protocol === 'https:';
      const outgoing = (secure ? requestHttps : requestHttp)(
        {
          host: upstream.hostname,
          port: upstream.port,
          method: request.method ?? 'GET',
          path: request.url ?? '/',
          // Host included.
          headers: Object.fromEntries(Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name))),
          ...(secure ? { agent, servername: isIP(upstream.hostname) ? '' : upstream.hostname } : {}),
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('error', reject);
          response.on('end', () =>
            answer({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) }),
          );
        },
      );
      outgoing.on('error', reject);
      outgoing.end(body.length > 0 ? body : undefined);
    });

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const path = request.url ?? '/';
    const kind = kinds.kindOf(path);
    const method = request.method ?? 'GET';
    const record: ProxyRecord = {
      kind,
      method,
      path,
      payload: payloadOf(body),
      status: undefined,
      problem: undefined,
      fault: undefined,
    };
    requests.push(record);
    const spoil = choose(rules, kind, method);
    record.fault = spoil?.type;
    if (spoil?.type === 'status') return refuse(response, spoil);
    if (spoil?.type === 'cut-before') return void request.socket.destroy();
    if (spoil?.type === 'hang') return;
    if (spoil?.type === 'hold' && spoil.when === 'before') {
      await spoil.until;
      if (request.socket.destroyed) return; // killed meanwhile: its request was never sent, as far as the CA knows
    }

    const answer = await forward(request, body);
    record.status = answer.status;
    const json = jsonOf(answer);
    record.problem = answer.status >= 400 ? problemOf(json) : undefined;
    kinds.learn(kind, json, headerOf(answer, 'location'));
    if (spoil?.type === 'hold' && spoil.when === 'after') await spoil.until;
    if (spoil?.type === 'cut-after') return void request.socket.destroy();
    await deliver(response, answer, spoil, method);
  };

  const server = createServer(
    { cert: readFileSync(https.certFile), key: readFileSync(https.keyFile) },
    (request, response) => {
      serve(request, response).catch((error: NodeJS.ErrnoException) => {
        // A CA that is gone is a cut connection to the client; anything without a system code is a bug of this rig.
        if (error.code === undefined) process.stderr.write(`acme proxy: ${error.stack}\n`);
        request.socket.destroy();
      });
    },
  );
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', listening);
  });
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    forget();
    agent.destroy();
    server.closeAllConnections();
    await new Promise<void>((closed) => void server.close(() => closed()));
  };
  const forget = atEnd(() => stop());

  return {
    directoryUrl: url + upstream.pathname,
    caFile: https.caFile,
    url,
    requests,
    accepted: (kind) => requests.filter((r) => r.kind === kind && isSuccess(r.status)).length,
    seen: (kind) => requests.filter((r) => r.kind === kind).length,
    fault(rule) {
      const active: ActiveRule = { rule, matched: 0, hits: 0 };
      rules.push(active);
      return {
        get hits() {
          return active.hits;
        },
        remove: () => void (rules.includes(active) && rules.splice(rules.indexOf(active), 1)),
      };
    },
    clear: () => void rules.splice(0),
    forget: () => void requests.splice(0),
    stop,
  };
}

// ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────

interface ActiveRule {
  readonly rule: FaultRule;
  matched: number;
  hits: number;
}

/** The fault for this request. Every matching rule counts it, so that occurrences do not depend on other rules. */
function choose(rules: readonly ActiveRule[], kind: AcmeKind, method: string): Spoil | undefined {
  let chosen: Spoil | undefined;
  for (const active of rules) {
    const { on, occurrence = 1, times = 1, what } = active.rule;
    if (on !== 'any' && !(Array.isArray(on) ? on : [on]).includes(kind)) continue;
    if (active.rule.method !== undefined && active.rule.method !== method) continue;
    active.matched += 1;
    if (chosen !== undefined || active.matched < occurrence || active.matched >= occurrence + times) continue;
    active.hits += 1;
    chosen = what;
  }
  return chosen;
}

function refuse(response: ServerResponse, spoil: Extract<Spoil, { type: 'status' }>): void {
  const { status, retryAfter, body = 'problem' } = spoil;
  const headers: Record<string, string> = {};
  if (retryAfter !== undefined)
    headers['retry-after'] = typeof retryAfter === 'number' ? String(retryAfter) : retryAfter.toUTCString();
  if (body === 'html') {
    response.writeHead(status, { ...headers, 'content-type': 'text/html' });
    response.end(`<html><body><h1>${status} Service Temporarily Unavailable</h1></body></html>`);
  } else if (body === 'empty') {
    response.writeHead(status, { ...headers, 'content-length': '0' }).end();
  } else {
    const type = spoil.problem ?? (status === 429 ? 'rateLimited' : 'serverInternal');
    response.writeHead(status, { ...headers, 'content-type': 'application/problem+json' });
    const detail = spoil.detail ?? `the fault proxy says ${status}`;
    response.end(JSON.stringify({ type: `urn:ietf:params:acme:error:${type}`, detail, status }));
  }
}

// ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────

// Headers about one connection or one length (RFC 9110 §7.6.1), which are ours to say.
const ownHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

async function deliver(response: ServerResponse, answer: Upstream, spoil: Spoil | undefined, method: string) {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    if (value !== undefined && !ownHeaders.has(name)) headers[name] = value;
  }
  let body = answer.body;
  if (spoil?.type === 'content-type') headers['content-type'] = spoil.value;
  if (spoil?.type === 'headers') {
    for (const [name, value] of Object.entries(spoil.set)) {
      if (value === undefined) delete headers[name];
      else headers[name] = value;
    }
  }
  if (spoil?.type === 'rewrite') body = Buffer.from(JSON.stringify(spoil.rewrite(JSON.parse(body.toString('utf8')))));
  if (spoil?.type === 'rewrite-text') body = Buffer.from(spoil.rewrite(body.toString('utf8')));

  if (spoil?.type === 'endless') {
    response.writeHead(answer.status, headers);
    const spaces = Buffer.alloc(16_384, ' ');
    while (!response.destroyed) {
      if (!response.write(spaces)) await drained(response);
    }
  } else if (spoil?.type === 'slow') {
    response.writeHead(answer.status, { ...headers, 'content-length': String(body.length) });
    const step = spoil.bytes ?? 1;
    for (let at = 0; at < body.length && !response.destroyed; at += step) {
      response.write(body.subarray(at, at + step));
      await wait(spoil.everyMs ?? 100);
    }
    response.end();
  } else if (spoil?.type === 'cut-in-body') {
    response.writeHead(answer.status, { ...headers, 'content-length': String(body.length) });
    const half = body.subarray(0, Math.floor(body.length / 2));
    response.write(half, () => response.destroy());
  } else if (method === 'HEAD' || answer.status === 204) {
    response.writeHead(answer.status, headers).end();
  } else {
    response.writeHead(answer.status, { ...headers, 'content-length': String(body.length) }).end(body);
  }
}

const drained = (response: ServerResponse): Promise<void> =>
  new Promise((resolve) => {
    const done = () => {
      response.off('drain', done).off('close', done);
      resolve();
    };
    response.on('drain', done).on('close', done);
  });

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const isSuccess = (status: number | undefined): boolean => status !== undefined && status >= 200 && status < 300;

const headerOf = (answer: Upstream, name: string): string | undefined => {
  const value = answer.headers[name];
  return Array.isArray(value) ? value[0] : value;
};

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const jsonOf = (answer: Upstream): unknown =>
  /json/.test(headerOf(answer, 'content-type') ?? '') ? parse(answer.body.toString('utf8')) : undefined;

function problemOf(json: unknown): string | undefined {
  const type = (json as { type?: unknown } | undefined)?.type;
  return typeof type === 'string' ? type.replace('urn:ietf:params:acme:error:', '') : undefined;
}

function payloadOf(body: Buffer): unknown {
  const jws = parse(body.toString('utf8')) as { payload?: unknown } | undefined;
  if (typeof jws?.payload !== 'string' || jws.payload === '') return undefined;
  return parse(Buffer.from(jws.payload, 'base64url').toString('utf8'));
}
