import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type AwsCloud, startAwsCloud } from './aws-cloud.ts';
import { ask } from './https.ts';
import { atEnd, until } from './service.ts';
import { startWebNodes } from './web-nodes.ts';

export const challengePrefix = '/.well-known/acme-challenge/';

/** A load balancer of AWS with three healthy nodes. */
export interface AwsBalancer {
  readonly cloud: AwsCloud;
  /** The port of a server that answers one token and health checks. */
  readonly responder: number;
  /** A request that arrives at port 80 of the load balancer. */
  get(path: string, host: string, method?: string): ReturnType<typeof ask>;
}

export async function startAwsBalancer(): Promise<AwsBalancer> {
  const web = await startWebNodes(3);
  const responder = await startResponder({
    [`${challengePrefix}tok-en_1`]: 'tok-en_1.print',
    [`${challengePrefix}health`]: 'fine',
  });
  const cloud = await startAwsCloud({
    nodes: web.map(({ address }) => address),
    addresses: { '172.31.0.9': '127.0.0.1', '10.9.0.9': '127.0.0.1' },
  });
  const get: AwsBalancer['get'] = (path, host, method = 'GET') =>
    ask(`http://127.0.0.1:${cloud.plane.portOf(80)}${path}`, { headers: { host }, method });
  await until(async () => (await get('/', 'www.example.test')).status === 200, { what: 'the nodes are healthy' });
  return { cloud, responder, get };
}

/** Answers a token and health checks on a node. */
async function startResponder(answers: Readonly<Record<string, string>>): Promise<number> {
  const server = createServer((request, response) => {
    const found = answers[request.url ?? ''];
    response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'text/plain' });
    response.end(found);
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
