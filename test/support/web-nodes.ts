import { freePort, portAccepts, type Service, startService } from './service.ts';

/**
 * The web server of one node: answers each request with its host and path, and knows no challenge but those that another
 * ACME client has put into the folder.
 */
const program = `
const [port, name, folder] = process.argv.slice(1);
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const challengeOf = (url) => {
  try {
    return readFileSync(folder + '/' + url.slice(28));
  } catch {}
};
createServer((request, response) => {
    const isChallenge = request.url.startsWith('/.well-known/acme-challenge/');
    const found = isChallenge && folder && /^[\\w-]+$/.test(request.url.slice(28)) ? challengeOf(request.url) : undefined;
    response.writeHead(isChallenge && !found ? 404 : 200, { 'content-type': 'text/plain', 'x-node': name });
    response.end(found ?? (isChallenge ? 'no such challenge' : 'web ' + request.headers.host + ' ' + request.url));
  })
  .listen({ port: Number(port), host: '127.0.0.1' }).keepAliveTimeout = 75_000;
`;

/** What a node answers to a request that is none for a challenge. */
export const webAnswer = (host: string, path: string): string => `web ${host} ${path}`;

export interface WebNode {
  readonly address: string;
  readonly service: Service;
}

/** Web servers in processes of their own. */
export const startWebNodes = (count: number, challengeFolder = ''): Promise<readonly WebNode[]> =>
  Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const port = await freePort();
      const service = await startService({
        name: `node-${index + 1}`,
        program: process.execPath,
        args: ['-e', program, `${port}`, `node-${index + 1}`, challengeFolder],
        ready: () => portAccepts(port),
      });
      return { address: `127.0.0.1:${port}`, service };
    }),
  );
