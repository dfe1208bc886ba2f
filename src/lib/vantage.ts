import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import tls from 'node:tls';
import { createTurns } from '../core/async/turns.ts';
import { fail, reasonOf } from '../core/errors/errors.ts';
import { present } from '../core/text/present.ts';
import type { Clock } from '../ports/clock.ts';
import type { Vantage } from '../ports/vantage.ts';
import { abortable } from './abortable.ts';
import { printAddress } from './http/urls.ts';

/** Let's Encrypt's own limit for an HTTP-01 request with its redirects is 10 s. */
const timeoutMs = 10_000;

/** As the port promises. A key authorization has less than 200 bytes. */
const maxBytes = 64 * 1024;

/** The limit for open connections, even if a hundred names have sixteen addresses each. */
const mostConnections = 128;

/** The cause of a vantage's `network/failed`: how far the connection got. */
interface ConnectionFailure extends Error {
  /** `connect`: no connection; `exchange`: TLS or HTTP did not complete on it. */
  readonly phase: 'connect' | 'exchange';
  /** The code of the operating system or of OpenSSL, if there is one. */
  readonly code?: string;
}

/** Creates a vantage at this machine. */
export function createVantage(options: { readonly clock: Clock; readonly name?: string }): Vantage {
  const { clock } = options;
  const connections = createTurns(mostConnections);

  /** Runs one exchange with a time limit, once a connection is available, and words its errors. */
  async function look<T>(
    what: { readonly method: string; readonly url: string },
    signal: AbortSignal,
    begin: (progress: Progress, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const giveBack = await connections.take(signal);
    const deadline = clock.deadline(timeoutMs, signal);
    const progress: Progress = { connected: false };
    try {
      return await begin(progress, deadline.signal);
    } catch (cause) {
      if (signal.aborted) throw signal.reason;
      const reason = deadline.expired ? slowness(progress) : wordsOf(cause);
      const phase = progress.connected ? 'exchange' : 'connect';
      const failure: ConnectionFailure = Object.assign(new Error(reason, { cause }), {
        phase,
        ...codeOf(cause),
      } as const);
      throw fail('network/failed', { ...what, reason }, { cause: failure });
    } finally {
      deadline.done();
      giveBack();
    }
  }

  return {
    name: options.name ?? 'this machine',

    get: (url, at, signal) =>
      look({ method: 'GET', url: `${url} at ${printAddress(at)}` }, signal, (progress, within) =>
        get(new URL(url), at, progress, within),
      ),

    handshake: (endpoint, signal) => {
      const url = `${endpoint.serverName || endpoint.address} at ${printAddress(endpoint)}`;
      return look({ method: 'TLS', url }, signal, (progress, within) => handshake(endpoint, progress, within));
    },
  };
}

interface Progress {
  connected: boolean;
}

const slowness = (progress: Progress): string =>
  progress.connected ? `no answer within ${timeoutMs / 1000} s` : `no connection within ${timeoutMs / 1000} s`;

const codeOf = (error: unknown): { code?: string } => {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? { code } : {};
};

/** Only the `reason` of OpenSSL's errors is useful to people. */
const wordsOf = (error: unknown): string => {
  const reason = (error as { reason?: unknown } | undefined)?.reason;
  return typeof reason === 'string' && reason !== '' ? `TLS: ${reason}` : reasonOf(error);
};

/** Opens a new connection for each request, as the CA does. */
const agent = new http.Agent({ keepAlive: false });
const tlsAgent = new https.Agent({ keepAlive: false });

const get = (
  url: URL,
  at: { readonly address: string; readonly port: number },
  progress: Progress,
  signal: AbortSignal,
): ReturnType<Vantage['get']> =>
  abortable(signal, (resolve, reject) => {
    const isTls = url.protocol === 'https:';
    const name = url.hostname.replace(/^\[|\]$/g, '');
    const request = (isTls ? https : http).request({
      host: at.address,
      port: at.port,
      path: `${url.pathname}${url.search}`,
      // On port 80, the Host header has no port, as in the CA's request.
      headers: { host: url.host, 'user-agent': 'certfleet', accept: '*/*' },
      ...(isTls
        ? { agent: tlsAgent, rejectUnauthorized: false, servername: net.isIP(name) === 0 ? name : '' }
        : { agent }),
    });
    request.once('socket', (socket) => socket.once('connect', () => (progress.connected = true)));
    request.on('error', reject);
    request.once('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      const finish = () => {
        const body = Buffer.concat(chunks).subarray(0, maxBytes).toString('utf8');
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body });
      };
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        // A longer body is wrong in any case, and an endless one must not block.
        if (size < maxBytes) return;
        finish();
        request.destroy();
      });
      response.once('end', finish);
      response.once('error', reject);
    });
    request.end();
    return () => request.destroy();
  });

const handshake = (
  endpoint: Parameters<Vantage['handshake']>[0],
  progress: Progress,
  signal: AbortSignal,
): ReturnType<Vantage['handshake']> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: endpoint.address,
      port: endpoint.port,
      // RFC 6066 §3: no IP address in SNI.
      ...present({
        servername: endpoint.serverName !== '' && net.isIP(endpoint.serverName) === 0 ? endpoint.serverName : undefined,
        ALPNProtocols: endpoint.protocol === undefined ? undefined : [endpoint.protocol],
      }),
      // The certificate is compared with the deployed one, whether it is trusted or not.
      rejectUnauthorized: false,
    });
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', onAbort);
      socket.destroy();
      act();
    };
    const onAbort = () => settle(() => reject(signal.reason));
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('connect', () => (progress.connected = true));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      signal.removeEventListener('abort', onAbort);
      if (certificate)
        resolve({ certificateDer: new Uint8Array(certificate.raw), protocol: socket.alpnProtocol || undefined });
      else reject(new Error('the server showed no certificate'));
      // TLS 1.3 requires this side's Finished message. Without it, the server logs a failed handshake for every check.
      socket.end(() => socket.destroy());
    });
    socket.once('close', () => settle(() => reject(new Error('the connection was closed during the handshake'))));
    // The listener must stay for the destroyed socket's error, which may come after the promise is settled.
    socket.on('error', (error) => settle(() => reject(error)));
    if (signal.aborted) onAbort();
  });
