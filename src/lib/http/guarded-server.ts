import { chmodSync } from 'node:fs';
import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createSecureServer, type Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** An answer of {@link listenGuarded}. */
export interface ServerAnswer {
  readonly status: number;
  readonly body: string;
  /** `text/plain` if left out. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface GuardedServerOptions {
  /** Answers a GET or HEAD without a body. MUST settle by itself, because the connection is held until then. */
  readonly answer: (request: IncomingMessage) => ServerAnswer | Promise<ServerAnswer>;
  readonly limits: ServerLimits;
  /** Called for errors that pass, such as no file descriptor for an accept. */
  readonly warn: (error: unknown) => void;
}

/** Limits against hostile clients. */
export interface ServerLimits {
  /** Of the request line and the headers. */
  readonly headerBytes: number;
  readonly headersMs: number;
  readonly requestMs: number;
  /** How long a connection may be silent; `requestMs` if left out. */
  readonly idleMs?: number;
  readonly keepAliveMs: number;
  /**
   * Above this limit, the connection that was silent longest is dropped, so that idle connections cannot lock out
   * others. Refusing new ones, as Node's maxConnections does, would let them.
   */
  readonly connections: number;
}

/** A server that is listening. */
export interface Listening {
  /** The IP address, or the path of a Unix socket. */
  readonly address: string;
  /** 0 for a Unix socket. */
  readonly port: number;
  /**
   * Stops listening at once, waits at most two seconds for answers that are still being made, and drops all other
   * connections.
   */
  close(): Promise<void>;
}

/** How often Node checks for slow requests. */
const checkMs = 1_000;

/** How long an answer may take that is being made when the server is closed: what it needs may hang. */
const closeMs = 2_000;

/** The state of one connection. */
interface Connection {
  readonly socket: Socket;
  /** The number of responses that the connection waits for. */
  open: number;
  /** The last request, which may still be on its way. */
  request?: IncomingMessage;
  /** Increases with each request on any connection, so the smallest value was silent longest. */
  lastUse: number;
}

/** Where a server listens. */
export type ListenPlace =
  | { readonly host: string; readonly port: number }
  | {
      readonly path: string;
      /** Only the user of this process may connect. */
      readonly isPrivate?: true;
    };

/**
 * Starts an HTTP server for GET and HEAD that strangers may reach. Rejects with the system's error (`EADDRINUSE`,
 * `EACCES`…), which the caller words.
 */
export function listenGuarded({ answer, limits, warn }: GuardedServerOptions, at: ListenPlace): Promise<Listening> {
  const handle = (request: IncomingMessage, response: ServerResponse, isClosing: () => boolean): void => {
    const found = refusalOf(request) ?? answer(request);
    if (found instanceof Promise)
      found
        .then((later) => write(request, response, later, isClosing()))
        .catch((error: unknown) => {
          // A stranger's request must not end the process.
          warn(error);
          response.destroy();
        });
    else write(request, response, found, isClosing());
  };
  return listenLimited({ handle, limits, warn }, at);
}

/** Any request, within limits. */
export interface LimitedServerOptions extends Pick<GuardedServerOptions, 'limits' | 'warn'> {
  /** MUST answer by itself, because the connection is held until then. */
  readonly handle: (request: IncomingMessage, response: ServerResponse, isClosing: () => boolean) => void;
  /** With it, the server speaks TLS. */
  readonly tls?: TlsIdentity;
}

export interface TlsIdentity {
  readonly cert: string;
  readonly key: string;
}

/** A server that is listening, perhaps with TLS. */
export interface LimitedListening extends Listening {
  /** New connections get this certificate. Does nothing without TLS. */
  identify(identity: TlsIdentity): void;
}

