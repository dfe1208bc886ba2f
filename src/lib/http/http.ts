import http from 'node:http';
import https from 'node:https';
import tls from 'node:tls';
import { fail, reasonOf } from '../../core/errors/errors.ts';
import type { Clock, Deadline } from '../../ports/clock.ts';
import type { Http, HttpRequest, HttpResponse } from '../../ports/http.ts';
import type { HttpOptions } from '../../ports/world.ts';
import { abortable } from '../abortable.ts';
import { systemClock } from '../clock.ts';
import { joined, TooLarge } from './answer.ts';
import { trustAlso, trustOnly } from './ca-file.ts';
import { type ProxyEnvironment, proxyFor } from './proxy.ts';
import { speakable } from './urls.ts';

// node:https instead of undici: a cold client that gets one certificate takes 0.14 s and 50 MB instead of 0.24 s and 98
// MB. The first request through a proxy, which node:https does not support, loads undici (decision 0006).

/** How long a connection may be idle: less than the 5 s after which Node's own servers close idle connections. */
const idleMs = 4_000;
/** How long to try one address before the next. Node's 250 ms are too short over a satellite link or a VPN. */
const addressMs = 1_000;
const defaultTimeoutMs = 30_000;
const defaultMaxBytes = 1024 * 1024;
/** Enough for many orders at once, and far below what a CA's load balancer accepts from one client. */
const defaultConnections = 16;
/** How many stale idle connections one GET may encounter before it fails. */
const staleTries = 3;

export interface HttpClientOptions extends HttpOptions {
  /** The environment with HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly env: ProxyEnvironment;
  /** Sent unless the request has its own User-Agent. */
  readonly userAgent?: string;
}

/**
 * Creates the HTTP client behind the port. Opens and reads nothing before the first request.
 *
 * A server may close an idle connection just as a request is sent on it, so that it is unknown whether the request
 * arrived. GET and HEAD are sent again on another connection. Others fail with `network/failed`, because a POST must
 * never be repeated silently. Closing idle connections early makes this rare.
 */
