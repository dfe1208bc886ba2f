import { asFailure } from '../../core/errors/errors.ts';
import { isUnusableStore } from '../../core/errors/unusable-store.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { EngineProcess } from '../engine.ts';
import { createTrouble } from './complain.ts';
import type { VitalsLog } from './vitals.ts';

/** Whether the loop may begin something new. While the store takes no sign of life, nothing can be done under a lease. */
export interface Admission {
  /** Takes note of certificates that a pass could not finish because the store failed. */
  failed(names: Iterable<string>): void;
  passEnded(outcomes: readonly Outcome[]): void;
  /** The store has just failed a pass, so the loop is to find out whether it still does. */
  readonly isInDoubt: boolean;
  /**
   * Gives a sign of life unless there was one lately. Resolves with undefined if that fails. If it has failed before,
   * resolves with the certificates to try again at once.
   */
  begin(signal: AbortSignal): Promise<ReadonlySet<string> | undefined>;
}

const justNowMs = 1_000;

export function createAdmission(engine: EngineProcess, vitals: VitalsLog): Admission {
  let cutOff = new Set<string>();
  const trouble = createTrouble(engine);
  const failed = (names: Iterable<string>) => {
    for (const name of names) cutOff.add(name);
  };
  return {
    failed,
    get isInDoubt() {
      return cutOff.size > 0;
    },
    passEnded: (outcomes) =>
      failed(
        outcomes.flatMap((one) => (one.result === 'failed' && isUnusableStore(one.error) ? [one.certificate] : [])),
      ),
    async begin(signal) {
      try {
        await engine.sessions.own.prove(signal, cutOff.size > 0 ? justNowMs : undefined);
      } catch (error) {
        vitals.store('write', signal.aborted ? asFailure(error).message : trouble.failed(error));
        return undefined;
      }
      const again = trouble.isThere ? cutOff : new Set<string>();
      cutOff = new Set();
      trouble.succeeded();
      return again;
    },
  };
}
