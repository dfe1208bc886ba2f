/**
 * Changes TXT values in a zone. The `dns01` solver handles zone cuts, CNAME delegation, waiting, merging and locking;
 * a provider only sends changes to the API. There are two kinds: {@link ValuesProvider} and {@link SetsProvider}.
 *
 * - Adding a value twice leaves one value; other values at the name survive, also those of other programs.
 * - Removing an absent value succeeds. A removal takes exactly this value, never others at the name, and works without
 *   what an earlier call returned.
 * - A call that is repeated after a crash, at whatever point that came, MUST end in the same state.
 * - Errors: `dns/refused`, `dns/limited` and `dns/clock-skew` mean that nothing was written; `dns/conflict`, that a
 *   set is no longer as it was read; after `dns/failed` (5xx, an unreadable answer), `dns/bad-answer` and
 *   `dns/unreachable` it is not known. `dns/unreachable` whose innermost cause is a refused connection or the like
 *   (`core/errors/unsent.ts`) means that nothing was written.
 * - These are about the request that failed. A call that takes several passes its signal on to each, and what sends a
 *   request notes a write by it (`noteWrite`; `json-api` does). After a write, `dns01` makes every error `dns/failed`.
 */
export type DnsProvider = ValuesProvider | SetsProvider;

/** For an API whose records are objects of their own, of which a name may have several. */
export interface ValuesProvider extends Provider {
  readonly kind: 'values';
  /** Returns what helps `remove` to find the value quickly (a record id), or undefined. */
  append(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<void>;
}

/**
 * For an API that replaces whole record sets, or that takes several changes of a zone in one call. `dns01` collects
 * what is wanted at the same time, and calls `read` and `write` under a lock on the zone or the name.
 */
export interface SetsProvider extends Provider {
  readonly kind: 'sets';
  /**
   * The TXT sets at these names, as the API has them now; a name without any is left out. A provider whose service
   * adds and removes single values itself has no `read`.
   */
  read?(zone: string, names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, TxtSet>>;
  /**
   * Makes all changes, in one call if the API can. If it can tell that a set is no longer as it was read, it fails with
   * `dns/conflict`, and `dns01` reads again. If some changes were made before it failed, they are made again.
   */
  write(zone: string, changes: readonly SetChange[], signal: AbortSignal): Promise<void>;
}

interface Provider {
  /**
   * Whether the provider answers, takes these credentials and knows the zone; changes nothing. Asked before an order.
   * Fails with `dns/refused` in a sentence that names the option, if one is wrong.
   */
  check?(zone: string, signal: AbortSignal): Promise<void>;
  close?(): Promise<void>;
}

export interface DnsValue {
  /** The zone, as found by SOA: `example.com`. */
  readonly zone: string;
  /** The full record name: `_acme-challenge.www.example.com`. */
  readonly name: string;
  /** The TXT value without quotes. */
  readonly value: string;
  /** In seconds; at least the provider's `minTtl`. */
  readonly ttl: number;
  /** It is not removed after the order (dns-persist-01). */
  readonly stays?: true;
  /** What the value was made from, for a bridge to a program that makes it itself; undefined outside an order. */
  readonly challenge?: {
    /** Without `*.`. */
    readonly domain: string;
    readonly token: string;
    readonly keyAuthorization: string;
  };
}

export interface TxtSet {
  /** Without quotes. */
  readonly values: readonly string[];
  /** In seconds. */
  readonly ttl?: number | undefined;
  /** The API's id or version of the set, for `write`. */
  readonly tag?: string;
}

/** What one TXT set should become. `write` needs either `before` and `after`, or `add` and `remove`. */
export interface SetChange {
  /** The full record name. */
  readonly name: string;
  /** Values that must be there, whether or not they are already. */
  readonly add: readonly string[];
  /** Values that must be gone, whether or not they are there. */
  readonly remove: readonly string[];
  /** As read; undefined if there is no set, or no `read`. */
  readonly before: TxtSet | undefined;
  /** The whole set; if it is empty, the set must be gone. It may be the same as before. */
  readonly after: readonly string[];
  /** In seconds, for the whole set. */
  readonly ttl: number;
}

/** What is known of a service, for the engine. */
export interface DnsProviderTraits {
  /**
   * Which changes conflict, and so are made one after another, by all processes: `value` – none; `name` – at one name;
   * `zone` – in one zone.
   */
  readonly writes: 'value' | 'name' | 'zone';
  /** Smallest TTL the service accepts, in seconds. */
  readonly minTtl: number;
  /** How many changes may be under way at once. */
  readonly maxConcurrent: number;
  /** How many changes it takes a minute; unlimited if left out. A `write` counts once. */
  readonly perMinute?: number;
  /** How long until all servers have a written value, at most, in ms; 2 minutes if left out. */
  readonly visibleMs?: number;
  /** How far the service's own list of records lags behind its changes, in ms. What a removal may miss is removed again later. */
  readonly listLagMs?: number;
  /** How long the removal of an order's values may take before the rest is left to the next sweep, in ms; 30 s if left out. */
  readonly cleanupBudgetMs?: number;
  /** The service keeps this many values at a name, and drops the oldest for a new one; nothing can be removed. */
  readonly keepsLast?: number;
}
