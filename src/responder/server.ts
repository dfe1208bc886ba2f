import {
  createServer,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { challengePath, healthCheckPath } from '../core/ca/challenge-path.ts';
import { reasonOf } from '../core/errors/errors.ts';
import type { ListenAddress } from '../core/names/listen-address.ts';
import { isToken } from '../core/text/encoding.ts';
import type { Log } from '../ports/log.ts';
import type { Listening } from './port-claim.ts';
import { challengeForm, type StoreProof } from './store-proof.ts';

/**
 * The path for health checks. Followed by `-` and a challenge, it returns the proof for the public path. No CA uses
 * such a token, since tokens are random (§8.3).
 */
export const healthPath = `${challengePath}_health`;
/** Followed by a challenge, this path returns the proof for the address and port of the connection. */
export const portPath = `${challengePath}_port-`;
/** Versions before the proof take any 16 letters for the ID of another store, and wait until its process is done. */
const healthAnswer = 'certfleet-health';
/** Reports whether a body is what a responder of any store or version returns for a health check. */
export const isHealthAnswer = (body: string): boolean => /^[A-Za-z0-9_-]{16}$/.test(body);

export interface ChallengeServerOptions {
  /**
   * Returns the key authorization of a token, or undefined if it is unknown. A rejection becomes a 503. MUST settle by
   * itself, because the connection is held until then.
   */
  readonly lookup: (token: string) => string | undefined | Promise<string | undefined>;
  /** Called for a path below the challenge path whose token is unknown, on behalf of another ACME client. */
  readonly fallback?: ((host: string, path: string) => Promise<FallbackAnswer | undefined>) | undefined;
  /** The path of a balancer's health check that was set up by hand, which gets a 200 in addition to certfleet's own. */
  readonly healthCheck?: string | undefined;
  /** Answers challenges. A rejection becomes a 503. */
  readonly proof: () => Promise<StoreProof>;
  readonly log?: Log;
}

export interface FallbackAnswer {
  readonly status: number;
  readonly body: string;
  readonly location?: string | undefined;
}

export interface ChallengeServer {
  /** Starts listening. Rejects with the system's error (`EADDRINUSE`, `EACCES`…), which the caller words. */
  listen(at: ListenAddress): Promise<Listening>;
}

// Limits against hostile clients. A CA's request is one short packet; load balancers add headers and keep connections.
const limits = {
  // Request line and headers. Load balancers add about 1 KiB, and Node's own 16 KiB leave room for cookies.
  headerBytes: 8_192,
  // Let's Encrypt allows 10 s for a whole validation, so no CA is slower than this.
  headersMs: 5_000,
  requestMs: 10_000,
  // How often Node checks for slow requests.
  checkMs: 1_000,
  // Longer than the 60 s for which AWS and most load balancers keep an idle connection. If it were shorter, the load
  // balancer might send the CA's request on a connection that is just being closed, and respond with 502.
  keepAliveMs: 75_000,
  // Half of the usual 2,048 file descriptors. Above this limit, the connection that was silent longest is dropped, so
  // that idle connections cannot lock out the CA. Refusing new ones, as Node's maxConnections does, would let them.
  connections: 1_024,
} as const;

/** The state of one connection. */
interface Connection {
  /** The number of responses that the connection waits for. */
  open: number;
  /** Increases with each request on any connection, so the smallest value was silent longest. */
  lastUse: number;
}

/**
 * Creates the HTTP server for HTTP-01 challenges (RFC 8555 §8.3). Serves only tokens and health checks below
 * `/.well-known/acme-challenge/`, and the one path of `healthCheck`.
 */
export function createChallengeServer({
  lookup,
  fallback,
  healthCheck,
  proof,
  log,
}: ChallengeServerOptions): ChallengeServer {
  const answerFound = (request: IncomingMessage, found: string | undefined): Answer | Promise<Answer> => {
    if (found === undefined) return answerOfOthers(request);
    log?.debug(`the responder answered a challenge to ${request.socket.remoteAddress ?? 'an unknown address'}`);
    return { status: 200, body: found, type: 'application/octet-stream' };
  };

  const answerOfOthers = (request: IncomingMessage): Answer | Promise<Answer> => {
    const { host } = request.headers;
    if (!fallback || host === undefined) return notFound;
    return fallback(host, `${challengePath}${nameIn(request.url ?? '')}`).then(
      (found) => (found ? { ...found, type: 'application/octet-stream' } : notFound),
      (error) => {
        log?.warn(`the responder could not ask its fallback: ${reasonOf(error)}`);
        return fallbackSilent;
      },
    );
  };

  const respond = (request: IncomingMessage): Answer | Promise<Answer> => {
    if (request.method !== 'GET' && request.method !== 'HEAD') return wrongMethod;
    // Bodies are not read, and a body that two parsers measure differently enables request smuggling.
    if (hasBody(request)) return bodyRefused;
    const path = pathIn(request.url ?? '');
    if (path === healthPath || path === healthCheckPath || path === healthCheck)
      return { status: 200, body: healthAnswer };
    const name = nameIn(request.url ?? '');
    const [, about, challenge = ''] = /^_(health|port)-(.+)$/.exec(name) ?? [];
    if (about !== undefined && challengeForm.test(challenge)) {
      const { localAddress: address, localPort: port } = request.socket;
      if (address === undefined || port === undefined) return notFound; // the connection is gone
      return proof().then(
        (found) => ({
          status: 200,
          body: about === 'port' ? found.atPort(challenge, { address, port }) : found.byPath(challenge),
        }),
        () => storeSilent,
      );
    }
    if (!isToken(name)) return notFound;
    const found = lookup(name);
    if (!(found instanceof Promise)) return answerFound(request, found);
    return found.then(
      (later) => answerFound(request, later),
      (error) => {
        log?.warn(`the responder could not look up a token: ${reasonOf(error)}`);
        return storeSilent;
      },
    );
  };

  return {
    listen(at) {
      const connections = new Map<Socket, Connection>();
      let uses = 0;
      let closing = false;

      const handle = (request: IncomingMessage, response: ServerResponse): void => {
        const connection = connections.get(request.socket);
        if (connection) {
          connection.open++;
          connection.lastUse = ++uses;
          response.on('close', () => connection.open--);
        }
        const answer = respond(request);
        if (answer instanceof Promise) answer.then((later) => write(request, response, later, closing));
        else write(request, response, answer, closing);
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
      server.setTimeout(limits.requestMs);
      // `Expect: 100-continue` announces a body, so it is refused like a body.
      server.on('checkContinue', handle);
      server.on('checkExpectation', handle);
      server.on('connection', (socket: Socket) => {
        connections.set(socket, { open: 0, lastUse: ++uses });
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
          closing = true;
          server.close(() => resolve());
          for (const [socket, { open }] of connections) if (open === 0) socket.destroy();
        });

      return new Promise((resolve, reject) => {
        server.once('error', reject);
        server.listen({ host: at.host, port: at.port }, () => {
          server.off('error', reject);
          // Later errors, such as no file descriptor for an accept, pass. Without a listener, they would end the
          // process.
          server.on('error', (error) => log?.warn(`the responder on port ${at.port}: ${reasonOf(error)}`));
          const { address, port } = server.address() as AddressInfo;
          resolve({ address, port, close });
        });
      });
    },
  };
}

/** Returns the connection that was silent longest. One that waits for a response is chosen only if all do. */
function silentLongest(connections: ReadonlyMap<Socket, Connection>): Socket | undefined {
  let found: Socket | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const [socket, { open, lastUse }] of connections) {
    const rank = open === 0 ? lastUse : lastUse + Number.MAX_SAFE_INTEGER / 2;
    // A destroyed connection stays in the map until its `close` event, but no longer counts.
    if (rank >= least || socket.destroyed) continue;
    found = socket;
    least = rank;
  }
  return found;
}

/**
 * Returns the part after the challenge path, or '' for any other path. Does not decode or normalise: a challenge needs
 * neither, so `%2e%2e`, `//` and `..` are just other paths. Proxies may send the absolute form `http://host/…` (RFC
 * 9112 §3.2.2). Ignores a query, because some redirects add one.
 */
export function nameIn(target: string): string {
  const path = pathIn(target);
  return path.startsWith(challengePath) ? path.slice(challengePath.length) : '';
}

/** Returns the path of a request without its query. */
function pathIn(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^http:\/\/[^/?#]*/i, '');
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] !== undefined ||
  headers.expect !== undefined ||
  (headers['content-length'] !== undefined && headers['content-length'] !== '0');

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly type?: string;
  readonly allow?: string;
  readonly location?: string | undefined;
}

const notFound: Answer = { status: 404, body: 'not found' };
const wrongMethod: Answer = { status: 405, body: 'only GET and HEAD', allow: 'GET, HEAD' };
const bodyRefused: Answer = { status: 400, body: 'no body is accepted' };
const fallbackSilent: Answer = { status: 502, body: 'the fallback does not answer' };
const storeSilent: Answer = { status: 503, body: 'the store does not answer' };

function write(request: IncomingMessage, response: ServerResponse, answer: Answer, closing: boolean): void {
  const { status, body, type, allow, location } = answer;
  // Closes after a refusal, because the next bytes may be a body and not a request.
  if (closing || status === 400 || status === 405) response.shouldKeepAlive = false;
  const headers: OutgoingHttpHeaders = {
    'content-type': type ?? 'text/plain; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    // A cache in front must not store a 404 from just before the token existed.
    'cache-control': 'no-store',
  };
  if (allow !== undefined) headers.allow = allow;
  if (location !== undefined) headers.location = location;
  response.writeHead(status, headers);
  response.end(request.method === 'HEAD' ? undefined : body);
}
