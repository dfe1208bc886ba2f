import type { Bucket } from '../../core/limits/order-buckets.ts';
import type { Gathering } from './gathering.ts';
import { createPathfinders, type Pathfinders } from './pathfinders.ts';

/** When a certificate may be ordered, by a forecast over all that are due. */
export interface Ticket {
  /** By the CA's clock. */
  readonly atMs: number;
  /** What it waits for; undefined if it need not wait. */
  readonly by: Bucket | undefined;
  /** Its place among the certificates of its CA. */
  readonly rank: number;
}

/** What a pass knows about the rate limits of CAs. */
export interface LimitsOfPass {
  /** Returns the arrival times of a CA's buckets, by {@link Bucket.key}, as far as they were read. */
  arrivalsAt(directory: string): Map<string, number>;
  /** The URLs of open accounts, by the keys of their documents. */
  readonly accounts: Map<string, string>;
  /** The sets of names that several declared certificates have, once they are known. */
  sharedSets?: ReadonlySet<string>;
  /** By the certificate's name. */
  readonly tickets: Map<string, Ticket>;
  /** By the certificate's name: where those are expected that will be ordered in this pass. */
  readonly expected: Map<string, Gathering>;
  /** Documents of the ledger that could not be read, which was reported. */
  readonly damaged: Set<string>;
  /** A certificate comes to its order now, or has ended before. */
  gone(name: string): void;
  /** Sends newOrder. */
  readonly ask: Pathfinders;
  /** The pass ends; none of its certificates will be ordered any more. */
  end(): void;
}

export function createLimitsOfPass(): LimitsOfPass {
  const cas = new Map<string, Map<string, number>>();
  const expected = new Map<string, Gathering>();
  const gone = (name: string) => {
    expected.get(name)?.gone(name);
    expected.delete(name);
  };
  return {
    accounts: new Map(),
    tickets: new Map(),
    expected,
    damaged: new Set(),
    gone,
    ask: createPathfinders(),
    end: () => [...expected.keys()].forEach(gone),
    arrivalsAt(directory) {
      const arrivals = cas.get(directory) ?? new Map<string, number>();
      cas.set(directory, arrivals);
      return arrivals;
    },
  };
}
