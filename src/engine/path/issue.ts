import { untilAny } from '../../core/async/on-abort.ts';
import { asFailure, fail } from '../../core/errors/errors.ts';
import { dataOf } from '../../core/errors/stored-error.ts';
import { targetsDropped } from '../../core/lineage/deployments.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { pauseText } from '../../core/lineage/pause.ts';
import { begun } from '../../core/lineage/work/lease.ts';
import { pastRemoved } from '../../core/lineage/work/order.ts';
import { identifierKey } from '../../core/names/identifier.ts';
import { newVersionId } from '../../core/names/version-id.ts';
import { type Outcome, outcomeOfLast, outcomeOfPlan } from '../../core/plan/outcome.ts';
import type { Early } from '../../core/plan/schedule.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import { sameSpec } from '../../core/spec/same-spec.ts';
import { present } from '../../core/text/present.ts';
import { shortList } from '../../core/text/short-list.ts';
import { removeSentTooLate } from '../delivery/unjournalled.ts';
import { type Engine, report } from '../engine.ts';
import { type Busy, type Free, firstSight, type Holding, isBusy, lookAt, take } from '../leases/lease.ts';
import { readAccount, rolloverOf } from '../ledger/account.ts';
import { type CaHold, holdOf } from '../ledger/ca-hold.ts';
import { checkChange } from '../looks/changed-settings.ts';
import { noteOutcome } from '../memory/hooks-of-pass.ts';
import { answers, atCa, forestalled, isHalfDone, type Job, refuseOthers, withNewSettings } from '../run/job.ts';
import type { Run } from '../run/run.ts';
import { together } from '../run/wait.ts';
import { type AskFirst, type AskWindow, decide } from './decision.ts';
import { endEarly } from './end-early.ts';
import { limitFor, shortWaitMs } from './limit.ts';
import { obtain } from './obtain.ts';
import { cleanJournalled, undo } from './steps/clean-up.ts';
import { closeDone } from './steps/close.ts';
import { deploy } from './steps/deploy.ts';
import { removeRetired } from './steps/keys-and-versions.ts';
import { askRenewalInfo } from './steps/renewal.ts';
import type { Visit } from './visit.ts';
import { storeWindow } from './window.ts';

/** Calls {@link takeTurns}, and records the outcome for the run's post-hooks and for the history. */
export async function issue(engine: Engine, visit: Visit, signal: AbortSignal): Promise<Outcome | Busy> {
  const { hooks, runs } = engine.pass;
  const outcome = await takeTurns(engine, visit, signal).catch((error: unknown) => {
    runs.ended(visit.sight.name, 'stopped');
    throw error;
  });
  if (isBusy(outcome)) return outcome;
  noteOutcome(hooks, visit.job.wanted, outcome);
  runs.ended(outcome.certificate, outcome);
  return outcome;
}

/**
 * Runs the path of one certificate: takes the lease, does what the plan says, and closes. Resolves with `Busy` if
 * another process is working on it; the caller then tries again with the same visit. A failure is in the outcome.
 * Rejects only after an abort, with the signal's reason.
 */
async function takeTurns(engine: Engine, visit: Visit, signal: AbortSignal): Promise<Outcome | Busy> {
  try {
    for (;;) {
      const turn = await takeTurn(engine, visit, signal);
      if (turn === 'again') continue;
      if (!isBusy(turn) && turn.result !== 'failed') await visit.job.keepCredentials?.(signal);
      return turn;
    }
  } catch (error) {
    signal.throwIfAborted();
    const certificate = visit.sight.name;
    const failure = asFailure(error, certificate);
    const { message } = failure;
    report(engine, { level: 'error', event: 'certificate.failed', certificate, message, data: dataOf(failure) });
    return { certificate, result: 'failed', message, error: failure };
  }
}

const ofOthers = ({ sight }: Visit): Outcome => ({
  certificate: sight.name,
  result: 'unchanged',
  message: 'another process is working on it',
  isOfOthers: true,
});

