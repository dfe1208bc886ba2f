import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Api } from './api.ts';

/** Serves the API over HTTP. */
export function createApiServer(api: Api): Server {
  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { pathname: path, search } = new URL(request.url ?? '/', 'http://api');
    const { method = '', headers } = request;
    const outcome = await api.handle({ method, path, query: search.slice(1), headers, body: Buffer.concat(chunks) });
    if (outcome === 'cut') request.socket.destroy();
    else if (outcome !== 'hang') response.writeHead(outcome.status, outcome.headers).end(outcome.body);
  }

  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    serve(request, response).catch(() => request.socket.destroy());
  });
  // Longer than clients keep an idle connection, so that a call is never lost by chance.
  server.keepAliveTimeout = 60_000;
  return server;
}
