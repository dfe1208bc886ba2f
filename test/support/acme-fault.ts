import type { ServerResponse } from 'node:http';
import { setTimeout as wait } from 'node:timers/promises';
import type { AcmeKind } from './acme-kind.ts';

// The faults that the proxy can inject, and how it chooses a rule.

export interface FaultRule {
  readonly on: AcmeKind | readonly AcmeKind[] | 'any';
  /** Only requests with this method, for paths with several (GET and HEAD of newNonce). */
  readonly method?: string;
  /** The n-th matching request after the rule was set, from 1 (the default). */
  readonly occurrence?: number;
  /** How many requests from there on; default 1, Infinity for all. */
  readonly times?: number;
  readonly what: Spoil;
}

export type Spoil =
  /** The proxy answers, and the CA gets no request. */
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
  /** The connection is cut, and the CA gets no request. */
  | { readonly type: 'cut-before' }
  /** The CA carries out the request, but the answer is lost. */
  | { readonly type: 'cut-after' }
  /** Half of the body, then cut. */
  | { readonly type: 'cut-in-body' }
  /** No answer while the client waits; the CA gets no request. */
  | { readonly type: 'hang' }
  /** The CA's body in pieces of `bytes` (1), one each `everyMs` (100). */
  | { readonly type: 'slow'; readonly bytes?: number; readonly everyMs?: number }
  /** An endless body: spaces, with the CA's content type. */
  | { readonly type: 'endless' }
  | { readonly type: 'content-type'; readonly value: string }
  /** Headers set on the CA's answer; undefined removes one. */
  | { readonly type: 'headers'; readonly set: Readonly<Record<string, string | undefined>> }
  /** The body changed, as text. */
  | { readonly type: 'rewrite-text'; readonly rewrite: (text: string) => string }
  /** The body changed, as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: any JSON of any CA; the test that rewrites it knows its shape.
  | { readonly type: 'rewrite'; readonly rewrite: (json: any) => unknown }
  /** Held until the promise resolves, before the request reaches the CA or before its answer goes on. */
  | { readonly type: 'hold'; readonly when: 'before' | 'after'; readonly until: Promise<unknown> };

/** The CA's answer, whole. */
export interface Upstream {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Buffer;
}

// ── which rule ────────────────────────────────────────────────────────────────────────────────────────────────────────

export interface ActiveRule {
  readonly rule: FaultRule;
  matched: number;
  hits: number;
}

/** The fault for this request. Every matching rule counts it, so that occurrences do not depend on other rules. */
export function choose(rules: readonly ActiveRule[], kind: AcmeKind, method: string): Spoil | undefined {
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

export function refuse(response: ServerResponse, spoil: Extract<Spoil, { type: 'status' }>): void {
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

// Headers about one connection or the length (RFC 9110 §7.6.1), which the proxy sets itself.
export const ownHeaders = new Set(['connection', 'keep-alive', 'transfer-encoding', 'content-length']);

export async function deliver(response: ServerResponse, answer: Upstream, spoil: Spoil | undefined, method: string) {
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
