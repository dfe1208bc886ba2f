import { createTurns } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Pace } from './pace.ts';

/** While a CA is down, one certificate a minute probes whether it is back, up to three times in a pass. */
const probes = { everyMs: 60_000, most: 3 };

/** What one pass knows about a CA. */
export interface CaOfPass {
  state(): 'unknown' | 'works' | 'probing' | 'down';
  /**
   * Returns how many certificates may be worked on now. Once the CA has accepted an order, this is twice the number of
   * orders: the others are prepared or delivered meanwhile.
   */
  lanes(): number;
  /** Runs `work`, from newOrder to the certificate, once one more order may be in flight. */
  inTurn<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Calls `run` whenever the lanes may have grown, until the returned function is called. */
  onGrowth(run: () => void): () => void;
  /**
   * Records that the CA is down: it did not respond to a new order, or before it, or returned a 5xx.
   *
   * @returns whether it had worked until now, so that this pass will probe it
   */
  failed(): boolean;
  /** Records that an order was accepted. */
  works(): void;
  /** Records that the CA was down in an earlier pass, so that only one certificate is tried first. */
  probe(): void;
  /**
   * Returns in how many ms the next certificate may probe a CA that went down during this pass; 0 means that the caller
   * should probe it now. Returns undefined if the CA is not down, has accepted nothing since the pass began, or has
   * failed all probes.
   */
  nextProbe(): number | undefined;
}

export function createCaOfPass(clock: Pick<Clock, 'monotonicMs'>, pace: Pace): CaOfPass {
  let state: ReturnType<CaOfPass['state']> = 'unknown';
  let failedMs = 0;
  let probesLeft = 0;
  const listeners = new Set<() => void>();
  const turns = createTurns(() => (state === 'probing' ? 1 : Number.POSITIVE_INFINITY));

  return {
    state: () => state,
    lanes() {
      if (state === 'probing' || (state === 'down' && probesLeft > 0)) return 1;
      return state === 'works' ? 2 * pace.limit() : pace.limit();
    },
    inTurn: (work, signal) => turns.run(() => pace.inTurn(work, signal), signal),
    onGrowth(run) {
      const forget = pace.onGrowth(run);
      listeners.add(run);
      return () => {
        forget();
        listeners.delete(run);
      };
    },
    failed() {
      const hasDied = state === 'works';
      if (hasDied) probesLeft = probes.most;
      failedMs = clock.monotonicMs();
      state = 'down';
      return hasDied;
    },
    works() {
      if (state === 'works') return;
      state = 'works';
      turns.admit();
      for (const run of listeners) run();
    },
    probe() {
      if (state === 'unknown') state = 'probing';
    },
    nextProbe() {
      if (state !== 'down' || probesLeft === 0) return undefined;
      const waitMs = Math.max(0, failedMs + probes.everyMs - clock.monotonicMs());
      if (waitMs > 0) return waitMs;
      probesLeft -= 1;
      state = 'probing';
      return 0;
    },
  };
}