/** Reads the document once and acts on it. Resolves with `again` if that did not finish the job. */
async function takeTurn(engine: Engine, visit: Visit, signal: AbortSignal): Promise<Outcome | Busy | 'again'> {
  const { job } = visit;
  const { directory } = job.wanted.issuer.settings;
  const seen = await lookAt(engine, visit.sight, signal);
  // A process that has lost the lease has something to undo later.
  if (isBusy(seen)) return job.leavesToOthers && !visit.lost ? ofOthers(visit) : seen;
  if ('finished' in seen) {
    await undoLost(engine, visit, signal);
    return answers(seen.finished, job) ? outcomeOfLast(seen.finished) : 'again';
  }
  const { lineage, claim } = seen;
  refuseOthers(job, lineage);
  const caHold = await holdOf(engine, directory, signal);
  const rollover = await rolloverOf(engine, job.wanted, signal);
  const isDown = engine.pass.cas(directory).state() === 'down';
  const { node } = engine;
  const limit = await limitFor(engine, visit, { lineage, now: claim.now }, signal);
  const known = { lineage, isChecked: visit.isChecked === true, caHold, rollover, isDown, limit, node, now: claim.now };
  const decision = decide(atCa(engine, job), known);
  if (decision.action === 'ask-window') return askWindow(engine, visit, { seen, decision, caHold }, signal);
  if (decision.action === 'take-lease') {
    const beginning = { ...decision.job, aim: decision.aim, newId: newVersionId(engine.random, claim.now) };
    const holding = await take(engine, seen, begun(beginning, claim), signal);
    if (!holding) return 'again';
    const outcome = await whileHeld(holding, async () => {
      await undoLost(engine, visit, signal);
      const { force: forced } = decision.job;
      engine.pass.runs.began(holding.lineage.name, { found: lineage, step: holding.work.step, forced });
      reportStarted(engine, decision.job, lineage, decision.plan.early);
      return work({ engine, job: decision.job, holding, caHold, signal }, visit);
    });
    if (outcome === 'again' || isBusy(outcome)) return outcome;
    const turn = { found: lineage, now: holding.lineage, outcome, at: engine.clock.now() };
    if (isHalfDone(decision.job, turn)) return 'again';
    return withNewSettings(decision.job, lineage, forestalled(decision.job, outcome));
  }
  await undoLost(engine, visit, signal);
  if (decision.action === 'ask-first') {
    await askFirst(engine, visit, decision, signal);
    return 'again';
  }
  if (decision.action === 'wait') {
    const pace = engine.pass.cas(directory);
    const pauseMs = pace.nextProbe();
    if (pauseMs) return { busy: true, pauseMs };
    if (pace.state() !== 'down') return 'again';
  }
  const pauseMs = shortWaitMs(engine, visit, decision.plan);
  if (pauseMs) return { busy: true, pauseMs };
  return forestalled(decision.job, outcomeOfPlan(decision.job, lineage, decision.plan));
}

/** Asks the CA for its renewal window, and stores it unless another process has written meanwhile. */
async function askWindow(
  engine: Engine,
  visit: Visit,
  {
    seen,
    decision: { job, lineage },
    caHold,
  }: { readonly seen: Free; readonly decision: AskWindow; readonly caHold: CaHold | undefined },
  signal: AbortSignal,
): Promise<Outcome | 'again'> {
  await undoLost(engine, visit, signal);
  reportStarted(engine, job, lineage, undefined);
  const renewal = await askRenewalInfo({ engine, job, lineage, caHold, signal });
  if (!renewal) throw fail('bug/unexpected', { reason: `${lineage.name} has no certificate to renew` });
  const at = engine.clock.now();
  const written = await storeWindow(engine, { ...seen, lineage }, renewal, signal);
  if (!written) return 'again';
  const outcome = outcomeOfLast(written.lineage);
  if (isHalfDone(job, { found: lineage, now: written.lineage, outcome, at })) return 'again';
  return forestalled(job, outcome);
}

/** Undoes what this process did after it lost its lease, once no other process is working. */
async function undoLost(engine: Engine, visit: Visit, signal: AbortSignal): Promise<void> {
  const { lost } = visit;
  if (lost) await undo(engine, lost);
  if (lost?.work?.step === 'deploy') await removeSentTooLate(engine, lost.spec, signal);
  delete visit.lost;
  visit.sight = firstSight(engine, visit.sight.name);
}

