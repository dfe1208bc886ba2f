import { createServer, type RequestListener } from 'node:http';
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
  let answer: RequestListener = () => {};
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  answer = answerFrom(fakeAt(origin), origin);
  return {
    origin,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** A server's listener that lets a fake answer. */
export const answerFrom =
  (fake: Pick<FakeApi, 'handle'>, origin: string): RequestListener =>
  async (request, response) => {
    const gone = new AbortController();
    response.on('close', () => gone.abort(new Error('the client is gone')));
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(request.headers)) headers[name] = String(value);
    try {
      const answer = await fake.handle({
        method: request.method as HttpRequest['method'],
        // A proxy gets the whole URL.
        url: new URL(request.url ?? '/', origin).href,
        headers,
        body: Buffer.concat(chunks),
        signal: gone.signal,
      });
      response.writeHead(answer.status, answer.headers).end(answer.body);
    } catch {
      request.socket.destroy();
    }
  };
