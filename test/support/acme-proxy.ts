import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as requestHttp } from 'node:http';
import { createServer, Agent as HttpsAgent, request as requestHttps } from 'node:https';
import { type AddressInfo, isIP } from 'node:net';
import {
  type ActiveRule,
  choose,
  deliver,
  type FaultRule,
  ownHeaders,
  refuse,
  type Spoil,
  type Upstream,
} from './acme-fault.ts';
import { type AcmeKind, createKindMap } from './acme-kind.ts';
import { localHttps } from './https.ts';
import { atEnd, until } from './service.ts';

export type { FaultRule, Spoil } from './acme-fault.ts';
export type { AcmeKind } from './acme-kind.ts';

/**
 * An HTTPS reverse proxy in front of any ACME server: counts what the CA accepted, and injects faults by rule.
 *
 * It passes the client's Host header on unchanged. Pebble and the simulated CA build every URL from it and compare the
 * signed `url` with it, so bodies need no rewriting and the client never sees the CA's own address.
 */
export interface AcmeProxy {
  readonly directoryUrl: string;
  readonly caFile: string;
  readonly url: string;
  /** Every request, in order of arrival. */
  readonly requests: readonly ProxyRecord[];
  /** How many requests of this kind the CA itself answered with 2xx, whatever the client received. */
  accepted(kind: AcmeKind): number;
  /** How many reached the proxy, forwarded or not. */
  seen(kind: AcmeKind): number;
  /** Adds a rule; the first matching one acts. */
  fault(rule: FaultRule): Fault;
  /** Removes all rules. */
  clear(): void;
  /** Removes the records; the rules stay. */
  forget(): void;
  stop(): Promise<void>;
}

export interface ProxyRecord {
  readonly kind: AcmeKind;
  readonly method: string;
  readonly path: string;
  /** When it had arrived completely, by `performance.now()` of this process. */
  readonly atMs: number;
  /** The decoded JWS payload; undefined for GET, HEAD and POST-as-GET. */
  readonly payload: unknown;
  /** The CA's status; undefined if it got no request or has not answered yet. */
  status: number | undefined;
  /** The problem type of the CA's answer, without the `urn:ietf:params:acme:error:` part. */
  problem: string | undefined;
  /** The fault that acted on it. */
  fault: Spoil['type'] | undefined;
}

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

/**
 * Kills a program at the moment when it sends this kind of request, which the CA does not get before. A poll for what
 * the program has done until then would miss the moment on a busy machine.
 */
export async function killedAt<T>(
  proxy: AcmeProxy,
  on: AcmeKind,
  run: (killWhen: Promise<unknown>) => Promise<T>,
): Promise<T> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const held = proxy.fault({ on, what: { type: 'hold', when: 'before', until: released } });
  const asked = until(() => held.hits > 0, { what: `the CA gets a request of the kind ${on}` });
  // If the run ends without one, nobody waits for it any longer.
  asked.catch(() => undefined);
  try {
    return await run(asked);
  } finally {
    release();
    held.remove();
  }
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
      atMs: performance.now(),
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
      if (request.socket.destroyed) return; // the client was killed meanwhile; the CA never sees its request
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
        // If the CA is gone, the client's connection is cut; an error without a system code is a bug of this proxy.
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

// ── reading ──

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
