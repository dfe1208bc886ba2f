/** DNS messages on the wire: one question to one server. Walks, retries and caches are the engine's. */
export interface DnsServer {
  readonly address: string;
  /** 53 unless said. */
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
  /** The AA bit: the server speaks for the zone. */
  readonly authoritative: boolean;
  readonly answers: readonly DnsRecord[];
  readonly authorities: readonly DnsRecord[];
  readonly additionals: readonly DnsRecord[];
}

export interface Dns {
  /**
   * Asks one question; UDP first, TCP when the answer is truncated. Fails with `dns/lookup-failed` when no answer
   * comes (2 s a try, 3 tries over UDP).
   */
  query(
    server: DnsServer,
    question: { readonly name: string; readonly type: DnsType; readonly recursive?: boolean },
    signal: AbortSignal,
  ): Promise<DnsAnswer>;
  /** Sends a ready message (an update, a signed one) and answers the raw reply; over TCP where asked or truncated. */
  exchange(
    server: DnsServer,
    message: Uint8Array,
    options: { readonly transport: 'udp' | 'tcp'; readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<Uint8Array>;
  /** The resolvers of this machine (/etc/resolv.conf). */
  systemResolvers(): readonly DnsServer[];
}
