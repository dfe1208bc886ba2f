/**
 * Changes TXT values in a zone. Zone cuts, CNAME delegation, waiting, merging and locking are the `dns01` solver's;
 * a provider only carries one change to the zone's API.
 *
 * - `append` twice with the same value is one value; other values at the name survive.
 * - `remove` of what is absent is fine; it removes the exact value only, never the name's other values, and works
 *   without `made`.
 * - Errors: `dns/refused` (credentials, permissions: blame config), `dns/clock-skew`: either way nothing was written;
 *   `dns/unreachable`, `dns/bad-answer`; a limit with `retryAt`.
 */
export interface DnsValue {
  /** The zone, as found by SOA: `example.com`. */
  readonly zone: string;
  /** The full record name: `_acme-challenge.www.example.com`. */
  readonly name: string;
  /** The TXT value without quotes. */
  readonly value: string;
}

export interface DnsProvider {
  /** Each value is added and removed on its own. Providers that only write whole record sets come with a kind of their own. */
  readonly kind: 'values';
  /** Answers what `remove` may be given to find the value quicker (a record id), or undefined. */
  append(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

export interface DnsProviderTraits {
  /** The grain in which concurrent changes disturb each other; `dns01` takes its lock by it. */
  readonly writes: 'value' | 'name' | 'zone';
  /** Smallest TTL the provider accepts, in seconds. */
  readonly minTtl: number;
  /** Most calls at once. */
  readonly maxConcurrent: number;
}
