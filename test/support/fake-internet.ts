import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { FakeApi } from '../../src/testing/fake-api.ts';
import { makeLocalHttps } from './https.ts';
import { answerFrom } from './serve-fake-api.ts';
import { atEnd } from './service.ts';

export interface FakeInternet {
  /** For `HTTPS_PROXY` and `HTTP_PROXY`. */
  readonly proxyUrl: string;
  /** The root that a client must trust. */
  readonly caFile: string;
  /** Other hosts that a client asked for. They are not reached. */
  readonly strays: readonly string[];
}

/**
 * A proxy behind which a fake answers at its own origins, such as `https://api.example.com`: for clients in which no
 * other address can be set, and for signatures that cover the host.
 */
export async function startFakeInternet(
  fake: Pick<FakeApi, 'handle'>,
  origins: readonly string[],
): Promise<FakeInternet> {
  const hosts = origins.map((origin) => new URL(origin).host);
  const https = await makeLocalHttps(origins.map((origin) => new URL(origin).hostname));
  const strays: string[] = [];
  const sockets = new Set<Socket>();
  const [cert, key] = await Promise.all([readFile(https.certFile), readFile(https.keyFile)]);
  const tls = createHttpsServer({ cert, key }, (request, response) =>
    answerFrom(fake, `https://${request.headers.host}`)(request, response),
  );
  const proxy = createServer((request, response) => {
    const asked = new URL(request.url ?? '/', 'http://proxy.invalid');
    if (hosts.includes(asked.host)) return answerFrom(fake, asked.origin)(request, response);
    strays.push(asked.host);
    response.writeHead(502).end();
  });
  proxy.on('connect', (request, socket: Socket) => {
    const asked = (request.url ?? '').replace(/:443$/, '');
    if (!hosts.includes(asked)) {
      strays.push(asked);
      return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n');
    }
    socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
    tls.emit('connection', socket);
  });
  proxy.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  atEnd(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => proxy.close(resolve));
  });
  return { proxyUrl: `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`, caFile: https.caFile, strays };
}
