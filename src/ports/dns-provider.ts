/**
 * Changes TXT values in a zone. The `dns01` solver handles zone cuts, CNAME delegation, waiting, merging and locking;
 * a provider only sends one change to the zone's API.
 *
 * - Appending a value twice leaves one value; other values at the name survive.
 * - Removing an absent value succeeds. `remove` removes exactly this value, never others at the name, and works
 *   without `made`.
 * - Errors: `dns/refused` (credentials, permissions) and `dns/clock-skew`, which mean that nothing was written;
 *   `dns/unreachable`, `dns/bad-answer`; a limit has `retryAt`. `dns/unreachable` whose innermost cause is a refused
 *   connection or the like (`core/unsent.ts`) means the same, so a provider that may have written omits such a cause.
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
  /** Adds and removes one value at a time. Providers that only write whole record sets will be another kind. */
  readonly kind: 'values';
  /** Returns what helps `remove` to find the value quickly (a record id), or undefined. */
  append(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<void>;
  /**
   * Whether the provider answers, takes these credentials and knows the zone; changes nothing. Asked before an order,
   * if the provider has a cheap way to tell.
   */
  check?(zone: string, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

export interface DnsProviderTraits {
  /** Which concurrent changes conflict: `dns01` locks by value, name or zone. */
  readonly writes: 'value' | 'name' | 'zone';
  /** Smallest TTL the provider accepts, in seconds. */
  readonly minTtl: number;
  /** How many calls may run at once. */
  readonly maxConcurrent: number;
}
