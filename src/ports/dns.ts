/** Sends one DNS query to one server. Walking zones, retrying and caching are up to the engine. */
export interface DnsServer {
  readonly address: string;
  /** Usually 53. */
  readonly port: number;
}

export type DnsType = 'A' | 'AAAA' | 'CAA' | 'CNAME' | 'NS' | 'SOA' | 'TXT';

export interface DnsRecord {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: DnsType | string;
  readonly ttl: number;
  /** A, AAAA: the address. CNAME, NS: the name, lower case, no trailing dot. TXT: the strings joined. SOA: the primary server's name. CAA: `flags tag value`. */
  readonly value: string;
}

export interface DnsAnswer {
  readonly rcode: 'NOERROR' | 'NXDOMAIN' | 'SERVFAIL' | 'REFUSED' | string;
  /** The AA bit: the answer is authoritative. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export interface Dns {
  /**
   * Queries over UDP, and over TCP if the response is truncated. Fails with `dns/lookup-failed` if no response arrives
   * (3 tries over UDP, 2 s each).
   */
  query(
    server: DnsServer,
    question: { readonly name: string; readonly type: DnsType; readonly recursive?: boolean },
    signal: AbortSignal,
  ): Promise<DnsAnswer>;
  /**
   * Sends a prepared message (an update, a signed one) and returns the raw reply; over TCP if requested, or if the
   * reply is truncated. An error has the operating system's as its `cause` only if the message had not been sent
   * (`core/errors/unsent.ts`).
   */
  exchange(
    server: DnsServer,
    message: Uint8Array,
    options: { readonly transport: 'udp' | 'tcp'; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;
  /** Returns this machine's resolvers (/etc/resolv.conf). */
  systemResolvers(): readonly DnsServer[];
}
