/** A place from which the service is checked the way the CA or a client would. The first one is this machine. */
export interface Vantage {
  readonly name: string;
  /**
   * GET from one address, with the Host header of the URL; at most 64 KiB, without following redirects. Over HTTPS
   * without verification, as a CA does that follows a redirect. Rejects with `network/failed` if there is no answer.
   */
  get(
    url: string,
    at: { readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly location: string | undefined; readonly body: string }>;
  /**
   * A TLS handshake with SNI, without verification. Returns the certificate for the caller to compare, and the protocol
   * that the server chose of the one offered in `protocol` (ALPN). Rejects with `network/failed` if it does not complete.
   */
  handshake(
    endpoint: {
      readonly address: string;
      readonly port: number;
      readonly serverName: string;
      readonly protocol?: string;
    },
    signal: AbortSignal,
  ): Promise<{ readonly certificateDer: Uint8Array; readonly protocol?: string | undefined }>;
}
