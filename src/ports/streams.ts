/** One request and its response over a UNIX or TCP stream socket, for admin sockets (HAProxy). */
export interface Streams {
  /**
   * Connects, writes `text`, and reads until the peer closes (at most 1 MiB). Rejects with `network/failed` if the
   * socket cannot be reached or the connection breaks. `effect` names the call in traces and messages, and contains no
   * secrets.
   */
  converse(
    socket: { readonly path: string } | { readonly host: string; readonly port: number },
    text: string,
    options: { readonly effect: string; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<string>;
}