export function createHttp(options: HttpClientOptions, clock: Clock = systemClock): Http {
  const connections = options.connections ?? defaultConnections;
  const agentOptions = {
    keepAlive: true,
    maxSockets: connections,
    maxFreeSockets: connections,
    timeout: idleMs,
    scheduling: 'lifo',
    autoSelectFamilyAttemptTimeout: addressMs,
  } as const;
  const trusted: { server?: tls.SecureContext; proxy?: tls.SecureContext } = {};
  let plainAgent: http.Agent | undefined;
  let tlsAgent: https.Agent | undefined;
  let proxied: Promise<typeof import('./undici.ts')> | undefined;
  const closers = new Map<string, ReturnType<typeof import('./undici.ts').connectProxy>>();

  const trustServer = (): tls.SecureContext | undefined => {
    if (options.caFile === undefined) return undefined;
    trusted.server ??= options.onlyThisCa ? trustOnly(options.caFile) : trustAlso(options.caFile);
    return trusted.server;
  };
  /** Returns the roots to trust for an https proxy. `onlyThisCa` restricts only connections to the CA. */
  const trustProxy = (): tls.SecureContext | undefined => {
    if (options.caFile === undefined || !options.onlyThisCa) return trustServer();
    trusted.proxy ??= trustAlso(options.caFile);
    return trusted.proxy;
  };

  const exchange = (request: HttpRequest, url: URL): Promise<HttpResponse> => {
    const isTls = url.protocol === 'https:';
    const to = request.connectTo;
    const call: https.RequestOptions & Pick<tls.ConnectionOptions, 'secureContext'> = {
      method: request.method,
      headers: headersOf(request, url, options.userAgent),
      host: to?.address ?? bareHost(url),
      port: to?.port ?? url.port,
      path: url.pathname + url.search,
    };
    if (url.username) call.auth = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    if (isTls) {
      const context = trustServer();
      if (context) call.secureContext = context;
      if (to) {
        const name = bareHost(url);
        // An IP address is not a server name (RFC 6066 §3), but the certificate must still match the URL.
        call.servername = isIp(name) ? '' : name;
        call.checkServerIdentity = (_host, certificate) => tls.checkServerIdentity(name, certificate);
      }
      tlsAgent ??= new https.Agent(agentOptions);
    } else plainAgent ??= new http.Agent(agentOptions);
    // A request to one address (`connectTo`) has its own connection, which is not worth keeping.
    call.agent = to ? false : isTls ? tlsAgent : plainAgent;
    return exchangeOver(isTls ? https.request : http.request, call, request, clock);
  };

  const direct = async (request: HttpRequest, url: URL): Promise<HttpResponse> => {
    // After a pause (SIGSTOP, a busy loop), connections that the server has closed still look open. Two turns of the
    // event loop process the end of the stream and its close before a connection is chosen.
    await eventLoopTurn();
    await eventLoopTurn();
    for (let tries = 1; ; tries++) {
      request.signal.throwIfAborted();
      try {
        return await exchange(request, url);
      } catch (error) {
        const readsOnly = request.method === 'GET' || request.method === 'HEAD';
        if (!(error instanceof StaleConnection)) throw error;
        if (!readsOnly || tries > staleTries) throw error.cause;
      }
    }
  };

  const overProxy = async (request: HttpRequest, url: URL, proxy: string) => {
    proxied ??= import('./undici.ts');
    const { connectProxy } = await proxied;
    let client = closers.get(proxy);
    if (!client) {
      const trust = { server: trustServer(), proxy: trustProxy() };
      client = connectProxy(proxy, { connections, connectTimeoutMs: defaultTimeoutMs, trust });
      closers.set(proxy, client);
    }
    const headers = headersOf(request, url, options.userAgent);
    // undici does not report when a request gets its connection, so the wait for one counts, too.
    const deadline = clock.deadline(timeoutOf(request), request.signal);
    try {
      return await client.request(request, url, headers, request.maxBytes ?? defaultMaxBytes, deadline.signal);
    } catch (error) {
      throw deadline.expired ? new TooLate() : error;
    } finally {
      deadline.done();
    }
  };

  return {
    async request(request) {
      request.signal.throwIfAborted();
      let proxy: string | undefined;
      try {
        const url = parse(request.url);
        proxy = request.connectTo ? undefined : proxyFor(url, options.env);
        return await (proxy === undefined ? direct(request, url) : overProxy(request, url, proxy));
      } catch (error) {
        if (request.signal.aborted) throw request.signal.reason;
        const about = { method: request.method, url: speakable(request.url, options.hidesPaths) };
        if (error instanceof TooLate) {
          const reason = `no complete answer within ${timeoutOf(request) / 1000} s`;
          throw fail('network/failed', { ...about, reason: ofProxy(reason, error, proxy) }, { cause: error });
        }
        if (error instanceof TooLarge) {
          throw fail('network/too-large', { ...about, limit: request.maxBytes ?? defaultMaxBytes });
        }
        if ((error as { code?: unknown }).code === 'config/ca-file-unusable') throw error;
        const reason = ofProxy(wordsOf(error, clock.now()), error, proxy);
        throw fail('network/failed', { ...about, reason }, { cause: error });
      }
    },

    async close() {
      plainAgent?.destroy();
      tlsAgent?.destroy();
      await Promise.all([...closers.values()].map((client) => client.close()));
      closers.clear();
    },
  };
}

/** A reused connection broke before the first byte of the response. */
class StaleConnection extends Error {}

/** The time ran out before the last byte. */
class TooLate extends Error {}

const timeoutOf = (request: HttpRequest): number => request.timeoutMs ?? defaultTimeoutMs;

/**
 * Performs one exchange, from connecting to the last byte of the body. The time limit begins once there is a
 * connection, because the server is not to blame for the wait.
 */
