import { isFailure } from '../core/errors.ts';
import type { Step } from '../core/lineage.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { AccountIssuer, Issuer } from '../ports/issuer.ts';
import type { Solver } from '../ports/solver.ts';
import { type EngineContext, report } from './engine.ts';
import type { Holding } from './leases/lease.ts';

/** One certificate being worked on under its lease: what every step needs. */
export interface Run {
  readonly context: EngineContext;
  readonly holding: Holding;
  readonly wanted: StoredSpec;
  readonly issuer: Issuer;
  readonly solver: Solver;
  /** Aborts with the caller, or when the lease is lost. */
  readonly signal: AbortSignal;
  /** A person knows better: what a look proves is tried against the CA all the same. */
  readonly insists: boolean;
  /** A person allows a new account in the place of a deactivated one. */
  readonly mayOpenAccount: boolean;
}

export const lineageName = (run: Pick<Run, 'wanted'>): string => run.wanted.spec.name;

/** Tells who watches which step begins; the crash tests name effects by it. */
export function announce(run: Pick<Run, 'context' | 'wanted'>, step: Step, message: string): void {
  report(run.context, 'info', 'certificate.step', run.wanted.spec.name, message, { step });
}

/** The longest Retry-After that is waited for inside a run; a longer one is kept in the lineage for a later run. */
const patienceMs = 60_000;
/** Between two tries where the CA names no time, or names one again and again: doubled from the first to the longest. */
const pausesMs = { first: 1_000, longest: 8_000 };

/**
 * Does what the CA is asked to do, and does it again after the pause the CA named where that is short. The call must
 * be safe to repeat, or its error must prove that it had no effect (a limit, a busy server with Retry-After).
 */
export async function patiently<T>(
  run: Pick<Run, 'context' | 'signal'>,
  call: () => Promise<T>,
  budgetMs: number = patienceMs,
): Promise<T> {
  const { clock } = run.context;
  const endMs = clock.monotonicMs() + budgetMs;
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (error) {
      if (!isFailure(error, 'acme/rate-limited', 'acme/busy') || !error.retryAt) throw error;
      const named = error.retryAt.getTime() - clock.now().getTime();
      const pause = Math.min(pausesMs.first * 2 ** tries, pausesMs.longest);
      // A short time is believed once (test CAs name some ms); `Retry-After: 0` says nothing.
      const waitMs = tries === 0 && named > 0 ? named : Math.max(named, pause);
      if (clock.monotonicMs() + waitMs > endMs) throw error;
      await clock.sleep(waitMs, run.signal);
    }
  }
}

/** What a run learns on its way. */
export interface Opened {
  /** Opened anew where the CA has forgotten it. */
  account: AccountIssuer;
  /** A proven no of a look is tried against the CA all the same. */
  overruled: boolean;
}
