/** One request and answer over a UNIX or TCP stream socket, for admin sockets (HAProxy). */
export interface Streams {
  /**
   * Connects, writes `text`, reads until the peer closes (at most 1 MiB). Rejects with `network/failed` where the
   * socket cannot be reached or is cut. `effect` names the call in traces and messages; no secret in it.
   */
  converse(
    socket: { readonly path: string } | { readonly host: string; readonly port: number },
    text: string,
    options: { readonly effect: string; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<string>;
}
