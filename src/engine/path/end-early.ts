import { asFailure } from '../../core/errors/errors.ts';
import { type Tombstone, unfinishedWork } from '../../core/lineage/lineage.ts';
import { isResumedAfter } from '../../core/lineage/work/end.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import { report } from '../engine.ts';
import { type Busy, sightOfLoser } from '../leases/lease.ts';
import { keepHold } from '../ledger/ca-hold.ts';
import { nameOf, type Run } from '../run/run.ts';
import { patientMs } from './limit.ts';
import { cleanJournalled } from './steps/clean-up.ts';
import { closeFailed, closeStopped, closeWaiting } from './steps/close.ts';
import { removeVersions } from './steps/keys-and-versions.ts';
import type { Visit } from './visit.ts';

/**
 * Ends a run that failed, was stopped, or has lost its lease. First removes its challenges, within a separate time
 * budget.
 */
export async function endEarly(run: Run, visit: Visit, error: unknown): Promise<Outcome | Busy | 'again'> {
  const { holding, signal } = run;
  try {
    if (holding.lost.aborted) return giveWay(run, visit);
    // After a signal, half of the time is for the clean-up, and the rest for writing the journal.
    const budgetMs = signal.aborted ? run.engine.limits.shutdownBudgetMs / 2 : undefined;
    const left = await cleanJournalled(run, holding.lineage.spec, budgetMs);
    return await closeEarly(run, visit, { error, left });
  } catch (closing) {
    // A process that was frozen may notice only at its last write that it has lost its lease.
    if (holding.lost.aborted) return giveWay(run, visit);
    throw closing;
  }
}

async function closeEarly(
  run: Run,
  visit: Visit,
  { error, left }: { readonly error: unknown; readonly left: readonly Tombstone[] },
): Promise<Outcome | Busy | 'again'> {
  const { engine, job, holding, learned, signal } = run;
  holding.lost.throwIfAborted();
  if (signal.aborted) {
    await closeStopped(run, left);
    throw signal.reason;
  }
  const failure = asFailure(error, nameOf(run));
  if (failure.code === 'account/rolling' && !visit.hasMetRollover) {
    // The rollover began after the plan was made. The next turn waits for it.
    visit.hasMetRollover = true;
    await closeStopped(run, left);
    return 'again';
  }
  if (learned.limit && failure.code === 'acme/limited') {
    visit.limit = learned.limit;
    const { version } = holding.work;
    const lineage = await closeWaiting(run, left);
    if (!lineage) delete visit.kept;
    if (!unfinishedWork(lineage)) await removeVersions(engine, nameOf(run), [version], signal);
    return 'again';
  }
  const pauseMs = learned.isLimited ? patientMs(engine, visit, failure.retryAt) : 0;
  if (pauseMs > 0) {
    await closeStopped(run, left);
    return { busy: true, pauseMs };
  }
  await keepHold(engine, job.wanted.issuer.settings.directory, failure).catch(() => undefined); // the lineage also stores it
  const { work: ended } = holding;
  const outcome = await closeFailed(run, failure, left);
  // Not before the write: until then, another process may take over the work, and the key with it.
  if (!isResumedAfter(ended, failure, learned.asked))
    await removeVersions(engine, nameOf(run), [ended.version], signal);
  return outcome;
}

/**
 * Gives way to another process, which took over because this one was suspended for longer than its lease. This process
 * must undo its last changes, which may have come after the other's clean-up, but only once the other has finished: it
 * may be using the same values.
 */
function giveWay({ engine, holding }: Run, visit: Visit): 'again' {
  const message = 'another process took over; waiting for its result';
  report(engine, { level: 'warn', event: 'certificate.waiting', certificate: visit.sight.name, message });
  visit.lost = holding.lineage;
  visit.sight = sightOfLoser(engine, holding.lineage);
  return 'again';
}
