import { isUnusableStore } from '../../core/errors/unusable-store.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Clock } from '../../ports/clock.ts';

/** What a process knows of its own health. The loop tells it; metrics, health checks and the heartbeat read it. */
export interface Vitals {
  /** When it had read all lineages. RFC 3339. */
  readonly readyAt: string | undefined;
  /** Resolves then. */
  readonly whenReady: Promise<void>;
  /** When the loop turns again at the latest. Monotonic, in ms. */
  readonly turnByMs: number;
  /** How late the last turn began, in ms. */
  readonly lateMs: number;
  /** What the store failed at when this process last tried, in words for the log. */
  readonly cannotRead: string | undefined;
  /** The same for one document, while the store as a whole may be well. */
  readonly cannotReadOne: string | undefined;
  readonly cannotWrite: string | undefined;
  /** Since when the store has failed at any of them. Monotonic, in ms. */
  readonly storeFailsSinceMs: number | undefined;
  /** Why it cannot listen where the configuration says, and since when (RFC 3339). */
  readonly cannotListen: { readonly since: string; readonly message: string } | undefined;
  readonly counts: Readonly<Counts>;
  /** How many alarms are open of which this process takes care; undefined before its first look. */
  readonly openAlarms: number | undefined;
  /** How often each result came, such as `renewed`. */
  readonly outcomes: ReadonlyMap<Outcome['result'], number>;
  /** How often each error came. */
  readonly errors: ReadonlyMap<string, number>;
  /** Returns all certificates, declared or stored, as this process last saw them. */
  certificates(): Iterable<KnownCertificate>;
}

/** `one`: a single document is read. */
type StoreUse = 'read' | 'one' | 'write';

interface Counts {
  turns: number;
  passes: number;
  /** Answers about renewal windows, from the CA. */
  windows: number;
  storeFailures: number;
}

/** A certificate as far as the health of the process depends on it. Times are in ms since 1970, NaN if there is none. */
export interface KnownCertificate {
  readonly name: string;
  /** Nothing renews it: it is no longer declared, or a test. */
  readonly isUndeclared: boolean;
  readonly notAfterMs: number;
  readonly renewMs: number;
  readonly overdueMs: number;
  readonly isFailing: boolean;
  readonly isPaused: boolean;
  /** A target lacks the current version. */
  readonly isPending: boolean;
}

/** The same, as the loop and what runs beside it write it. */
export interface VitalsLog extends Vitals {
  know(certificates: () => Iterable<KnownCertificate>): void;
  ready(): void;
  /** A turn begins. */
  turns(): void;
  /** The turn has ended, and the next one begins in so many ms at the latest. */
  turned(restMs: number): void;
  asked(windows: number): void;
  passEnded(outcomes: readonly Outcome[]): void;
  alarmed(open: number): void;
  /** Takes note that it listens where the configuration says, or why not. */
  listens(failure: string | undefined): void;
  /** Takes note that the store could be used, or why not. */
  store(use: StoreUse, failure: string | undefined): void;
}

/** How long one turn may take. */
const turnMs = 60_000;

export function createVitals(clock: Clock): VitalsLog {
  const counts: Counts = { turns: 0, passes: 0, windows: 0, storeFailures: 0 };
  const outcomes = new Map<Outcome['result'], number>();
  const errors = new Map<string, number>();
  const failures: Record<StoreUse, string | undefined> = { read: undefined, one: undefined, write: undefined };
  let storeFailsSinceMs: number | undefined;
  let readyAt: string | undefined;
  let tellReady = () => {};
  const whenReady = new Promise<void>((resolve) => {
    tellReady = resolve;
  });
  let turnByMs = clock.monotonicMs() + turnMs;
  let lateMs = 0;
  let isResting = false;
  let openAlarms: number | undefined;
  let cannotListen: Vitals['cannotListen'];
  let certificates = (): Iterable<KnownCertificate> => [];

  const store: VitalsLog['store'] = (use, failure) => {
    if (failure !== undefined) counts.storeFailures++;
    failures[use] = failure;
    const fails = Object.values(failures).some((one) => one !== undefined);
    storeFailsSinceMs = fails ? (storeFailsSinceMs ?? clock.monotonicMs()) : undefined;
  };

  return {
    whenReady,
    get readyAt() {
      return readyAt;
    },
    get turnByMs() {
      return turnByMs;
    },
    get lateMs() {
      return lateMs;
    },
    get cannotRead() {
      return failures.read;
    },
    get cannotReadOne() {
      return failures.one;
    },
    get cannotWrite() {
      return failures.write;
    },
    get storeFailsSinceMs() {
      return storeFailsSinceMs;
    },
    get cannotListen() {
      return cannotListen;
    },
    counts,
    get openAlarms() {
      return openAlarms;
    },
    outcomes,
    errors,
    certificates: () => certificates(),
    know(of) {
      certificates = of;
    },
    ready() {
      readyAt ??= clock.now().toISOString();
      tellReady();
    },
    turns() {
      const nowMs = clock.monotonicMs();
      // A change may have ended the rest early.
      lateMs = isResting ? Math.max(0, nowMs - turnByMs) : 0;
      isResting = false;
      counts.turns++;
      turnByMs = nowMs + turnMs;
    },
    turned(restMs) {
      isResting = true;
      turnByMs = clock.monotonicMs() + restMs;
    },
    asked(windows) {
      counts.windows += windows;
    },
    listens(failure) {
      const since = cannotListen?.since ?? clock.now().toISOString();
      cannotListen = failure === undefined ? undefined : { since, message: failure };
    },
    alarmed(open) {
      openAlarms = open;
    },
    passEnded(ended) {
      counts.passes++;
      for (const outcome of ended) {
        outcomes.set(outcome.result, (outcomes.get(outcome.result) ?? 0) + 1);
        if (outcome.result !== 'failed' && outcome.result !== 'pending') continue;
        const { code } = outcome.error;
        errors.set(code, (errors.get(code) ?? 0) + 1);
      }
      const unusable = ended.find((one) => one.result === 'failed' && isUnusableStore(one.error));
      // Only what a pass has brought to an end proves that the store has room for it.
      const hasStored = ended.some(
        ({ result }) => result === 'issued' || result === 'renewed' || result === 'deployed',
      );
      if (unusable) store('write', unusable.message);
      else if (hasStored) store('write', undefined);
    },
    store,
  };
}
