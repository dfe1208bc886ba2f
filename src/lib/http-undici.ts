import type { SecureContext } from 'node:tls';
import { EnvHttpProxyAgent, request as send } from 'undici';
import type { HttpRequest, HttpResponse } from '../ports/http.ts';
import { joined, TooLarge } from './http-answer.ts';

interface ProxyOptions {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly secureContext: SecureContext | undefined;
}

/**
 * Requests over one proxy. Which requests go over it is decided before (`proxyFor`), so undici is told to exclude
 * nothing. https goes through a CONNECT tunnel; plain http is handed to the proxy whole, since most proxies let
 * CONNECT through to port 443 only.
 */
export function connectProxy(proxy: string, options: ProxyOptions) {
  const trust = options.secureContext === undefined ? {} : { secureContext: options.secureContext };
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: '',
    proxyTunnel: false,
    connections: options.connections,
    // The caller's deadline is the only clock.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: options.connectTimeoutMs,
    // An https proxy may be signed by the same private root as the CA behind it.
    requestTls: trust,
    proxyTls: trust,
  });
  return {
    async request(
      request: HttpRequest,
      url: URL,
      headers: Record<string, string>,
      maxBytes: number,
      signal: AbortSignal,
    ): Promise<HttpResponse> {
      const answer = await send(url, {
        dispatcher: agent,
        method: request.method,
        headers,
        body: request.body ?? null,
        signal,
      });
      const chunks: Buffer[] = [];
      let size = 0;
      for await (const chunk of answer.body as AsyncIterable<Buffer>) {
        size += chunk.length;
        // Leaving the loop destroys the body and with it the connection.
        if (size > maxBytes) throw new TooLarge();
        chunks.push(chunk);
      }
      return { status: answer.statusCode, headers: joined(answer.headers), body: Buffer.concat(chunks, size) };
    },
    close: () => agent.destroy(),
  };
}
