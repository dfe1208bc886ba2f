import { asFailure, type CertfleetError, isFailure, reasonOf } from '../../core/errors/errors.ts';
import type { Means } from '../../core/lineage/failure.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import type { UsedAccount } from '../../core/lineage/store-parts.ts';
import { announcement } from '../../core/plan/announcement.ts';
import { leftOf, type Outcome, oneErrorOf, outcomeOfPlan, withThisNode } from '../../core/plan/outcome.ts';
import { planLineage } from '../../core/plan/plan.ts';
import { aroundOrder, countPreHooks, mergeHooks } from '../../core/spec/hooks.ts';
import type { Hooks, StoredSpec } from '../../core/spec/spec.ts';
import { targetNames } from '../../core/spec/spec-parts.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import { present } from '../../core/text/present.ts';
import type { Entry } from '../../ports/store.ts';
import { turnOf } from '../delivery/calls-to-target.ts';
import { driftedTargets, targetsToLookAt } from '../delivery/places-of-idle.ts';
import type { Done } from '../delivery/sweep-report.ts';
import { createThisNode, type HereResult, type ThisNode } from '../delivery/this-node.ts';
import { type Engine, report } from '../engine.ts';
import { type Busy, type EarlyRead, isBusy } from '../leases/lease.ts';
import { holdOf } from '../ledger/ca-hold.ts';
import { afterRun, settleRuns, withRefusedHooks } from '../path/hooks.ts';
import { issue } from '../path/issue.ts';
import { newVisit } from '../path/visit.ts';
import { atCa, type Job, replacingCurrent, withHooksOfBefore } from '../run/job.ts';
import { lineageNamed, lineageOf } from '../run/stored-lineage.ts';
import { together } from '../run/wait.ts';
import { warnOfEnding } from './ending-records.ts';
import { sweepTokens } from './expired-tokens.ts';
import { type Errand, inLanes } from './lanes.ts';
import { remember } from './remembered.ts';
import { lineageMissing, renewalOfWidows, watchStore } from './store-faults.ts';
import { sweeperOf, whatIsLeft } from './sweep.ts';
import { type Candidate, giveTickets, laterOf, withTimes } from './tickets.ts';

