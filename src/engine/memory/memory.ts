import { createBoundedMap } from '../../core/async/bounded-map.ts';
import { createTurnsByKey } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';
import type { AccountIssuer } from '../../ports/issuer.ts';
import { createPaces, type Paces } from './pace.ts';

/** Fewer than ten, because OpenSSH drops connections at random once ten are waiting to log in (`MaxStartups`). */
const mostStaging = 4;

/** More accounts than one store's certificates use. */
const mostAccounts = 256;

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
  /** When the places of each idle certificate's targets were last looked at, in monotonic ms. */
  readonly lookedAtPlaces: Map<string, number>;
  /** The IDs of the passes that have not ended. */
  readonly passes: Set<string>;
}

export const createMemory = (clock: Clock): Memory => ({
  accounts: createBoundedMap(mostAccounts),
  orderTurns: createTurnsByKey(),
  targetTurns: createTurnsByKey(),
  stagingTurns: createTurnsByKey(mostStaging),
  paces: createPaces(clock),
  lookedAtPlaces: createBoundedMap(mostLooked),
  passes: new Set(),
});
