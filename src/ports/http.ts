/**
 * An HTTP request. CA file, proxy, keep-alive and connection limits are settings of the client, not of a request. The
 * client never follows redirects and never retries a request that may have taken effect: the caller decides.
 */
export interface HttpRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | undefined;
  readonly signal: AbortSignal;
  /** The largest body accepted, in bytes (default 1 MiB); a longer one fails with `network/too-large`. */
  readonly maxBytes?: number;
  /** The limit for the whole exchange once it has a connection, in ms (default 30 s). */
  readonly timeoutMs?: number;
  /** Where to connect, instead of resolving the URL's name. Host header and SNI stay those of the URL. */
  readonly connectTo?: { readonly address: string; readonly port: number };
}

export interface HttpResponse {
  readonly status: number;
  /** Names are in lower case; repeated headers are joined with `, ` (Link too). */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface Http {
  /**
   * Resolves for every status. Rejects with `network/failed` (no response, a dropped connection, TLS, a time-out), with
   * `network/too-large`, or with the signal's reason on abort. Messages contain no header and no body.
   */
  request(request: HttpRequest): Promise<HttpResponse>;
  /** Closes idle connections, so that the process can end. */
  close(): Promise<void>;
}
