/**
 * HTTP requests. CA file, proxy from the environment, keep-alive and connection limits belong to the object behind
 * this port, not to the call. It never follows redirects and never retries: both are decisions of the caller.
 */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly signal: AbortSignal;
  /** Largest body taken, in bytes (default 1 MiB); a longer one fails with `network/too-large`. */
  readonly maxBytes?: number;
  /** The whole exchange, in ms (default 30 s), from when it has one of the connections. */
  readonly timeoutMs?: number;
  /** Connect here instead of where the URL's name resolves to; the Host header and SNI stay the URL's. */
  readonly connectTo?: { readonly address: string; readonly port: number };
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case; a header that came more than once is joined with `, ` (Link too). */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Http {
  /**
   * Resolves for every status. Rejects with `network/failed` (no answer, cut, TLS, time-out; the reason in words) or
   * `network/too-large`; with the signal's reason when that was aborted. The message holds no header and no body.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections, so that the process can end. */
  close(): Promise<void>;
}