/** Runs one pass over many certificates. The outcomes are in the order of the jobs. */
export async function reconcile(
  engine: Engine,
  wanted: readonly Job[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  await engine.store.check(signal);
  const jobs = await Promise.all(wanted.map((job) => atStart(engine, job, signal)));
  if (jobs.some((job) => aroundOrder(hooksIn(job)).length > 0)) await settleRuns(engine, signal);
  await probeThoseDown(engine, jobs, signal);
  const found = await Promise.all(jobs.map((job) => readEarly(engine, job, signal)));
  const candidates = jobs.map((job, at) => ({ job, lineage: readable(foundIn(engine, found[at]?.entry)) }));
  const errands = jobs.map((job, at) => ({
    ...atItsCa(engine, job),
    phase: phaseOf(job),
    run: visitsOf(engine, job, found[at]),
  }));
  await giveTickets(engine, candidates, signal);
  reportPlanned(engine, jobs.length, candidates);
  const hooksOf = new Map(jobs.map((job) => [job.wanted.name, hooksIn(job)]));
  const here = createThisNode(engine, {
    ...{ obeyBackoff: jobs.every((job) => job.obeyBackoff), isWhole: false },
    actsOnPaused: jobs.some((job) => job.actsOnPaused),
  });
  try {
    const outcomes = await withTimes(engine, candidates, await inLanes(engine, errands, signal), signal);
    for (const job of jobs) await lookAgain(engine, here, job, signal);
    const results = await here.finish(signal);
    const all = outcomes.map((outcome) => withHere(outcome, results.get(outcome.certificate)));
    return await withRefusedHooks(engine, hooksOf, all);
  } finally {
    await afterRun(engine, signal);
  }
}

/** Reads the document of a job. If that cannot be read, the job reports it. */
async function readEarly(engine: Engine, { wanted }: Job, signal: AbortSignal): Promise<EarlyRead | undefined> {
  const { clock, store } = engine;
  const atMs = clock.monotonicMs();
  const read = store.get({ kind: 'lineage', name: wanted.name }, signal);
  return read.then((entry) => ({ entry, atMs })).catch(() => undefined);
}

const foundIn = (engine: Engine, entry: Entry | undefined) => entry && lineageOf(engine, entry);

/** Looks at this node's targets of a certificate that was worked on. */
async function lookAgain(engine: Engine, here: ThisNode, { wanted }: Job, signal: AbortSignal): Promise<void> {
  if (nodeTargets(wanted).length === 0) return;
  const lineage = await lineageNamed(engine, wanted.name, signal);
  if (lineage && !(lineage instanceof Error)) await here.look(wanted, lineage, signal);
}

const withHere = (outcome: Outcome, here: HereResult | undefined): Outcome =>
  here ? withThisNode(outcome, { ...here, error: oneErrorOf(here.errors) }) : outcome;

/**
 * Runs the unattended pass: does every job that is due, and cleans up after dead processes. It plans while it scans the
 * store, and keeps only the outcome of a certificate that is not due, so thousands of certificates are cheap. If
 * nothing is due, it writes nothing but that this node has looked at its own targets, if it has any.
 *
 * @param wanted.jobs jobs for certificates, stored or not; their outcomes come first, in this order
 * @param wanted.jobOf returns the job for any other stored lineage
 * @param wanted.isWhole whether these are all certificates
 */
export async function reconcileAll(
  engine: Engine,
  wanted: {
    readonly jobs: readonly Job[];
    readonly jobOf: (stored: Lineage) => Job | undefined;
    readonly isWhole?: boolean;
    /**
     * Other passes do what a document shows, so this one finds only what none shows. It reads no document of which this
     * returns something.
     */
    readonly leavesDue?: (name: string) => Quiet | undefined;
    /** Whether it leaves a job without a document to another pass. It still finds that the document is lost. */
    readonly leavesAbsent?: (name: string) => boolean;
    /** Set for a pass over all certificates that only does what is due: what it may know from an earlier one. */
    readonly remembers?: Pick<Job, 'nextRunMs'> | undefined;
    /** Told each document that is read, with what is wanted of it: undefined if it is not renewed. */
    readonly read?: ((wanted: StoredSpec | undefined, lineage: Lineage) => void) | undefined;
  },
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const jobs = new Map(wanted.jobs.map((job) => [job.wanted.name, job]));
  const outcomes = new Map<string, Outcome | undefined>([...jobs.keys()].map((name) => [name, undefined]));
  const errands: Errand<{ readonly name: string; readonly outcome: Outcome | undefined; readonly hasLeft: boolean }>[] =
    [];
  // Certificates that failed last time come last, so that the others have had their turn if the CA fails on one of
  // them.
  const doubtful: typeof errands = [];
  const due: Candidate[] = [];
  const looks: Errand<Look>[] = [];
  let planned = 0;
  const hooksOf = new Map<string, Hooks>();
  const watch = await watchStore(engine, signal);
  const { isWhole = false } = wanted;
  const here = createThisNode(engine, {
    ...{ obeyBackoff: wanted.jobs.every((job) => job.obeyBackoff), isWhole },
    actsOnPaused: wanted.jobs.some((job) => job.actsOnPaused),
  });
  const idleHere: (() => Promise<void>)[] = [];
  const { remembers } = wanted;
  const remembered =
    remembers && (await remember(engine, { ...remembers, jobs: wanted.jobs, hasParts: watch.hasParts }, signal));
  const isQuiet = (name: string): boolean => {
    const quiet = wanted.leavesDue?.(name);
    if (!quiet || (quiet.version !== undefined && !watch.hasParts(name, { id: quiet.version }))) return false;
    jobs.delete(name);
    watch.knows(name, quiet.account);
    return true;
  };

  const plan = (name: string, job: Job | undefined, found: Lineage | CertfleetError | undefined) => {
    if (job && found && !(found instanceof Error)) warnOfEnding(engine, found);
    if (job && (job.hooks ?? job.wanted.hooks)) hooksOf.set(name, hooksIn(job));
    const idle = outcomeWithoutWork(engine, { name, job, found });
    const look = idle && job && found && !(found instanceof Error) ? lookOf(engine, job, found) : undefined;
    if (look) return void looks.push(look);
    if (idle && !(wanted.leavesDue && isNoNews(idle, job))) outcomes.set(name, idle);
    if (idle && job && found && !(found instanceof Error)) idleHere.push(() => here.look(job.wanted, found, signal));
    const hasLeft = found !== undefined && !(found instanceof Error) && whatIsLeft(engine, found) !== 'nothing';
    if (!hasLeft && (idle || !job)) return;
    if (wanted.leavesDue && found && !job?.drifted) return;
    if (job && !idle) {
      due.push({ job, lineage: readable(found) });
      if (isToDo(engine, job, found)) planned += 1;
    }
    const run = inOrder(engine, { job: idle ? undefined : job, name, hasLeft });
    const hasFailed = found && !(found instanceof Error) && found.failure !== undefined;
    (hasFailed ? doubtful : errands).push({
      ...(job ? atItsCa(engine, job) : atTheSweep),
      phase: job && !idle ? phaseOf(job) : 0,
      run: async (s) => {
        const outcome = await run(s);
        return outcome && isBusy(outcome) ? outcome : { name, outcome, hasLeft };
      },
    });
  };
  const visit = (name: string, found: Lineage | CertfleetError, stamp: string | undefined) => {
    const asked = jobs.get(name) ?? (found instanceof Error ? undefined : wanted.jobOf(found));
    const job = asked && !(found instanceof Error) ? replacingCurrent(asked, found) : asked;
    jobs.delete(name);
    watch.saw(name, job && !(found instanceof Error) ? found : undefined);
    if ((job || isWhole) && !(found instanceof Error)) wanted.read?.(job?.wanted, found);
    plan(name, job, found);
    if (job && !(found instanceof Error)) remembered?.learn(stamp, job, found, outcomes.get(name));
  };
  for await (const page of engine.store.scan('lineage', signal, wanted.leavesDue ? isQuiet : remembered?.isKnown)) {
    for (const entry of page) visit(entry.key.name, lineageOf(engine, entry), entry.stamp);
    await together(idleHere.splice(0).map((look) => look()));
  }
  for (const { name, account } of remembered?.known ?? []) {
    const outcome = await remembered!.outcomeOf(name, here, signal);
    if (outcome) {
      jobs.delete(name);
      watch.knows(name, account);
      outcomes.set(name, outcome);
      continue;
    }
    const found = await lineageNamed(engine, name, signal).catch(unreadable);
    if (found) visit(name, found, undefined);
  }
  await together(idleHere.splice(0).map((look) => look()));
  await warnOfAccounts(engine, watch, signal);
  for (const [name, versions] of await watch.missing(signal)) {
    // The existing versions can be used, so order again only once they are due.
    const isDue = Date.parse(renewalOfWidows(versions).at) <= engine.clock.now().getTime();
    if (jobs.has(name) && isDue) continue;
    jobs.delete(name);
    outcomes.set(name, failedBy(name, lineageMissing(name)));
  }
  for (const [name, job] of jobs)
    if (!wanted.leavesAbsent?.(name)) plan(name, replacingCurrent(job, undefined), undefined);
  for (const { job, found } of await inLanes(engine, looks, signal)) plan(found.name, job, found);
  await together(idleHere.splice(0).map((look) => look()));
  errands.push(...doubtful);

  // The certificates may need the server that a killed run has stopped.
  await settleRuns(engine, signal);
  let results: ReadonlyMap<string, HereResult> = new Map();
  try {
    if (errands.length > 0) {
      await engine.store.check(signal);
      const jobsDue = due.map(({ job }) => job);
      await probeThoseDown(engine, jobsDue, signal);
      await giveTickets(engine, due, signal);
      reportPlanned(engine, planned, due);
      for (const { name, outcome, hasLeft } of await inLanes(engine, errands, signal)) {
        if (outcome) outcomes.set(name, outcome);
        if (hasLeft) outcomes.set(name, await afterSweep(engine, name, outcomes.get(name), signal));
      }
    }
    for (const { job } of due) await lookAgain(engine, here, job, signal);
    results = await here.finish(signal);
  } finally {
    await afterRun(engine, signal);
  }
  for (const { certificate: name, error } of await watch.lacking(signal)) {
    const outcome = outcomes.get(name);
    if (outcome === undefined || outcome.result === 'unchanged')
      outcomes.set(name, { ...failedBy(name, error), ...present({ left: outcome?.left }) });
  }
  await tidyUp(engine, errands.length > 0, signal);
  await remembered?.save();
  const found = [...outcomes.values()].flatMap((one) => (one ? withHere(one, results.get(one.certificate)) : []));
  const all = await withTimes(engine, due, found, signal);
  return hooksOf.size > 0 ? withRefusedHooks(engine, hooksOf, all) : all;
}

/** A certificate in whose document a pass that leaves what is due has nothing to look at. */
export interface Quiet {
  /** The version that is renewed, which needs its key and its chain. */
  readonly version: string | undefined;
  readonly account: UsedAccount | undefined;
}

/** Reports whether an outcome tells only that nothing is due, and nothing about a target of this node. */
const isNoNews = ({ result }: Outcome, job: Job | undefined): boolean =>
  result === 'unchanged' && (!job || nodeTargets(job.wanted).length === 0);

const readable = (found: Lineage | Error | undefined): Lineage | undefined =>
  found instanceof Error ? undefined : found;

const unreadable = (error: unknown): CertfleetError => {
  if (!isFailure(error, 'store/corrupt')) throw error;
  return error;
};

/** A certificate that is not due, and at which of its targets a place lacks it. */
interface Look {
  readonly job: Job;
  readonly found: Lineage;
}

/** Returns the look at the places of a certificate that is not due, if there is something left to look at. */
function lookOf(engine: Engine, job: Job, found: Lineage): Errand<Look> | undefined {
  if (job.drifted || (found.paused && !job.actsOnPaused)) return undefined;
  const { wanted } = withHooksOfBefore(job, found);
  const targets = targetsToLookAt(engine, wanted, found);
  if (targets.length === 0) return undefined;
  const run = async (signal: AbortSignal) => {
    const drifted = await driftedTargets(engine, { wanted, lineage: found, targets }, signal);
    return { job: { ...job, drifted }, found };
  };
  return { group: 'looks', limit: () => mostLooks, run };
}

/** A look is two calls of an API that allows twenty a second or more. */
const mostLooks = 8;

/**
 * Returns the outcome of a swept certificate, with what it still has outside. That is part of a run even for a
 * certificate that is no longer declared.
 */
async function afterSweep(
  engine: Engine,
  name: string,
  outcome: Outcome | undefined,
  signal: AbortSignal,
): Promise<Outcome | undefined> {
  const lineage = await lineageNamed(engine, name, signal);
  const { left } = leftOf(lineage instanceof Error ? undefined : lineage);
  const { left: _before, ...rest } = outcome ?? { certificate: name, result: 'unchanged', message: 'not renewed' };
  if (!left) return outcome && rest;
  return { ...rest, left };
}

/** Warns about missing accounts, before an order opens others in their place. */
async function warnOfAccounts(
  engine: Engine,
  watch: Awaited<ReturnType<typeof watchStore>>,
  signal: AbortSignal,
): Promise<void> {
  const { damaged, missing } = await watch.accounts(signal);
  for (const { message, hint } of [...damaged, ...missing.map(({ error }) => error)])
    report(engine, { level: 'warn', event: 'log', message: `${message}. ${hint}` });
}

/** Tidies up the store. A failure does not affect the outcomes; the next pass tries again. */
async function tidyUp(engine: Engine, hasWritten: boolean, signal: AbortSignal): Promise<void> {
  try {
    reportFailed(engine, await sweepTokens(engine, signal));
    if (!hasWritten) return;
    await engine.locks.removeDead(signal);
    await engine.sessions.others.removeDead(signal);
    await engine.store.tidy(signal);
  } catch (error) {
    signal.throwIfAborted();
    reportFailed(engine, { failed: [{ what: 'the store', reason: reasonOf(error) }] });
  }
}

const atTheSweep = { group: 'sweep', limit: () => 16 };

/**
 * Marks the CAs that were down in the last pass, so that each gets one certificate before all others, to find out
 * whether it still is down.
 */
async function probeThoseDown(engine: Engine, jobs: readonly Job[], signal: AbortSignal): Promise<void> {
  for (const directory of new Set(jobs.map(({ wanted }) => wanted.issuer.settings.directory))) {
    // If the store fails, each certificate reports it.
    const hold = await holdOf(engine, directory, signal).catch(() => undefined);
    if (hold?.isDown) engine.pass.cas(directory).probe();
  }
}

/** Returns a forced job with the version that is current now. */
async function atStart(engine: Engine, job: Job, signal: AbortSignal): Promise<Job> {
  if (!job.force) return job;
  const lineage = await lineageNamed(engine, job.wanted.name, signal);
  // The job reports a document that cannot be read.
  return lineage instanceof Error ? job : replacingCurrent(job, lineage);
}

const hooksIn = ({ wanted, hooks }: Job): Hooks => mergeHooks(wanted.hooks, hooks ?? {});

/**
 * Returns a certificate's phase. A pre-hook may stop what other certificates need, such as the web server, so
 * certificates without one come first. Those with their own pre-hook besides the common one come last.
 */
const phaseOf = (job: Job): number => countPreHooks(hooksIn(job));

const atItsCa = (engine: Engine, { wanted }: Job) => {
  const { directory } = wanted.issuer.settings;
  const { cas, limits, reloads } = engine.pass;
  const { lanes, onGrowth } = cas(directory);
  const { name } = wanted;
  return {
    group: directory,
    rank: () => limits.tickets.get(name)?.rank ?? -1,
    // A certificate that waits for others needs no lane; the others may need it.
    limit: () => lanes() + reloads.waiting(directory),
    onGrowth(run: () => void) {
      const forget = [onGrowth(run), reloads.onWait(run)];
      return () => {
        for (const one of forget) one();
      };
    },
  };
};

/** Returns the outcome of a certificate that needs no work, or whose document cannot be read; otherwise undefined. */
function outcomeWithoutWork(
  engine: Engine,
  {
    name,
    job,
    found,
  }: {
    readonly name: string;
    readonly job: Job | undefined;
    readonly found: Lineage | CertfleetError | undefined;
  },
): Outcome | undefined {
  if (found instanceof Error) return failedBy(name, found);
  if (!found || !job) return undefined;
  // Changed credentials may clear a failure, and the lease's holder may be dead: both require a closer look.
  if (found.failure || found.work?.lease) return undefined;
  const today = atCa(engine, withHooksOfBefore(job, found));
  const plan = planLineage(today.wanted, found, engine.clock.now(), { ...today, node: engine.node });
  return plan.action === 'none' ? outcomeOfPlan(today, found, plan) : undefined;
}

/** Reports whether a certificate is to be ordered or delivered, as far as can be told before a closer look. */
function isToDo(engine: Engine, job: Job, found: Lineage | CertfleetError | undefined): boolean {
  if (!found || found instanceof Error) return !found;
  const today = atCa(engine, withHooksOfBefore(job, found));
  const { action } = planLineage(today.wanted, found, engine.clock.now(), { ...today, node: engine.node });
  return action !== 'none' && action !== 'ask';
}

function reportPlanned(engine: Engine, certificates: number, candidates: readonly Candidate[]): void {
  if (certificates === 0) return;
  const news = announcement(certificates, laterOf(engine, candidates));
  report(engine, { level: 'info', event: 'run.planned', ...news });
}

const failedBy = (certificate: string, error: CertfleetError): Outcome => ({
  certificate,
  result: 'failed',
  message: error.message,
  error,
});

/** Returns a function that tries a job once; it resolves with `Busy` while another process works on the certificate. */
function visitsOf(engine: Engine, job: Job, early?: EarlyRead): (signal: AbortSignal) => Promise<Outcome | Busy> {
  let visit: ReturnType<typeof newVisit> | undefined;
  const { name } = job.wanted;
  const { limits, reloads } = engine.pass;
  return async (signal) => {
    job.begins?.();
    reloads.expect(
      name,
      targetNames(job.wanted).map((target) => turnOf(engine, job.wanted, target)),
    );
    try {
      visit ??= newVisit(engine, { ...job, ...(await credentialsOf(engine, job, signal)) }, early);
      return await issue(engine, visit, signal);
    } finally {
      reloads.expect(name, []);
      limits.gone(name);
    }
  };
}

/** Unreadable secrets get a hash, too, so that the failure ends once they can be read. */
async function credentialsOf({ connect }: Engine, { wanted }: Job, signal: AbortSignal): Promise<Means> {
  try {
    return { credentials: await connect.credentialsOf(wanted) };
  } catch (error) {
    signal.throwIfAborted();
    return { credentials: 'unusable', unusable: asFailure(error, wanted.name) };
  }
}

/**
 * Does the job, which removes what an earlier run presented, then sweeps the certificate: a job that only waits does
 * not clean up.
 */
function inOrder(
  engine: Engine,
  { job, name, hasLeft }: { readonly job: Job | undefined; readonly name: string; readonly hasLeft: boolean },
): (signal: AbortSignal) => Promise<Outcome | Busy | undefined> {
  const visits = job && visitsOf(engine, job);
  const sweeper = hasLeft ? reporting(engine, sweeperOf(engine, name)) : undefined;
  let outcome: Outcome | undefined;
  return async (signal) => {
    if (visits && !outcome) {
      const result = await visits(signal);
      if (isBusy(result)) return result;
      outcome = result;
    }
    return (await sweeper?.(signal)) ?? outcome;
  };
}

/**
 * Returns a sweeper that reports what it could not remove. It resolves with `Busy`, or with undefined when it is done.
 */
const reporting =
  (engine: Engine, sweep: ReturnType<typeof sweeperOf>) =>
  async (signal: AbortSignal): Promise<Busy | undefined> => {
    const done = await sweep(signal);
    if (isBusy(done)) return done;
    reportFailed(engine, done);
    return undefined;
  };

function reportFailed(engine: Engine, { failed }: Pick<Done, 'failed'>): void {
  for (const { what, reason } of failed)
    report(engine, { level: 'warn', event: 'sweep.failed', message: `${what}: ${reason}` });
}