function exchangeOver(
  send: typeof https.request,
  call: https.RequestOptions,
  request: HttpRequest,
  clock: Clock,
): Promise<HttpResponse> {
  let deadline: Deadline | undefined;
  const exchanged = abortable<HttpResponse>(request.signal, (resolve, reject) => {
    const limit = request.maxBytes ?? defaultMaxBytes;
    const outgoing = send(call);
    outgoing.on('socket', () => {
      deadline = clock.deadline(timeoutOf(request));
      deadline.signal.addEventListener('abort', () => {
        reject(new TooLate());
        outgoing.destroy();
      });
    });
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      const cut = error.code === 'ECONNRESET' || error.code === 'EPIPE';
      reject(cut && outgoing.reusedSocket ? new StaleConnection('stale', { cause: error }) : error);
    });
    outgoing.on('response', (incoming) => {
      // Node expects the response to a HEAD without a length to end with the connection, and would open a new
      // connection after each nonce.
      if (request.method === 'HEAD' && incoming.httpVersion === '1.1' && !closes(incoming)) {
        outgoing.shouldKeepAlive = true;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      const stop = (error: Error) => {
        reject(error);
        outgoing.destroy();
      };
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > limit) stop(new TooLarge());
        else chunks.push(chunk);
      });
      incoming.on('error', reject);
      incoming.on('end', () => {
        // A truncated body also ends, but is incomplete. Its error may come later or never.
        if (!incoming.complete) return stop(Object.assign(new Error('cut'), { code: 'ECONNRESET' }));
        resolve({
          status: incoming.statusCode ?? 0,
          headers: joined(incoming.headers),
          body: Buffer.concat(chunks, size),
        });
      });
      if (request.method !== 'HEAD' && Number(incoming.headers['content-length']) > limit) stop(new TooLarge());
    });
    outgoing.end(request.body);
    return () => outgoing.destroy();
  });
  return exchanged.finally(() => deadline?.done());
}

const closes = ({ headers }: http.IncomingMessage): boolean => /\bclose\b/i.test(headers.connection ?? '');

const eventLoopTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function headersOf(request: HttpRequest, url: URL, userAgent: string | undefined): Record<string, string> {
  const headers: Record<string, string> = { host: url.host };
  if (userAgent !== undefined) headers['user-agent'] = userAgent;
  for (const [name, value] of Object.entries(request.headers ?? {})) headers[name.toLowerCase()] = value;
  return headers;
}

function parse(url: string): URL {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed?.protocol !== 'https:' && parsed?.protocol !== 'http:') throw new Error('this is not an http(s) URL');
  return parsed;
}

const bareHost = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

const isIp = (host: string): boolean => host.includes(':') || /^[\d.]+$/.test(host);

/** Rewords the error messages of Node that people cannot understand. */
function wordsOf(error: unknown, now: Date): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  // Either clock may be wrong. The reader knows the right time.
  const dates = typeof code === 'string' ? wrongDates[code] : undefined;
  if (dates !== undefined) {
    const time = `${now.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
    return `its certificate ${dates} by this machine’s clock (${time})`;
  }
  if (code === 'HPE_INVALID_CONSTANT' || String(code).startsWith('HPE_')) return 'the answer is not HTTP';
  if (code === 'EPROTO') return 'no TLS connection could be made (is it an https server?)';
  // undici has no code for this error.
  const refused = /^Proxy response \((\d+)\)/.exec(String(message));
  if (refused) return `the proxy answered ${refused[1]} to CONNECT`;
  if (message === 'aborted' || code === 'UND_ERR_SOCKET') return 'the connection was closed';
  return reasonOf(error);
}

/**
 * Errors of connecting. With a proxy, these concern the proxy, because the server itself is never contacted directly.
 */
const ofConnecting = /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT)$/;

/** Adds the proxy to a reason that concerns it, without the proxy's password. */
function ofProxy(reason: string, error: unknown, proxy: string | undefined): string {
  if (proxy === undefined) return reason;
  const shown = speakable(proxy).replace(/\/$/, '');
  const code = String((error as { code?: unknown }).code);
  return ofConnecting.test(code) ? `the proxy ${shown}: ${reason}` : `${reason} (through the proxy ${shown})`;
}

const wrongDates: Readonly<Record<string, string>> = {
  CERT_NOT_YET_VALID: 'is not valid yet',
  CERT_HAS_EXPIRED: 'has expired',
};
