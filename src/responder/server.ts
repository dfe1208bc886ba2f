import type { IncomingMessage } from 'node:http';
import { challengePath, healthCheckPath } from '../core/ca/challenge-path.ts';
import { reasonOf } from '../core/errors/errors.ts';
import type { ListenAddress } from '../core/names/listen-address.ts';
import { isToken } from '../core/text/encoding.ts';
import { present } from '../core/text/present.ts';
import {
  type Listening,
  listenGuarded,
  pathIn,
  type ServerAnswer,
  type ServerLimits,
} from '../lib/http/guarded-server.ts';
import type { Log } from '../ports/log.ts';
import type { StoreProof } from '../ports/responder.ts';
import { challengeForm } from './store-proof.ts';

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

// A CA's request is one short packet; load balancers add headers and keep connections.
const limits: ServerLimits = {
  // Load balancers add about 1 KiB, and Node's own 16 KiB leave room for cookies.
  headerBytes: 8_192,
  // Let's Encrypt allows 10 s for a whole validation, so no CA is slower than this.
  headersMs: 5_000,
  requestMs: 10_000,
  // Longer than the 60 s for which AWS and most load balancers keep an idle connection. If it were shorter, the load
  // balancer might send the CA's request on a connection that is just being closed, and respond with 502.
  keepAliveMs: 75_000,
  // Half of the usual 2,048 file descriptors.
  connections: 1_024,
};

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
  const answerFound = (request: IncomingMessage, found: string | undefined): ServerAnswer | Promise<ServerAnswer> => {
    if (found === undefined) return answerOfOthers(request);
    log?.debug(`the responder answered a challenge to ${request.socket.remoteAddress ?? 'an unknown address'}`);
    return { status: 200, body: found, type: 'application/octet-stream' };
  };

  const answerOfOthers = (request: IncomingMessage): ServerAnswer | Promise<ServerAnswer> => {
    const { host } = request.headers;
    if (!fallback || host === undefined) return notFound;
    return fallback(host, `${challengePath}${nameIn(request.url ?? '')}`).then(
      (found) => (found ? answerOfFallback(found) : notFound),
      (error) => {
        log?.warn(`the responder could not ask its fallback: ${reasonOf(error)}`);
        return fallbackSilent;
      },
    );
  };

  const respond = (request: IncomingMessage): ServerAnswer | Promise<ServerAnswer> => {
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
    listen: (at) =>
      listenGuarded(
        {
          answer: respond,
          limits,
          warn: (error) => log?.warn(`the responder on port ${at.port}: ${reasonOf(error)}`),
        },
        { host: at.host, port: at.port },
      ),
  };
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

const answerOfFallback = ({ status, body, location }: FallbackAnswer): ServerAnswer => ({
  ...{ status, body, type: 'application/octet-stream' },
  ...present({ headers: location === undefined ? undefined : { location } }),
});

const notFound: ServerAnswer = { status: 404, body: 'not found' };
const fallbackSilent: ServerAnswer = { status: 502, body: 'the fallback does not answer' };
const storeSilent: ServerAnswer = { status: 503, body: 'the store does not answer' };
