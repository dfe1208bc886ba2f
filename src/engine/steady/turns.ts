import type { Clock } from '../../ports/clock.ts';

/**
 * When a process begins what is due, beside others that would begin the same. The nodes have an order for each
 * certificate: the first one is its owner and begins at once, and each other one 15 seconds after the one before it.
 */
export interface Turns {
  /**
   * Returns when it is the turn of this process for a certificate that is due at a time, or that time if it is still to
   * come. Both in ms since 1970.
   */
  of(name: string, dueMs: number): number;
  /** Reports whether a certificate is another node's. */
  isOthers(name: string): boolean;
  /** Reports whether another node has left its certificate for so long that even a process that has its own to begin helps. */
  isLate(name: string): boolean;
  forget(name: string): void;
}

const eachMs = 15_000;
/** However many nodes there are, none waits longer. */
const mostMs = 60_000;

/** @param rank how many nodes come before this one for a certificate */
export function createTurns(clock: Clock, rank: (name: string) => number): Turns {
  /** Since when each certificate of another node is due, as this process knows. Monotonic, in ms. */
  const leftSince = new Map<string, number>();
  return {
    of(name, dueMs) {
      const [nowMs, monotonicMs] = [clock.now().getTime(), clock.monotonicMs()];
      // The nodes may be others by then.
      const waitMs = dueMs > nowMs ? 0 : Math.min(rank(name) * eachMs, mostMs);
      if (waitMs === 0) {
        leftSince.delete(name);
        return dueMs;
      }
      // A document that is read again is due from then on, so the first time counts.
      const sinceMs = Math.min(leftSince.get(name) ?? monotonicMs, monotonicMs - (nowMs - dueMs));
      leftSince.set(name, sinceMs);
      return nowMs + Math.max(0, sinceMs + waitMs - monotonicMs);
    },
    isOthers: (name) => rank(name) > 0,
    isLate: (name) => clock.monotonicMs() - (leftSince.get(name) ?? Number.POSITIVE_INFINITY) >= mostMs,
    forget: (name) => void leftSince.delete(name),
  };
}
