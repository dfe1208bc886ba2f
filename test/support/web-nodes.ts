import { freePort, portAccepts, startService } from './service.ts';

/**
 * The web server of each node: answers a request with its host and path, and knows no challenge but those that another
 * ACME client has put into the folder.
 */
const program = `
const [folder, ...ports] = process.argv.slice(1);
const { createServer } = require('node:http');
const { readFileSync } = require('node:fs');
const challengeOf = (url) => {
  try {
    return readFileSync(folder + '/' + url.slice(28));
  } catch {}
};
for (const [index, port] of ports.entries())
  createServer((request, response) => {
    const isChallenge = request.url.startsWith('/.well-known/acme-challenge/');
    const found = isChallenge && folder && /^[\\w-]+$/.test(request.url.slice(28)) ? challengeOf(request.url) : undefined;
    response.writeHead(isChallenge && !found ? 404 : 200, { 'content-type': 'text/plain', 'x-node': 'node-' + (index + 1) });
    response.end(found ?? (isChallenge ? 'no such challenge' : 'web ' + request.headers.host + ' ' + request.url));
  }).listen({ port: Number(port), host: '127.0.0.1' }).keepAliveTimeout = 75_000;
`;

/** What a node answers to a request that is none for a challenge. */
export const webAnswer = (host: string, path: string): string => `web ${host} ${path}`;

export interface WebNode {
  readonly address: string;
}

/** Web servers in a process of their own, so that a busy test does not slow them down. */
export async function startWebNodes(count: number, challengeFolder = ''): Promise<readonly WebNode[]> {
  const ports = await Promise.all(Array.from({ length: count }, () => freePort()));
  await startService({
    name: 'web-nodes',
    program: process.execPath,
    args: ['-e', program, challengeFolder, ...ports.map(String)],
    ready: async () => (await Promise.all(ports.map((port) => portAccepts(port)))).every((accepts) => accepts),
  });
  return ports.map((port) => ({ address: `127.0.0.1:${port}` }));
}
