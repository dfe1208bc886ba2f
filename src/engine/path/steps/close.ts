import { type CertfleetError, fail } from '../../../core/errors/errors.ts';
import { cut } from '../../../core/errors/remote-text.ts';
import { dataOf, storedError } from '../../../core/errors/stored-error.ts';
import { longestStored } from '../../../core/lineage/failure.ts';
import type { Deployment, LastRun, Lineage, Renewal, Tombstone } from '../../../core/lineage/lineage.ts';
import { closed, failed, stopped, waited } from '../../../core/lineage/work/end.ts';
import { after } from '../../../core/lineage/work/transition.ts';
import { isRetried, nextTry } from '../../../core/plan/due.ts';
import { leftOf, type Outcome, oneErrorOf, outcomeOfLast } from '../../../core/plan/outcome.ts';
import { sameSpec } from '../../../core/spec/same-spec.ts';
import { present } from '../../../core/text/present.ts';
import { report } from '../../engine.ts';
import { forgetHistory } from '../../history/stored-history.ts';
import { noteRenewed } from '../../memory/hooks-of-pass.ts';
import { nameOf, type Run } from '../../run/run.ts';
import { deleteDocument } from '../../run/stored-lineage.ts';

/** The results of the last steps of a run. */
export interface Done {
  /** Undefined if no target was touched. */
  readonly deployed:
    | {
        readonly errors: readonly CertfleetError[];
        readonly settling: readonly CertfleetError[];
        readonly deployments: Readonly<Record<string, Deployment>>;
      }
    | undefined;
  readonly left: readonly Tombstone[];
  readonly renewal: Renewal | undefined;
  /** Retired versions that are still in the store. */
  readonly retired: readonly string[];
}

/** Step 14: closes the work and releases the lease, in one write. */
export async function closeDone(run: Run, { deployed, left, renewal, retired }: Done): Promise<Outcome> {
  const { engine, holding, signal } = run;
  const { current, previous, last: before } = holding.lineage;
  if (!current) throw fail('bug/unexpected', { reason: `${nameOf(run)} was closed without a certificate` });
  const now = engine.clock.now();
  const { errors = [], settling = [], deployments } = deployed ?? {};
  const error = oneErrorOf(errors);
  const waits = oneErrorOf(settling);
  const isIssue = before?.version !== current.id;
  const quiet = deployments && !waits ? 'deployed' : 'unchanged';
  const words = { deployed: 'every target has it', unchanged: 'not due yet' } as const;
  const last: LastRun = {
    at: now.toISOString(),
    // Judged by the document, because this process may have taken over a first issue that was already current.
    result: error ? 'pending' : !isIssue ? quiet : previous ? 'renewed' : 'issued',
    version: current.id,
    ...(error
      ? storedError(error, longestStored)
      : isIssue
        ? { message: `valid until ${current.facts.notAfter}` }
        : { message: cut(waits?.message ?? words[quiet], longestStored) }),
  };
  if (error && isIssue) noteRenewed(engine.pass.hooks, holding.lineage.spec);
  await holding.apply(closed({ deployments, left, renewal, retired, last, now }), signal);
  const outcome = outcomeOfLast(holding.lineage, error);
  if (!waits) return outcome;
  // Each `renew` looks again.
  const { next: _later, ...rest } = outcome;
  return { ...rest, settling: settling.map(({ message }) => message) };
}

/** Ends a failed run: keeps work that can be resumed, the back-off and the CA's Retry-After. */
export async function closeFailed(run: Run, error: CertfleetError, left: readonly Tombstone[]): Promise<Outcome> {
  const { engine, holding, job, learned } = run;
  const now = engine.clock.now();
  const { before } = holding.work;
  const { asked, mayBeIssued } = learned;
  const end = failed({ error, asked, mayBeIssued, left, now, nextRunMs: job.nextRunMs, shiftMs: job.shiftMs });
  await closeInTime(run, end, after(holding.lineage, end) === undefined);
  const { lineage } = holding;
  const { current } = lineage;
  const settingsStay = before !== undefined && sameSpec(lineage.spec, before.spec);
  const wanted = settingsStay ? lineage.spec : job.wanted;
  // What is stored about a failed change does not make the certificate wait.
  const failure = settingsStay && !lineage.failure?.count ? { retryAt: now.toISOString() } : lineage.failure;
  const { message } = error;
  const certificate = nameOf(run);
  const data = { ...dataOf(error), ...present({ retryAt: settingsStay ? undefined : failure?.retryAt }) };
  report(engine, { level: 'error', event: 'certificate.failed', certificate, message, data });
  const stays = settingsStay ? { settingsStay } : {};
  const outcome: Outcome = { certificate, result: 'failed', message, error, ...stays, ...leftOf(lineage) };
  if (!failure) return outcome;
  const next = nextTry(wanted, lineage, failure);
  const isForced = lineage.failure?.forced === true;
  if (current && (isForced || !isRetried(wanted, lineage, { ...failure, shiftMs: job.shiftMs }, now)))
    return { ...outcome, next, notDue: true };
  return { ...outcome, next: current && Date.parse(next) < now.getTime() ? now.toISOString() : next };
}

/** Ends an aborted run: everything is kept for the next run, and it does not count as a failure. */
export function closeStopped(run: Run, left: readonly Tombstone[]): Promise<void> {
  const { asked, mayBeIssued } = run.learned;
  return closeInTime(run, stopped({ asked, mayBeIssued, left, now: run.engine.clock.now() }));
}

/**
 * Ends a run whose order must wait for a rate limit. It does not count as a failure. Resolves with the document, if there
 * is one afterwards.
 */
export async function closeWaiting(run: Run, left: readonly Tombstone[]): Promise<Lineage | undefined> {
  const end = waited({ left, now: run.engine.clock.now(), nextRunMs: run.job.nextRunMs, shiftMs: run.job.shiftMs });
  const isForgotten = after(run.holding.lineage, end) === undefined;
  await closeInTime(run, end, isForgotten);
  return isForgotten ? undefined : run.holding.lineage;
}

/**
 * Writes the end of an unfinished run within a separate time budget, because the caller's signal may have aborted. If
 * the end is to forget the certificate, its credentials and history are removed first.
 */
async function closeInTime(run: Run, end: ReturnType<typeof failed>, isForgotten = false): Promise<void> {
  const { engine, holding } = run;
  const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
  try {
    const forget = async () => {
      await deleteDocument(engine, 'credential', nameOf(run), deadline.signal);
      await forgetHistory(engine, nameOf(run), deadline.signal);
    };
    if (isForgotten) {
      engine.pass.runs.forgot(nameOf(run));
      await holding.effect(deadline.signal, forget);
    }
    await holding.apply(end, deadline.signal);
  } finally {
    deadline.done();
  }
}
