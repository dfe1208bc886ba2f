import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpRequest } from '../../src/ports/http.ts';
import type { FakeApi } from '../../src/testing/fake-api.ts';

export interface ServedApi {
  /** `http://127.0.0.1:40123` */
  readonly origin: string;
  close(): Promise<void>;
}

/**
 * Puts a fake behind a real server on a free loopback port. A lost answer cuts the connection, and a client that goes
 * away aborts the call.
 *
 * @param fakeAt makes the fake for its origin
 */
export async function serveFakeApi(fakeAt: (origin: string) => FakeApi): Promise<ServedApi> {
  let fake: FakeApi;
  const server = createServer(async (request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort(new Error('the client is gone')));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
    try {
      const answer = await fake.handle({
        method: request.method as HttpRequest['method'],
        url: `${served.origin}${request.url}`,
        headers,
        body: Buffer.concat(chunks),
        signal: gone.signal,
      });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      request.socket.destroy();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const served: ServedApi = {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  fake = fakeAt(served.origin);
  return served;
}
