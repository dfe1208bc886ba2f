import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { isToken } from '../core/encoding.ts';
import { reasonOf } from '../core/errors.ts';
import type { Log } from '../ports/log.ts';
import type { ListenAddress } from './listen-address.ts';

/** RFC 8555 §8.3. */
export const challengePath = '/.well-known/acme-challenge/';
/** Answers the store's id. No CA can be given a token of this name: tokens have 128 bits of entropy (§8.3). */
export const healthPath = `${challengePath}_health`;

export interface ResponderOptions {
  /**
   * The key authorization of a token, or undefined where it is not known; a rejection is answered with 503. MUST come
   * to an end by itself: the responder holds the connection until then.
   */
  readonly lookup: (token: string) => string | undefined | Promise<string | undefined>;
  readonly storeId: string;
  readonly log?: Log;
}

export interface Listening {
  readonly address: string;
  readonly port: number;
  /** Stops listening at once, lets answers that are being looked up go out, and drops every other connection. */
  close(): Promise<void>;
}

export interface Responder {
  /** Rejects with the system's error (`EADDRINUSE`, `EACCES`…); the caller says what it means. */
  listen(at: ListenAddress): Promise<Listening>;
}

// Limits against hostile clients. A CA's request is one short packet; balancers add headers and keep connections.
const limits = {
  // Request line and headers. Node's own 16 KiB is for cookies, which nobody sends here; balancers add about 1 KiB.
  headerBytes: 8_192,
  // Let's Encrypt gives a whole validation 10 s, so whoever is slower than this is no CA.
  headersMs: 5_000,
  requestMs: 10_000,
  // How late a slow request may be found: node looks at all connections this often.
  checkMs: 1_000,
  // Longer than the 60 s that AWS and most balancers keep an idle connection. Were it shorter, the balancer might send
  // the CA's request into a connection that is just being closed, and answer 502.
  keepAliveMs: 75_000,
  // Half of the usual 2,048 file descriptors; above it the connection that was silent longest is dropped, so that
  // idle ones cannot lock the CA out (refusing new ones, as node's maxConnections does, would do just that).
  connections: 1_024,
  // Lets a balancer reuse a connection, but one client cannot keep one for ever.
  requestsPerConnection: 1_000,
} as const;

/** The HTTP server for HTTP-01 challenges (RFC 8555 §8.3): two paths below `/.well-known/acme-challenge/`, nothing else. */
export function createResponder({ lookup, storeId, log }: ResponderOptions): Responder {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      return answer(request, response, 405, 'only GET and HEAD', plain, { allow: 'GET, HEAD' });
    }
    // Nothing here reads a body, and one that two parsers measure differently is how requests are smuggled.
    if (hasBody(request)) return answer(request, response, 400, 'no body is taken');
    const name = nameIn(request.url ?? '');
    if (name === '_health') return answer(request, response, 200, storeId);
    if (!isToken(name)) return answer(request, response, 404, 'not found');
    let found: ReturnType<typeof lookup>;
    try {
      found = lookup(name);
      if (found instanceof Promise) found = await found;
    } catch (error) {
      log?.warn(`the responder could not look up a token: ${reasonOf(error)}`);
      return answer(request, response, 503, 'the store does not answer');
    }
    if (found === undefined) return answer(request, response, 404, 'not found');
    log?.debug(`the responder answered a challenge to ${request.socket.remoteAddress ?? 'somebody'}`);
    return answer(request, response, 200, found, 'application/octet-stream');
  };

  return {
    listen(at) {
      // Connections in the order of their last request, and how many answers each still waits for.
      const connections = new Map<Socket, number>();
      const touch = (socket: Socket, change: number): void => {
        const open = connections.get(socket);
        if (open === undefined) return;
        connections.delete(socket);
        connections.set(socket, open + change);
      };

      const answering = new Set<ServerResponse>();
      const handle = (request: IncomingMessage, response: ServerResponse): void => {
        const { socket } = request;
        touch(socket, 1);
        answering.add(response);
        response.once('close', () => {
          touch(socket, -1);
          answering.delete(response);
        });
        // It only rejects on a bug in this file; a cut connection ends in the response's `close`.
        respond(request, response).catch(() => socket.destroy());
      };

      const server: Server = createServer(
        {
          maxHeaderSize: limits.headerBytes,
          headersTimeout: limits.headersMs,
          requestTimeout: limits.requestMs,
          connectionsCheckingInterval: limits.checkMs,
          keepAliveTimeout: limits.keepAliveMs,
          noDelay: true,
        },
        handle,
      );
      server.maxRequestsPerSocket = limits.requestsPerConnection;
      server.setTimeout(limits.requestMs);
      // `Expect: 100-continue` announces a body; it gets the answer that bodies get, without being invited to send it.
      server.on('checkContinue', handle);
      server.on('checkExpectation', handle);
      server.on('connection', (socket: Socket) => {
        connections.set(socket, 0);
        socket.once('close', () => connections.delete(socket));
        if (connections.size > limits.connections) silentLongest(connections)?.destroy();
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
          server.close(() => resolve());
          for (const response of answering) response.shouldKeepAlive = false;
          for (const [socket, open] of connections) if (open === 0) socket.destroy();
        });

      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: at.host, port: at.port }, () => {
          server.off('error', reject);
          // Later errors (no file descriptor for an accept) pass; without a listener they would end the process.
          server.on('error', (error) => log?.warn(`the responder on port ${at.port}: ${reasonOf(error)}`));
          const { address, port } = server.address() as AddressInfo;
          resolve({ address, port, close });
        });
      });
    },
  };
}

function silentLongest(connections: ReadonlyMap<Socket, number>): Socket | undefined {
  for (const [socket, open] of connections) if (open === 0) return socket;
  return connections.keys().next().value;
}

/**
 * What stands behind the challenge path, or '' for any other. Nothing is decoded and nothing is normalised: the path
 * of a challenge needs neither, so `%2e%2e`, `//` and `..` simply are other paths. Behind a proxy the absolute form
 * `http://host/…` comes too (RFC 9112 §3.2.2). A query is ignored: some redirects add one.
 */
export function nameIn(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^http:\/\/[^/?#]*/i, '');
  if (!path.startsWith(challengePath)) return '';
  const query = path.indexOf('?');
  return path.slice(challengePath.length, query < 0 ? undefined : query);
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  headers.expect !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');

const plain = 'text/plain; charset=utf-8';

function answer(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: string,
  type = plain,
  more: Readonly<Record<string, string>> = {},
): void {
  // What was refused may be followed by bytes that are no request (a body): the connection ends with the answer.
  if (status === 400 || status === 405) response.shouldKeepAlive = false;
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    // A cache before us must not remember a 404 from the moment before the token came.
    'cache-control': 'no-store',
    ...more,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
