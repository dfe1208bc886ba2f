/** A place from which the service is checked as the CA or a client would see it. The first one is this machine. */
export interface Vantage {
  readonly name: string;
  /**
   * Sends a GET to one address, with the URL's Host header; reads at most 64 KiB, without following redirects. HTTPS is
   * not verified, because a CA that follows a redirect does not verify it either. Rejects with `network/failed` if
   * there is no response.
   */
  get(
    url: string,
    at: { readonly address: string; readonly port: number },
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly location: string | undefined; readonly body: string }>;
  /**
   * Performs a TLS handshake with SNI, without verification. Returns the certificate for the caller to compare, and the
   * protocol that the server chose (ALPN) if `protocol` offered one. Rejects with `network/failed` if the handshake
   * does not complete.
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
