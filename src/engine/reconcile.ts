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
import { type Done, lineageOf, sweeperOf, sweepTokens, whatIsLeft } from './sweep.ts';

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
 * The unattended pass: every job is done that is due, and what dead processes left is swept. It is planned while the
 * store is scanned; of a certificate that is not due nothing is kept but its outcome, which is what makes thousands
 * cheap. Where nothing is due, nothing is written.
 *
 * @param wanted.jobs whether stored or not; their outcomes come first, in this order
 * @param wanted.jobOf what is to be done for a lineage that is in none of them
 */
export async function reconcileAll(
  engine: Engine,
  wanted: { readonly jobs: readonly Job[]; readonly jobOf: (stored: Lineage) => Job | undefined },
  signal: AbortSignal,
): Promise<readonly Outcome[]> {
  const jobs = new Map(wanted.jobs.map((job) => [job.wanted.spec.name, job]));
  const outcomes = new Map<string, Outcome | undefined>([...jobs.keys()].map((name) => [name, undefined]));
  const errands: Errand<{ readonly name: string; readonly outcome: Outcome | undefined }>[] = [];
  // Those that failed last time come last: one that its CA always breaks on must not find the CA down for all others.
  const doubtful: typeof errands = [];
  const due: Job[] = [];

  const plan = (name: string, job: Job | undefined, found: Lineage | CertfleetError | undefined) => {
    const idle = outcomeWithoutWork(engine, { name, job, found });
    if (idle) outcomes.set(name, idle);
    const hasLeft = found !== undefined && !(found instanceof Error) && whatIsLeft(engine, found) !== 'nothing';
    if (!hasLeft && (idle || !job)) return;
    if (job && !idle) due.push(job);
    const run = inOrder(engine, { job: idle ? undefined : job, name, hasLeft });
    const hasFailed = found && !(found instanceof Error) && found.failure !== undefined;
    (hasFailed ? doubtful : errands).push({
      ...(job ? atItsCa(engine, job) : atTheSweep),
      run: async (s) => {
        const outcome = await run(s);
        return outcome && isBusy(outcome) ? outcome : { name, outcome };
      },
    });
  };
  for await (const page of engine.store.scan('lineage', signal))
    for (const entry of page) {
      const { name } = entry.key;
      const found = lineageOf(engine, entry);
      const job = jobs.get(name) ?? (found instanceof Error ? undefined : wanted.jobOf(found));
      jobs.delete(name);
      plan(name, job, found);
    }
  for (const [name, job] of jobs) plan(name, job, undefined);
  errands.push(...doubtful);

  if (errands.length > 0) {
    await engine.store.check(signal);
    await probeThoseDown(engine, due, signal);
    for (const { name, outcome } of await inLanes(engine, errands, signal)) if (outcome) outcomes.set(name, outcome);
  }
  await tidyUp(engine, errands.length > 0, signal);
  return [...outcomes.values()].filter((outcome) => outcome !== undefined);
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

const atTheSweep = { group: 'sweep', limit: () => 16 };

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
  const { limit, onGrowth } = engine.memory.paces(directory);
  return { group: directory, limit, onGrowth };
};

/** The outcome that needs no more than the document: of a job, and of a document that cannot be read. */
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
  if (found instanceof Error) return { certificate: name, result: 'failed', message: found.message, error: found };
  if (!found || !job) return undefined;
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
 * The job, which removes what an earlier run of its certificate presented, then the sweep of what the job did not see
 * to: a certificate that only waits still owes its clean-up.
 */
function inOrder(
  engine: Engine,
  { job, name, hasLeft }: { readonly job: Job | undefined; readonly name: string; readonly hasLeft: boolean },
): (signal: AbortSignal) => Promise<Outcome | Busy | undefined> {
  let outcome: Outcome | undefined;
  const parts: ((signal: AbortSignal) => Promise<Busy | undefined>)[] = [];
  if (job) {
    const visits = visitsOf(engine, job);
    parts.push(async (signal) => {
      const result = await visits(signal);
      if (isBusy(result)) return result;
      outcome = result;
      return undefined;
    });
  }
  if (hasLeft) parts.push(reporting(engine, sweeperOf(engine, name)));
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
