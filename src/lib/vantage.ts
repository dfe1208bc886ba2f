import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';
import { fail, reasonOf } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Vantage } from '../ports/vantage.ts';
import { abortable } from './abortable.ts';
import { printAddress } from './urls.ts';

/** Let's Encrypt's own limit for one HTTP-01 request and its redirects is 10 s: what is slower fails there too. */
const timeoutMs = 10_000;

/** The port's limit; a key authorization has under 200 bytes. */
const maxBytes = 64 * 1024;

/** The error behind a `network/failed` of a vantage: how far the connection came, for whoever must tell them apart. */
interface ConnectionFailure extends Error {
  /** `connect`: no connection; `exchange`: it stood, but TLS or HTTP over it did not complete. */
  readonly phase: 'connect' | 'exchange';
  /** The operating system's or OpenSSL's code, where there is one. */
  readonly code?: string;
}

/** This machine as a place to look from. */
export function createVantage(options: { readonly clock: Clock; readonly name?: string }): Vantage {
  const { clock } = options;

  /** Runs one exchange under the time-out; words what went wrong. */
  async function look<T>(
    what: { readonly method: string; readonly url: string },
    signal: AbortSignal,
    begin: (progress: Progress, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    signal.throwIfAborted();
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

/** OpenSSL's errors carry a whole line of internals; `reason` in them is what a person can use. */
const wordsOf = (error: unknown): string => {
  const reason = (error as { reason?: unknown } | undefined)?.reason;
  return typeof reason === 'string' && reason !== '' ? `TLS: ${reason}` : reasonOf(error);
};

/** A connection for each look, as the CA makes them. */
const agent = new http.Agent({ keepAlive: false });

const get = (
  url: URL,
  at: { readonly address: string; readonly port: number },
  progress: Progress,
  signal: AbortSignal,
): ReturnType<Vantage['get']> =>
  abortable(signal, (resolve, reject) => {
    const request = http.request({
      host: at.address,
      port: at.port,
      path: `${url.pathname}${url.search}`,
      // The Host header names the host alone on port 80, as the CA sends it.
      headers: { host: url.host, 'user-agent': 'certfleet', accept: '*/*' },
      agent,
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
        // What comes after that can only be wrong; an endless body must not hold the look.
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
  endpoint: { readonly address: string; readonly port: number; readonly serverName: string },
  progress: Progress,
  signal: AbortSignal,
): ReturnType<Vantage['handshake']> =>
  new Promise((resolve, reject) => {
    const socket = tls.connect({
      host: endpoint.address,
      port: endpoint.port,
      // RFC 6066 §3: no IP address in SNI.
      ...(endpoint.serverName !== '' && net.isIP(endpoint.serverName) === 0 ? { servername: endpoint.serverName } : {}),
      // It is a look: what is shown is compared with what was deployed, trusted or not.
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
      if (certificate) resolve({ certificateDer: new Uint8Array(certificate.raw) });
      else reject(new Error('the server showed no certificate'));
      // Our Finished must still go out (TLS 1.3): else the server counts and logs a failed handshake for every look.
      socket.end(() => socket.destroy());
    });
    socket.once('close', () => settle(() => reject(new Error('the connection was closed during the handshake'))));
    // A later error (the destroyed socket's) finds the promise settled; the listener must stay all the same.
    socket.on('error', (error) => settle(() => reject(error)));
    if (signal.aborted) onAbort();
  });