/** Starts an HTTP server that strangers may reach. Rejects with the system's error. */
export function listenLimited(
  { handle, limits, warn, tls }: LimitedServerOptions,
  at: ListenPlace,
): Promise<LimitedListening> {
  const connections = new Map<string | Socket, Connection>();
  let uses = 0;
  let closing = false;

  const count = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = connections.get(keyOf(request.socket));
    if (connection) {
      connection.open++;
      connection.request = request;
      connection.lastUse = ++uses;
      response.on('close', () => connection.open--);
    }
    handle(request, response, () => closing);
  };

  const options = {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: checkMs,
    keepAliveTimeout: limits.keepAliveMs,
    noDelay: true,
  };
  const secure = tls && createSecureServer({ ...options, ...tls, handshakeTimeout: limits.headersMs }, count);
  const server: Server | SecureServer = secure ?? createServer(options, count);
  server.setTimeout(limits.idleMs ?? limits.requestMs);
  // `Expect: 100-continue` announces a body, so it is refused like a body.
  server.on('checkContinue', count);
  server.on('checkExpectation', count);
  server.on('connection', (socket: Socket) => {
    const key = keyOf(socket);
    connections.set(key, { socket, open: 0, lastUse: ++uses });
    socket.once('close', () => connections.delete(key));
    if (connections.size > limits.connections) silentLongest(connections, socket)?.destroy();
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (!socket.writable || error.code === 'ECONNRESET') return socket.destroy();
    const status =
      error.code === 'HPE_HEADER_OVERFLOW'
        ? '431 Request Header Fields Too Large'
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? '408 Request Timeout'
          : '400 Bad Request';
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`, () => socket.destroy());
  });

  const close = (): Promise<void> =>
    new Promise((resolve) => {
      closing = true;
      const drop = setTimeout(() => server.closeAllConnections(), closeMs);
      server.close(() => {
        clearTimeout(drop);
        resolve();
      });
      for (const { socket, open } of connections.values()) if (open === 0) socket.destroy();
    });

  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, () => {
      server.off('error', reject);
      // Without a listener, later errors would end the process.
      server.on('error', warn);
      const bound = server.address() as AddressInfo | string;
      const address = typeof bound === 'string' ? { address: bound, port: 0 } : bound;
      resolve({
        ...{ address: address.address, port: address.port, close },
        identify: (identity) => secure?.setSecureContext(identity),
      });
    });
    // Node has made it by now, and accepts no connection before the next turn. (`listen` could make it private itself
    // only with a umask, which belongs to the whole process.)
    if ('path' in at && at.isPrivate && server.listening) chmodSync(at.path, 0o600);
  });
}

/** The socket of a request over TLS is another object than that of its connection. */
const keyOf = (socket: Socket): string | Socket =>
  socket.remotePort === undefined ? socket : `${socket.remoteAddress} ${socket.remotePort}`;

/**
 * Returns the connection that was silent longest, other than the new one. One that has sent a whole request and waits for
 * its response is chosen only if all do: who keeps the rest of a request back waits for nothing.
 */
function silentLongest(connections: ReadonlyMap<unknown, Connection>, young: Socket): Socket | undefined {
  let found: Socket | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const { socket, open, request, lastUse } of connections.values()) {
    const isWaiting = open > 0 && request?.complete === true;
    const rank = isWaiting ? lastUse + Number.MAX_SAFE_INTEGER / 2 : lastUse;
    // A destroyed connection stays in the map until its `close` event, but no longer counts.
    if (rank >= least || socket.destroyed || socket === young) continue;
    found = socket;
    least = rank;
  }
  return found;
}

/**
 * Returns the path of a request without its query. Does not decode or normalise, so `%2e%2e`, `//` and `..` are just
 * other paths. Proxies may send the absolute form `http://host/…` (RFC 9112 §3.2.2).
 */
export function pathIn(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^http:\/\/[^/?#]*/i, '');
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

/** Bodies are not read, and a body that two parsers measure differently enables request smuggling. */
function refusalOf({ method, headers }: IncomingMessage): ServerAnswer | undefined {
  if (method !== 'GET' && method !== 'HEAD')
    return { status: 405, body: 'only GET and HEAD', headers: { allow: 'GET, HEAD' } };
  const hasBody =
    headers['transfer-encoding'] !== undefined ||
    headers.expect !== undefined ||
    (headers['content-length'] !== undefined && headers['content-length'] !== '0');
  return hasBody ? { status: 400, body: 'no body is accepted' } : undefined;
}

function write(request: IncomingMessage, response: ServerResponse, answer: ServerAnswer, closing: boolean): void {
  const { status, body, type, headers: more } = answer;
  // Closes after a refusal, because the next bytes may be a body and not a request.
  if (closing || status === 400 || status === 405) response.shouldKeepAlive = false;
  const headers: OutgoingHttpHeaders = {
    'content-type': type ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    // A cache in front must not store an answer: what is true now may not be true a moment later.
    'cache-control': 'no-store',
    ...more,
  };
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}
