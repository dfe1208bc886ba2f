/**
 * Changes TXT values in a zone. The `dns01` solver handles zone cuts, CNAME delegation, waiting, merging and locking; a
 * provider only sends changes to the API. There are two kinds: {@link ValuesProvider} and {@link SetsProvider}.
 *
 * - Adding a value twice leaves one value. Other values at the name survive, including those of other programs.
 * - Removing an absent value succeeds. A removal removes exactly this value, never others at the name, and works
 *   without an earlier call's result.
 * - A call that is repeated after a crash, at whatever point, MUST end in the same state.
 * - Errors: `dns/refused`, `dns/limited` and `dns/clock-skew` mean that nothing was written; `dns/conflict` means that
 *   a set has changed since it was read; after `dns/failed` (5xx, an unreadable response), `dns/bad-answer` and
 *   `dns/unreachable` the outcome is unknown. `dns/unreachable` whose innermost cause is a refused connection or the
 *   like (`core/errors/unsent.ts`) means that nothing was written.
 * - These meanings apply to the request that failed. A call that makes several requests passes its signal on to each,
 *   and the code that sends a request records a write on that signal (`noteWrite`; `json-api` does). After a write,
 *   `dns01` turns every error into `dns/failed`.
 */
export type DnsProvider = ValuesProvider | SetsProvider;

/** For an API whose records are separate objects, of which a name may have several. */
export interface ValuesProvider extends Provider {
  readonly kind: 'values';
  /** Returns something that helps `remove` to find the value quickly (a record ID), or undefined. */
  append(value: DnsValue, signal: AbortSignal): Promise<string | undefined>;
  remove(value: DnsValue, made: string | undefined, signal: AbortSignal): Promise<void>;
}

/**
 * For an API that replaces whole record sets, or that accepts several changes of a zone in one call. `dns01` collects
 * concurrent changes, and calls `read` and `write` under a lock on the zone or the name.
 */
export interface SetsProvider extends Provider {
  readonly kind: 'sets';
  /**
   * Returns the TXT sets at these names, as the API currently has them; a name without one is left out. A provider
   * whose service adds and removes single values itself has no `read`.
   */
  read?(zone: string, names: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, TxtSet>>;
  /**
   * Makes all changes, in one call if the API supports that. If it can tell that a set has changed since it was read,
   * it fails with `dns/conflict`, and `dns01` reads again. If some changes were made before a failure, they are
   * repeated.
   */
  write(zone: string, changes: readonly SetChange[], signal: AbortSignal): Promise<void>;
}

interface Provider {
  /**
   * Checks that the provider responds, accepts these credentials and knows the zone; changes nothing. Called before an
   * order. Fails with `dns/refused`, in a sentence that names the option if one is wrong.
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
  /** The value is not removed after the order (dns-persist-01). */
  readonly stays?: true;
  /**
   * The input from which the value was computed, for a bridge to a program that computes it itself; undefined outside
   * an order.
   */
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
  /** The API's ID or version of the set, for `write`. */
  readonly tag?: string;
}

/** What one TXT set should become. `write` uses either `before` and `after`, or `add` and `remove`. */
export interface SetChange {
  /** The full record name. */
  readonly name: string;
  /** Values that must exist, whether or not they already do. */
  readonly add: readonly string[];
  /** Values that must not exist, whether or not they do now. */
  readonly remove: readonly string[];
  /** As read; undefined if there is no set, or no `read`. */
  readonly before: TxtSet | undefined;
  /** The whole set. If it is empty, the set must be deleted. It may be the same as before. */
  readonly after: readonly string[];
  /** In seconds, for the whole set. */
  readonly ttl: number;
}

/** What is known about a service, for the engine. */
export interface DnsProviderTraits {
  /**
   * Which changes conflict, and so are made one after another by all processes: `value`: none; `name`: those at one
   * name; `zone`: those in one zone.
   */
  readonly writes: 'value' | 'name' | 'zone';
  /** The smallest TTL that the service accepts, in seconds. */
  readonly minTtl: number;
  /** How many changes may be in progress at once. */
  readonly maxConcurrent: number;
  /** How many changes the service accepts per minute; unlimited if omitted. A `write` counts once. */
  readonly perMinute?: number;
  /** The maximum time until all servers have a written value, in ms; 2 minutes if omitted. */
  readonly visibleMs?: number;
  /**
   * How far the service's own list of records lags behind its changes, in ms. What a removal may miss is removed again
   * later.
   */
  readonly listLagMs?: number;
  /**
   * How long the removal of an order's values may take before the rest is left to the next sweep, in ms; 30 s if
   * omitted.
   */
  readonly cleanupBudgetMs?: number;
  /** The service keeps this many values at a name, and drops the oldest for a new one. Nothing can be removed. */
  readonly keepsLast?: number;
}
