import { asFailure, type CertfleetError, reasonOf } from '../core/errors.ts';
import type { Lineage } from '../core/lineage.ts';
import { type Outcome, outcomeOfPlan } from '../core/outcome.ts';
import { planLineage } from '../core/plan.ts';
import { type Engine, report } from './engine.ts';
import { issue, newVisit } from './issue.ts';
import type { Job } from './job.ts';
import { type Errand, inLanes } from './lanes.ts';
import { type Busy, isBusy } from './leases/lease.ts';
import { holdOf } from './ledger/ca-hold.ts';
import { type Done, sweeperOf, sweepTokens, whatIsLeft } from './sweep.ts';

/** The lineages of one scan; an error stands for a document that cannot be read. */
export type Stored = ReadonlyMap<string, Lineage | CertfleetError>;

/** One pass over many certificates. The outcomes are in the order of the jobs. */
export async function reconcile(
  engine: Engine,
  jobs: readonly Job[],
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  await engine.store.check(signal);
  const errands = jobs.map((job) => ({ ...atItsCa(engine, job), run: visitsOf(engine, job) }));
  await probeThoseDown(engine, jobs, signal);
  return inLanes(engine, errands, signal);
}

/**
 * The unattended pass: what dead processes left is swept, and every job is done that is due. It is planned from one
 * scan; a certificate that is not due is answered from its document alone, which is what makes thousands cheap. Where
 * nothing is due, nothing is written.
 */
export async function reconcileAll(
  engine: Engine,
  jobs: readonly Job[],
  stored: Stored,
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  const errands: Errand<{ readonly index?: number; readonly outcome?: Outcome }>[] = [];
  const begun: Job[] = [];
  const isWanted = new Set(jobs.map(({ wanted }) => wanted.spec.name));
  for (const [index, job] of jobs.entries()) {
    const found = stored.get(job.wanted.spec.name);
    const idle = outcomeWithoutWork(engine, job, found);
    if (idle) outcomes[index] = idle;
    const kind = found && !(found instanceof Error) ? whatIsLeft(engine, found) : 'nothing';
    if (idle && kind === 'nothing') continue;
    if (!idle) begun.push(job);
    const run = inOrder(engine, { job: idle ? undefined : job, name: job.wanted.spec.name, kind });
    errands.push({
      ...atItsCa(engine, job),
      run: async (s) => {
        const outcome = await run(s);
        return outcome && isBusy(outcome) ? outcome : { index, ...(outcome ? { outcome } : {}) };
      },
    });
  }
  for (const [name, found] of stored) {
    if (found instanceof Error || isWanted.has(name) || whatIsLeft(engine, found) === 'nothing') continue;
    const sweep = reporting(engine, sweeperOf(engine, name));
    errands.push({ group: 'sweep', limit: () => sweepsAtOnce, run: async (s) => (await sweep(s)) ?? {} });
  }
  if (errands.length > 0) {
    await engine.store.check(signal);
    await probeThoseDown(engine, begun, signal);
    for (const { index, outcome } of await inLanes(engine, errands, signal))
      if (index !== undefined && outcome) outcomes[index] = outcome;
  }
  await tidyUp(engine, errands.length > 0, signal);
  return outcomes;
}

/** What fails here takes no outcome away: the next pass tries again. */
async function tidyUp(engine: Engine, hasWritten: boolean, signal: AbortSignal): Promise<void> {
  try {
    reportFailed(engine, await sweepTokens(engine, signal));
    if (hasWritten) await engine.store.tidy(signal);
  } catch (error) {
    signal.throwIfAborted();
    reportFailed(engine, { cleaned: [], failed: [{ what: 'the store', reason: reasonOf(error) }] });
  }
}

const sweepsAtOnce = 16;

/** A CA that was down in the last run is given one certificate, before all others, to find out whether it still is. */
async function probeThoseDown(engine: Engine, jobs: readonly Job[], signal: AbortSignal): Promise<void> {
  for (const directory of new Set(jobs.map(({ wanted }) => wanted.issuer.directory))) {
    // Where the store fails, each certificate says so itself.
    const hold = await holdOf(engine, directory, signal).catch(() => undefined);
    if (hold?.isDown) engine.memory.paces(directory).probe();
  }
}

const atItsCa = (engine: Engine, { wanted }: Job) => {
  const { directory } = wanted.issuer;
  return { group: directory, limit: () => engine.memory.paces(directory).limit() };
};

/** The outcome of a job that needs no more than its document. */
function outcomeWithoutWork(
  engine: Engine,
  job: Job,
  found: Lineage | CertfleetError | undefined,
): Outcome | undefined {
  if (!found) return undefined;
  const certificate = job.wanted.spec.name;
  if (found instanceof Error) return { certificate, result: 'failed', message: found.message, error: found };
  // A failure may be forgiven by credentials that have changed, and a lease may belong to a process that is dead.
  if (found.failure || found.work?.lease) return undefined;
  const plan = planLineage(job.wanted, found, engine.clock.now(), job);
  return plan.action === 'none' ? outcomeOfPlan(job, found, plan) : undefined;
}

/** The visits of one job; each tries once, and answers `Busy` while another process works on the certificate. */
function visitsOf(engine: Engine, job: Job): (signal: AbortSignal) => Promise<Outcome | Busy> {
  let visit: ReturnType<typeof newVisit> | undefined;
  return async (signal) => {
    try {
      visit ??= newVisit(engine, { ...job, credentials: await engine.connect.credentialsOf(job.wanted) });
    } catch (error) {
      signal.throwIfAborted();
      const failure = asFailure(error);
      return { certificate: job.wanted.spec.name, result: 'failed', message: failure.message, error: failure };
    }
    return issue(engine, visit, signal);
  };
}

/**
 * What a dead process left is removed before its certificate is worked on. Where the holder may live, the job comes
 * first: it waits for the holder's result, or takes the lease over with all that is owed.
 */
function inOrder(
  engine: Engine,
  {
    job,
    name,
    kind,
  }: { readonly job: Job | undefined; readonly name: string; readonly kind: ReturnType<typeof whatIsLeft> },
): (signal: AbortSignal) => Promise<Outcome | Busy | undefined> {
  let outcome: Outcome | undefined;
  const parts: ((signal: AbortSignal) => Promise<Busy | undefined>)[] = [];
  if (kind !== 'nothing') parts.push(reporting(engine, sweeperOf(engine, name)));
  if (job) {
    const visits = visitsOf(engine, job);
    parts.push(async (signal) => {
      const result = await visits(signal);
      if (isBusy(result)) return result;
      outcome = result;
      return undefined;
    });
  }
  if (kind === 'doubtful') parts.reverse();
  return async (signal) => {
    for (let part = parts[0]; part; part = parts[0]) {
      const busy = await part(signal);
      if (busy) return busy;
      parts.shift();
    }
    return outcome;
  };
}

/** A sweeper that reports what it could not remove; answers `Busy`, or nothing when it is through. */
const reporting =
  (engine: Engine, sweep: ReturnType<typeof sweeperOf>) =>
  async (signal: AbortSignal): Promise<Busy | undefined> => {
    const done = await sweep(signal);
    if (isBusy(done)) return done;
    reportFailed(engine, done);
    return undefined;
  };

function reportFailed(engine: Engine, { failed }: Done): void {
  for (const { what, reason } of failed)
    report(engine, { level: 'warn', event: 'sweep.failed', message: `${what}: ${reason}` });
}
