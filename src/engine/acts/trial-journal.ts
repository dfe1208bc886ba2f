import { fail } from '../../core/errors/errors.ts';
import type { JournalledChallenge, Tombstone } from '../../core/lineage/lineage.ts';
import { swept } from '../../core/lineage/work/end.ts';
import { type Claim, trialBegun } from '../../core/lineage/work/lease.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { type Engine, report } from '../engine.ts';
import { firstSight, type Holding, isBusy, takeLease } from '../leases/lease.ts';
import { sweeperOf } from '../pass/sweep.ts';

/** What a trial may leave, until its journal is closed. */
export interface TrialIntent {
  readonly wanted: StoredSpec;
  readonly thumbprint: string;
  readonly challenge: JournalledChallenge;
  /** The solver also prepares a rule. */
  readonly probe?: true;
}

/** Journals what a trial is about to add, under its own lease, so that a sweep removes it if this process is killed. */
export async function journalTrial(engine: Engine, intent: TrialIntent, signal: AbortSignal): Promise<Holding> {
  const { name } = intent.wanted;
  const begin = (_absent: unknown, claim: Claim) => trialBegun(intent, claim);
  const taken = await takeLease(engine, firstSight(engine, name), begin, signal);
  if (taken && 'holding' in taken) return taken.holding;
  throw fail('bug/unexpected', { reason: `another process has the name ${name}` });
}

/** Deletes the journal, or leaves it to the next sweep. The caller's signal may have aborted. */
export async function closeTrial(engine: Engine, holding: Holding, left: readonly Tombstone[]): Promise<void> {
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    await holding.apply(swept({ looked: new Map(), left, now: engine.clock.now() }), deadline.signal);
  } finally {
    deadline.done();
  }
}

/** Removes what earlier trials have left that were killed. Their lineages have names with this prefix. */
export async function sweepTrials(engine: Engine, prefix: string, signal: AbortSignal): Promise<void> {
  for await (const page of engine.store.scan('lineage', signal))
    for (const { key } of page)
      if (key.name.startsWith(prefix)) {
        const done = await sweeperOf(engine, key.name)(signal);
        if (isBusy(done)) continue; // it is still in progress
        for (const { what, reason } of done.failed)
          report(engine, { level: 'warn', event: 'sweep.failed', message: `could not remove ${what}: ${reason}` });
      }
}
