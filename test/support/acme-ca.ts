import { readFileSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { createSimulatedCa, type SimulatedCa, type SimulatedCaOptions } from './acme-ca/ca.ts';
import type { CaRequest } from './acme-ca/state.ts';
import { localHttps } from './https.ts';
import { atEnd } from './service.ts';

export { createSimulatedCa, type Failure, type SimulatedCa, type SimulatedCaOptions } from './acme-ca/ca.ts';
export { limitDetail, pauseDetail } from './acme-ca/limit-details.ts';
export { acmeProblem, type ProblemDocument } from './acme-ca/problem.ts';
export type { Profile, RenewalAnswer, RetryAfter, Settings, Validate } from './acme-ca/state.ts';

/**
 * A simulated CA on loopback with what Pebble lacks: `alreadyReplaced` even for an open order, `invalidProfile`, reuse
 * of a pending order, settable ARI answers, rate limits on request, asynchronous finalize by count, its own clock. It
 * verifies real JWS and issues real certificates. `./acme-ca/ca.ts` is the same CA without a socket.
 *
 * Not here: external account binding, key change, pre-authorization, alternate chains, IPv6 certificates.
 */
export interface AcmeCa extends SimulatedCa {
  readonly url: string;
  readonly directoryUrl: string;
  /** The root of its own HTTPS; `rootPem` is the root of the issued certificates. */
  readonly caFile: string;
  stop(): Promise<void>;
}

export interface AcmeCaOptions extends SimulatedCaOptions {
  /** Default true. */
  readonly https?: boolean;
  readonly port?: number;
}

export async function startAcmeCa(options: AcmeCaOptions = {}): Promise<AcmeCa> {
  const ca = createSimulatedCa(options);
  const secure = options.https ?? true;
  const https = await localHttps();
  const scheme = secure ? 'https' : 'http';
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    answer(ca, scheme, request, response).catch((error: Error) => {
      // Make a bug of the simulated CA visible, so that it does not look like an injected fault.
      process.stderr.write(`simulated CA: ${error.stack}\n`);
      request.socket.destroy();
    });
  };
  const server = secure
    ? createHttpsServer({ cert: readFileSync(https.certFile), key: readFileSync(https.keyFile) }, listener)
    : createHttpServer(listener);
  await new Promise<void>((listening, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', listening);
  });
  const url = `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const stop = async (): Promise<void> => {
    forget();
    server.closeAllConnections();
    await new Promise<void>((closed) => void server.close(() => closed()));
  };
  const forget = atEnd(() => stop());
  return { ...ca, url, directoryUrl: `${url}/directory`, caFile: https.caFile, stop };
}

async function answer(ca: SimulatedCa, scheme: string, incoming: IncomingMessage, outgoing: ServerResponse) {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) headers[name] = String(value);
  const request: CaRequest = {
    method: incoming.method ?? 'GET',
    path: incoming.url ?? '/',
    headers,
    body: Buffer.concat(chunks).toString('utf8'),
    base: `${scheme}://${headers.host}`,
  };
  const response = await ca.handle(request);
  if (response.cut) {
    incoming.socket.destroy();
    return;
  }
  outgoing.writeHead(response.status, { ...response.headers, 'content-length': Buffer.byteLength(response.body) });
  outgoing.end(request.method === 'HEAD' ? undefined : response.body);
}
