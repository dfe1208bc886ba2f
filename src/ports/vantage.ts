/** A place from which the service is looked at as the CA or a client would. The first one is this machine. */
export interface Vantage {
  readonly name: string;
  /**
   * GET over plain HTTP at one address, with the Host header of the URL. Follows no redirect. At most 64 KiB.
   * Rejects with `network/failed` when there is no answer.
   */
  get(
    url: string,
    at: { readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly location: string | undefined; readonly body: string }>;
  /**
   * A TLS handshake with SNI that verifies nothing: the certificate it shows, for the caller to compare. Rejects with
   * `network/failed` when it does not complete.
   */
  handshake(
    endpoint: { readonly address: string; readonly port: number; readonly serverName: string },
    signal: AbortSignal,
  ): Promise<{ readonly certificateDer: Uint8Array }>;
}
