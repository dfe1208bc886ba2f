import { Agent, request as ask, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Checks } from './checks.ts';
import type { EffectiveListener, Pool, Target } from './effective.ts';
import { chooseRoute } from './effective.ts';
import type { Behaviour } from './options.ts';

/** Headers that belong to one connection and are never passed on. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface Forwarder {
  handle(request: IncomingMessage, response: ServerResponse, listener: EffectiveListener): void;
  close(): void;
}

const page = (response: ServerResponse, status: number, title: string, headers: Record<string, string> = {}): void => {
  const text = `<html><head><title>${status} ${title}</title></head><body><center><h1>${status} ${title}</h1></center></body></html>\n`;
  response.writeHead(status, { 'content-type': 'text/html', 'content-length': text.length, ...headers }).end(text);
};

type Choose = (listener: EffectiveListener, host: string, url: string) => Pool | 'not-found' | undefined;

/** @param choose finds the servers for a request, by default as CLB does */
export function createForwarder(
  checks: Checks,
  behaviour: Pick<Behaviour, 'hostWithoutPath' | 'newServersTakeTraffic' | 'noHealthyServer'>,
  choose: Choose = (listener, host, url) => chooseRoute(listener, host, url, behaviour.hostWithoutPath),
): Forwarder {
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 256 });
  /** Smooth weighted round robin: each target's current weight, by its key. */
  const weights = new Map<string, number>();

  /** The targets that may take the request, the one whose turn it is first. */
  function order(pool: Pool): Target[] {
    const ready = pool.targets.filter((target) => {
      const health = checks.health(pool, target);
      const up =
        health === undefined || health === 'normal' || (health === 'unavailable' && behaviour.newServersTakeTraffic);
      return up && target.weight > 0;
    });
    const total = ready.reduce((sum, { weight }) => sum + weight, 0);
    for (const { key, weight } of ready) weights.set(key, (weights.get(key) ?? 0) + weight);
    ready.sort((a, b) => weights.get(b.key)! - weights.get(a.key)!);
    if (ready[0] !== undefined) weights.set(ready[0].key, weights.get(ready[0].key)! - total);
    return ready;
  }

  function send(
    request: IncomingMessage,
    response: ServerResponse,
    listener: EffectiveListener,
    targets: Target[],
  ): void {
    const [target, ...rest] = targets;
    if (target === undefined) {
      page(response, 502, 'Bad Gateway');
      return;
    }
    const { method = 'GET' } = request;
    const hasBody =
      request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
    const upstream = ask({
      host: target.address,
      port: target.port,
      method,
      path: request.url ?? '/',
      headers: forwardedHeaders(request, listener),
      // A body can be sent only once, so it never goes to a kept connection that the backend may be closing.
      agent: hasBody ? false : agent,
    });
    upstream.setTimeout(listener.requestTimeout * 1000, () => {
      if (!response.headersSent) page(response, 504, 'Gateway Time-out');
      upstream.destroy();
    });
    upstream.on('response', (answer) => {
      const headers: string[] = [];
      for (let index = 0; index < answer.rawHeaders.length; index += 2)
        if (!hopByHop.has(answer.rawHeaders[index]!.toLowerCase()))
          headers.push(answer.rawHeaders[index]!, answer.rawHeaders[index + 1]!);
      response.writeHead(answer.statusCode ?? 502, headers);
      answer.pipe(response);
      answer.on('error', () => response.destroy());
    });
    upstream.on('error', () => {
      if (response.headersSent || response.destroyed) response.destroy();
      else if (hasBody) page(response, 502, 'Bad Gateway');
      // A kept connection that was just closed says nothing about the backend.
      else send(request, response, listener, upstream.reusedSocket ? targets : rest);
    });
    response.on('close', () => {
      if (!response.writableFinished) upstream.destroy();
    });
    if (hasBody) request.pipe(upstream);
    else upstream.end();
  }

  return {
    handle(request, response, listener) {
      const url = request.url ?? '/';
      const host = hostOf(request);
      if (listener.forwardPort !== undefined) {
        const port = listener.forwardPort === 443 ? '' : `:${listener.forwardPort}`;
        request.resume();
        return page(response, 301, 'Moved Permanently', { location: `https://${host}${port}${url}` });
      }
      const pool = choose(listener, host, url);
      if (pool === 'not-found') return page(response, 404, 'Not Found');
      const targets = pool === undefined ? [] : order(pool);
      if (targets.length === 0)
        return behaviour.noHealthyServer === 503
          ? page(response, 503, 'Service Temporarily Unavailable')
          : page(response, 502, 'Bad Gateway');
      send(request, response, listener, targets);
    },
    close: () => agent.destroy(),
  };
}

/** The host that the request names: lower case, without port and final dot. */
const hostOf = ({ headers }: IncomingMessage): string =>
  (headers.host ?? '').toLowerCase().replace(/:\d+$/, '').replace(/\.$/, '');

function forwardedHeaders(
  request: IncomingMessage,
  { listener }: EffectiveListener,
): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, values] of Object.entries(request.headersDistinct))
    if (values !== undefined && !hopByHop.has(name)) headers[name] = values.length === 1 ? values[0]! : values;
  if (request.headers['transfer-encoding'] !== undefined) headers['transfer-encoding'] = 'chunked';
  const client = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  const before = request.headers['x-forwarded-for'];
  headers['x-forwarded-for'] = before === undefined ? client : `${before}, ${client}`;
  headers['x-forwarded-proto'] = listener.protocol;
  return headers;
}
