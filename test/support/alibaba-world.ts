import { readFile } from 'node:fs/promises';
import { type Agent, createServer, type IncomingMessage, request, type Server } from 'node:http';
import { join } from 'node:path';
import { atEnd, freePort } from './service.ts';

/** A web server of the cluster, which says its name. */
export interface Node {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Requests that were no health checks. */
  readonly requests: readonly { readonly url: string; readonly headers: IncomingMessage['headers'] }[];
  readonly checks: readonly { readonly method: string; readonly url: string; readonly host: string }[];
  /** Connections that were opened for the requests. */
  readonly connections: number;
  /** What it answers to health checks; 200 at first. */
  health: number;
  /** Where another ACME client puts its challenges; none at first. */
  challengeFolder: string | undefined;
  server: Server;
}

const challengeUrl = /^\/\.well-known\/acme-challenge\/([\w-]+)$/;

/** Nodes `a`, `b`, `c` on 127.0.0.11 and so on, all on one port, as in a cluster. */
export async function startNodes(count: number): Promise<Node[]> {
  const port = await freePort();
  const nodes: Node[] = [];
  for (let index = 0; index < count; index++)
    nodes.push(await startNode('abcdef'[index]!, `127.0.0.${index + 11}`, port));
  return nodes;
}

export async function startNode(name: string, address: string, port: number): Promise<Node> {
  const requests: { url: string; headers: IncomingMessage['headers'] }[] = [];
  const checks: { method: string; url: string; host: string }[] = [];
  const sockets = new Set<unknown>();
  const server = createServer((asked, answer) => {
    const { url = '', method = '', headers } = asked;
    if (headers['user-agent'] === 'SLBHealthCheck') {
      checks.push({ url, method, host: headers.host ?? '' });
      answer.writeHead(node.health).end();
      return;
    }
    sockets.add(asked.socket);
    requests.push({ url, headers });
    const [, token] = challengeUrl.exec(url) ?? [];
    if (node.challengeFolder !== undefined && token !== undefined) {
      readFile(join(node.challengeFolder, token)).then(
        (found) => answer.end(found),
        () => answer.writeHead(404).end('no such challenge'),
      );
      return;
    }
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const delay = Number(new URL(url, 'http://x').searchParams.get('delay') ?? 0);
      const send = () => answer.end(`${name} ${method} ${url}${Buffer.concat(chunks).toString()}`);
      if (delay === 0) send();
      else setTimeout(send, delay);
    });
  });
  const node: Node = {
    name,
    address,
    port,
    requests,
    checks,
    health: 200,
    challengeFolder: undefined,
    server,
    get connections() {
      return sockets.size;
    },
  };
  await new Promise<void>((opened) => server.listen(port, address, opened));
  atEnd(() => {
    server.close();
    server.closeAllConnections();
  });
  return node;
}

export interface Seen {
  readonly status: number;
  readonly text: string;
  readonly headers: IncomingMessage['headers'];
}

/** A request to the fake's data plane with any Host. */
export function get(
  port: number,
  host: string,
  path: string,
  options: {
    readonly agent?: Agent;
    readonly method?: string;
    readonly body?: string;
    readonly headers?: Record<string, string>;
  } = {},
): Promise<Seen> {
  return new Promise((answer, reject) => {
    const asking = request(
      {
        host: '127.0.0.1',
        port,
        path,
        method: options.method ?? 'GET',
        headers: { host, ...options.headers },
        agent: options.agent ?? false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () =>
          answer({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString(),
            headers: response.headers,
          }),
        );
      },
    );
    asking.on('error', reject);
    asking.end(options.body);
  });
}
