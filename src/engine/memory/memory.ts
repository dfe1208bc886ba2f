import type { Condition } from '../../core/alarm/conditions.ts';
import type { createBatches } from '../../core/async/batches.ts';
import { createBoundedMap } from '../../core/async/bounded-map.ts';
import type { Recent } from '../../core/async/recent.ts';
import { createTurnsByKey } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AccountIssuer } from '../../ports/issuer.ts';
import type { Gathering } from './gathering.ts';
import { createPaces, type Paces } from './pace.ts';

/** Fewer than ten, because OpenSSH drops connections at random once ten are waiting to log in (`MaxStartups`). */
const mostStaging = 4;

/** More accounts than one store's certificates use. */
const mostAccounts = 256;

/** The documents of four busy CAs. Those of another share no writes for a while. */
const mostLedgers = 512;

/** More CAs than one store's certificates use. */
const mostCas = 64;

/** A change of the arrival times in one document, by hash. It runs again if another process was faster. */
export type Change = (arrivals: Map<string, number>) => unknown;

/** What earlier runs learned about a CA that concerns all certificates. */
export interface CaHold {
  /** RFC 3339, like `until`. */
  readonly since: string;
  /** Until when the CA asked us to wait; equal to `since` if it gave no time. */
  readonly until: string;
  /** newOrder got no response, or a 5xx: the next run tries one certificate before all others. */
  readonly isDown?: true;
}

/** More targets than hang at once. */
const mostHung = 1_024;

/** More incidents than CAs have in a year. */
const mostIncidents = 256;

/** More certificates with such targets are looked at more often. */
const mostLooked = 10_000;

/**
 * What a process remembers from one pass to the next. All of it is bounded, and none of it has to survive the process.
 */
export interface Memory {
  /**
   * Accounts by `accountKey`, so that a hundred certificates open an account only once. An account that the CA refuses,
   * or that a person changes, is replaced.
   */
  readonly accounts: Map<string, Promise<AccountIssuer>>;
  /** Allows one order at a time for the same names at the same CA. */
  readonly orderTurns: ReturnType<typeof createTurnsByKey>;
  /** Allows one deployment at a time on a target that cannot handle several. */
  readonly targetTurns: ReturnType<typeof createTurnsByKey>;
  /** Allows some certificates at a time to be staged on a target where they share a reload. */
  readonly stagingTurns: ReturnType<typeof createTurnsByKey>;
  /** How many orders each CA gets at once, by directory URL. */
  readonly paces: Paces;
  /** The writes of each document with arrival times (`ledger/buckets.ts`): those that come at the same time are one. */
  readonly ledgerWrites: Map<string, ReturnType<typeof createBatches<Change, unknown>>>;
  /** The orders that are on their way to a CA, by the account's key. */
  readonly gatherings: Map<string, Gathering>;
  /** How far this machine's clock was ahead of each CA's, in ms, by directory URL. */
  readonly skews: Map<string, number>;
  /** The last hold of each CA, by directory URL, as it was a moment ago (`ledger/ca-hold.ts`). */
  readonly holds: Map<string, Recent<CaHold | undefined>>;
  /**
   * When each target missed its deadline, in monotonic ms, so that other certificates do not wait for it within the next
   * hour.
   */
  readonly hung: Map<string, number>;
  /** When the places of each idle certificate's targets were last looked at, in monotonic ms. */
  readonly lookedAtPlaces: Map<string, number>;
  /**
   * The pages of CAs' incidents that were reported, by issuer and URL, each with its alarm until that is kept: a
   * certificate may be renewed before the next look for alarms.
   */
  readonly incidents: Map<string, Condition | undefined>;
  /** The IDs of the passes that have not ended. */
  readonly passes: Set<string>;
}

export const createMemory = (clock: Clock): Memory => ({
  accounts: createBoundedMap(mostAccounts),
  orderTurns: createTurnsByKey(),
  targetTurns: createTurnsByKey(),
  stagingTurns: createTurnsByKey(mostStaging),
  paces: createPaces(clock),
  ledgerWrites: createBoundedMap(mostLedgers),
  gatherings: createBoundedMap(mostAccounts),
  skews: createBoundedMap(mostCas),
  holds: createBoundedMap(mostCas),
  hung: createBoundedMap(mostHung),
  lookedAtPlaces: createBoundedMap(mostLooked),
  incidents: createBoundedMap(mostIncidents),
  passes: new Set(),
});
