import type { SecureContext } from 'node:tls';
import { EnvHttpProxyAgent, request as send } from 'undici';
import type { HttpRequest, HttpResponse } from '../../ports/http.ts';
import { joined, TooLarge } from './answer.ts';

interface ProxyOptions {
  readonly connections: number;
  readonly connectTimeoutMs: number;
  readonly trust: { readonly server: SecureContext | undefined; readonly proxy: SecureContext | undefined };
}

/**
 * Sends requests through one proxy. `proxyFor` decides which requests use it, so undici excludes none. https uses a
 * CONNECT tunnel; plain http is sent to the proxy itself, since most proxies allow CONNECT only to port 443.
 */
export function connectProxy(proxy: string, options: ProxyOptions) {
  const trusting = (context: SecureContext | undefined) => (context === undefined ? {} : { secureContext: context });
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy,
    httpsProxy: proxy,
    noProxy: '',
    proxyTunnel: false,
    connections: options.connections,
    // Only the caller's deadline limits the time.
    headersTimeout: 0,
    bodyTimeout: 0,
    connectTimeout: options.connectTimeoutMs,
    // An https proxy may have a certificate of the same private root as the CA.
    requestTls: trusting(options.trust.server),
    proxyTls: trusting(options.trust.proxy),
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
        // Leaving the loop destroys the body, and with it the connection.
        if (size > maxBytes) throw new TooLarge();
        chunks.push(chunk);
      }
      return { status: answer.statusCode, headers: joined(answer.headers), body: Buffer.concat(chunks, size) };
    },
    close: () => agent.destroy(),
  };
}