async function askFirst(engine: Engine, visit: Visit, question: AskFirst, signal: AbortSignal): Promise<void> {
  if (question.about === 'account') {
    const account = await readAccount(engine, visit.job.wanted.issuer.settings, signal);
    visit.job = { ...visit.job, account: account?.document.url ?? '' };
    return;
  }
  const { job, before } = question;
  if (job.unusable) throw job.unusable;
  await checkChange(engine, job, before, signal);
  visit.isChecked = true;
}

async function whileHeld<T>(holding: Holding, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } finally {
    holding.leave();
  }
}

/** Does everything that happens under the lease, until it is released. */
const work = (given: Omit<Run, 'learned'>, visit: Visit): Promise<Outcome | Busy | 'again'> =>
  untilAny([given.signal, given.holding.lost], (signal) => workUntil(given, visit, signal));

async function workUntil(
  given: Omit<Run, 'learned'>,
  visit: Visit,
  signal: AbortSignal,
): Promise<Outcome | Busy | 'again'> {
  const { engine, holding, job } = given;
  const learned = { asked: false, isPrepared: false, isResumed: false, isLimited: false, overruled: false };
  const run: Run = { ...given, signal, learned };
  try {
    if (job.unusable) throw job.unusable;
    // If this run is killed, `renew` takes over, and has only the stored credentials.
    if (holding.work.first) await job.keepCredentials?.(signal);
    await removePast(run);
    const fresh = holding.work.step === 'deploy' ? undefined : await obtain(run);
    const [deployed, left, renewal] = await together([
      deploy(run, fresh),
      cleanJournalled(run, job.wanted),
      askRenewalInfo({ ...run, lineage: holding.lineage }),
    ]);
    const isDelivered = !deployed || (deployed.errors.length === 0 && deployed.settling.length === 0);
    const { retired: all = [] } = holding.lineage;
    const retired = isDelivered ? await removeRetired(engine, holding.lineage, signal) : all;
    return await closeDone(run, { deployed, left, renewal, retired });
  } catch (error) {
    return await endEarly({ ...run, signal: given.signal }, visit, error);
  }
}

function reportStarted(engine: Engine, { wanted }: Job, found: Lineage | undefined, early: Early | undefined): void {
  const { name: certificate, identifiers } = wanted;
  const shown = shortList(identifiers.map(identifierKey));
  report(engine, { level: 'info', event: 'certificate.started', certificate, message: `working on ${shown}` });
  if (early) {
    const { reason, outside } = early;
    const message = `renewing it early: ${reason}`;
    const level = outside ? 'warn' : 'info';
    report(engine, { level, event: 'renewal.early', certificate, message, ...present({ data: outside }) });
  }
  if (found?.paused) {
    const message = `it is ${pauseText(found.paused)}, and stays so after this`;
    report(engine, { level: 'warn', event: 'log', certificate, message });
  }
  const dropped = found ? targetsDropped(found, wanted) : [];
  for (const target of dropped) {
    const message =
      target === deployHookTarget
        ? 'its deploy hook no longer runs'
        : `${target} is no longer a target; the version that it has stays there and is not renewed`;
    report(engine, { level: 'warn', event: 'log', certificate, message });
  }
}

/**
 * Removes what an earlier run may have left (challenges, probe), with the solver of its spec, before this run presents
 * anything: its hooks may still be running, and its challenges may not be offered again. A run that only delivers does
 * this at its end.
 */
async function removePast(run: Run): Promise<void> {
  const { engine, job, holding, signal } = run;
  const { wanted } = job;
  const { spec } = holding.lineage;
  const { step, challenges, probe } = holding.work;
  const nothingLeft = challenges.length === 0 && probe !== 'left';
  const onlyDelivers = step === 'deploy';
  if ((nothingLeft || onlyDelivers) && sameSpec(spec, wanted)) return;
  const left = await cleanJournalled(run, spec);
  await holding.apply(pastRemoved({ wanted, left, now: engine.clock.now() }), signal);
}
