import { type ErrorCode, errorTable } from '../core/error-table.ts';
import { asFailure, CertfleetError, fail, isFailure } from '../core/errors.ts';
import { identifierKey } from '../core/identifier.ts';
import { type Lineage, unfinishedWork, type Work } from '../core/lineage.ts';
import type { Outcome } from '../core/outcome.ts';
import {
  canonical,
  failureThatCounts,
  type Plan,
  planLineage,
  sameRequest,
  sameSpec,
  targetsToDeploy,
} from '../core/plan.ts';
import type { StoredSpec } from '../core/spec.ts';
import { type EngineContext, report } from './engine.ts';
import { bareWork, giveBack, type Holding, takeLease } from './leases/lease.ts';
import { type CaHold, endOfCaHold, holdOf, keepHold } from './ledger/ca-hold.ts';
import { checkClock, checkProfile, obtain } from './obtain.ts';
import { patiently } from './run.ts';
import { checkTerms } from './steps/account.ts';
import { cleanJournalled, owesCleanup, undo } from './steps/clean-up.ts';
import { closeDone, closeFailed, closeStopped, keepTombstones, outcomeOfLast } from './steps/close.ts';
import { type Deployed, deploy } from './steps/deploy.ts';
import { askRenewalInfo } from './steps/renewal.ts';
import { removeRetired } from './steps/versions.ts';
import { together } from './wait.ts';

export interface Job {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  readonly force: boolean;
  /** `renew` obeys the back-off, `issue` by hand does not. */
  readonly obeyBackoff: boolean;
  /** A person knows better: what a look proves is tried against the CA all the same. */
  readonly insists?: boolean;
  /** Where the account is deactivated, a new one is opened. */
  readonly newAccount?: boolean;
  /** Every target gets the current version again, and nothing is ordered (`renew --redeploy`). */
  readonly redeploy?: boolean;
  /** Hash over the secrets that the adapters were given. */
  readonly credentials?: string;
  /** Keeps the secrets of flags and environment for later runs. */
  readonly keepCredentials?: (signal: AbortSignal) => Promise<void>;
}

/**
 * The order of effects (house.md §5) for one certificate: take the lease, do what the plan says, close. Never throws
 * for what happened to the certificate; rejects with the signal's reason when the caller gave up.
 */
export async function issue(context: EngineContext, job: Job, signal: AbortSignal): Promise<Outcome> {
  const name = job.wanted.spec.name;
  let idle: Outcome | undefined;
  let found: Lineage | undefined;
  try {
    const caHold = await holdOf(context, job.wanted.issuer.directory, signal);
    const isFirst = job.origin === 'command-line' && (await knock(context, job.wanted, caHold, signal));
    // A first issue must be repeatable from cron whatever becomes of it; later, a secret that was mistyped must not
    // replace the one that works.
    if (isFirst) await job.keepCredentials?.(signal);
    const told = async (outcome: Outcome): Promise<Outcome> => {
      if (!isFirst && outcome.result !== 'failed') await job.keepCredentials?.(signal);
      return outcome;
    };
    const taken = await takeLease(
      context,
      name,
      (lineage) => {
        found = lineage;
        const now = context.clock.now();
        const held = endOfCaHold(caHold, lineage, now);
        const plan = planLineage(job.wanted, lineage, now, { ...job, ...(held === undefined ? {} : { caHold: held }) });
        if (plan.action !== 'none') return begin(context, job, lineage, plan.action, now);
        if (hasNewSettings(job, lineage, plan)) return begin(context, job, lineage, 'ask', now);
        idle = outcomeOfIdle(job, lineage, plan);
        return undefined;
      },
      signal,
    );
    if (!taken) return await told(idle ?? { certificate: name, result: 'unchanged', message: 'nothing is due' });
    if ('finished' in taken) {
      if (answers(taken.finished, job)) return await told(outcomeOfLast(taken.finished));
      return await issue(context, job, signal);
    }
    report(
      context,
      'info',
      'certificate.started',
      name,
      `working on ${listed(job.wanted.spec.identifiers.map(identifierKey))}`,
    );
    tellDropped(context, job.wanted, found);
    const outcome = await work(context, job, taken.holding, signal);
    // The CA's window was asked for and lies in the past: now is the time (RFC 9773 §4.2).
    const isDue = outcome.next !== undefined && Date.parse(outcome.next) <= context.clock.now().getTime();
    if (outcome.result === 'unchanged' && isDue) return await issue(context, job, signal);
    // A deployment that was interrupted came first; what is asked for by force is a new certificate.
    const isNew = taken.holding.lineage.current?.id !== found?.current?.id;
    if (job.force && !isNew && outcome.result !== 'failed') return await issue(context, job, signal);
    if (outcome.result !== 'unchanged' || !found) return await told(outcome);
    if (found.origin === job.origin && sameSpec(found.spec, job.wanted)) return await told(outcome);
    return await told({ ...outcome, message: 'its new settings are kept; the certificate itself is not due' });
  } catch (error) {
    signal.throwIfAborted();
    const failure = asFailure(error, name);
    report(context, 'error', 'certificate.failed', name, failure.message, { code: failure.code });
    return { certificate: name, result: 'failed', message: failure.message, error: failure };
  }
}

/**
 * Whether flags say something else than last time of a certificate that is not due, or something at all of one that was
 * declared: what `renew` needs in two months is kept today. A declared certificate has its settings in the configuration.
 */
const hasNewSettings = (job: Job, lineage: Lineage | undefined, plan: Plan): boolean =>
  job.origin === 'command-line' &&
  plan.heldUntil === undefined &&
  lineage?.current !== undefined &&
  (lineage.origin !== job.origin || !sameSpec(lineage.spec, job.wanted));

/**
 * Whether what another process came to is this one's result too: it wanted the same, and where a new certificate is
 * asked for by force, it tried to get one.
 */
const answers = (finished: Lineage, { wanted, origin, force, redeploy }: Job): boolean =>
  // What another process delivered need not be everything.
  redeploy !== true &&
  (sameSpec(finished.spec, wanted) || (origin === 'configuration' && bringsTheSame(finished.spec, wanted))) &&
  (!force ||
    finished.last?.result === 'issued' ||
    finished.last?.result === 'renewed' ||
    finished.last?.result === 'failed');

/**
 * Whether two specs want the same certificate at the same places: the nodes of a cluster declare it with responders of
 * their own. What flags say must be kept, so that for them the whole spec counts.
 */
const bringsTheSame = (a: StoredSpec, b: StoredSpec): boolean =>
  sameRequest(a, b) &&
  canonical([a.spec.deploy, a.spec.endpoints, a.deployers]) ===
    canonical([b.spec.deploy, b.spec.endpoints, b.deployers]);

/** A target that is not named any more keeps what it has, which expires some day. */
function tellDropped(context: EngineContext, { spec }: StoredSpec, found: Lineage | undefined): void {
  const dropped = found?.spec.spec.deploy.filter((target) => !spec.deploy.includes(target)) ?? [];
  for (const target of dropped)
    report(
      context,
      'warn',
      'log',
      spec.name,
      `${target} is no longer a target; what it has stays there and is not renewed`,
    );
}

/** A list as long as a line takes. */
const listed = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');

/**
 * A first `issue` by flags whose CA cannot be talked to leaves nothing behind: a mistyped URL must not become a
 * certificate that `renew` tries for ever. From the first order on, failures are remembered.
 *
 * @returns whether it is the first
 */
async function knock(
  context: EngineContext,
  wanted: StoredSpec,
  caHold: CaHold | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  if (await context.store.get({ kind: 'lineage', name: wanted.spec.name }, signal)) return false;
  const held = endOfCaHold(caHold, undefined, context.clock.now());
  if (held !== undefined) throw onHold(wanted, held);
  const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
  const directory = await patiently({ context, signal }, () => issuer.directory(signal)).catch(async (error) => {
    if (isFailure(error)) await keepHold(context, issuer.directoryUrl, error);
    throw error;
  });
  checkClock(wanted, directory.clockSkewMs);
  checkTerms(issuer, wanted.issuer, directory);
  checkProfile(wanted, directory.profiles);
  return true;
}

const onHold = ({ spec }: StoredSpec, until: string): CertfleetError =>
  fail('acme/hold', { issuer: spec.issuer, certificate: spec.name, until }, { retryAt: new Date(until) });

/** What a plan that does nothing means for the user. */
export function outcomeOfIdle(
  job: Pick<Job, 'wanted' | 'obeyBackoff'>,
  lineage: Lineage | undefined,
  plan: Plan,
): Outcome {
  const certificate = job.wanted.spec.name;
  const next = plan.wakeAt === undefined ? {} : { next: plan.wakeAt };
  if (!job.obeyBackoff && plan.heldUntil !== undefined) {
    const error = onHold(job.wanted, plan.heldUntil);
    return { certificate, result: 'failed', message: error.message, error, ...next };
  }
  const notAfter = lineage?.current?.facts.notAfter;
  if (plan.pending && notAfter !== undefined) {
    const { code, message } = plan.pending;
    const known = code in errorTable ? (code as ErrorCode) : 'deploy/target-failed';
    const error = new CertfleetError(known, message, `\`certfleet issue ${certificate}\` tries it now.`, {});
    return { certificate, result: 'pending', notAfter, message, error, ...next };
  }
  return {
    certificate,
    result: 'unchanged',
    message: plan.reason,
    ...(plan.failing ? { failing: true } : {}),
    ...(notAfter === undefined ? {} : { notAfter }),
    ...next,
  };
}

/** The document of step 3: the lease, and what an earlier run left to go on with. */
function begin(context: EngineContext, job: Job, lineage: Lineage | undefined, action: string, now: Date): Lineage {
  const wanted = job.wanted;
  const before = unfinishedWork(lineage);
  const sameJob = before !== undefined && lineage !== undefined && sameRequest(lineage.spec, wanted);
  const deployOnly = action === 'deploy' || action === 'ask' || (before?.step === 'deploy' && sameJob);
  const work: Work = {
    step: deployOnly ? 'deploy' : 'lease',
    version: deployOnly
      ? (lineage?.current?.id ?? newId(context, now))
      : sameJob && before.step !== 'deploy'
        ? before.version
        : newId(context, now),
    directory: wanted.issuer.directory,
    startedAt: now.toISOString(),
    challenges: before?.challenges ?? [],
    ...(before?.thumbprint === undefined ? {} : { thumbprint: before.thumbprint }),
    ...(before?.probe ? { probe: 'left' } : deployOnly ? {} : { probe: 'ours' }),
    ...(deployOnly ? {} : { order: sameJob && before.order ? resumedOrder(before.order) : {} }),
    ...(sameJob && deployOnly ? parkedOf(before) : {}),
    ...(before?.takenOver ? { takenOver: true } : {}),
  };
  // While challenges of another spec are journalled, its solver is still needed to remove them.
  const keepSpec = lineage !== undefined && owesCleanup(before) && !sameSpec(lineage.spec, wanted);
  return {
    ...(lineage ?? { schema: 1, name: wanted.spec.name }),
    ...forgiven(lineage, wanted, job.credentials, now),
    deployments: onlyOf([...wanted.spec.deploy, ...wanted.spec.endpoints], lineage?.deployments ?? {}),
    origin: job.origin,
    spec: keepSpec ? lineage.spec : wanted,
    ...(job.credentials === undefined ? {} : { credentials: job.credentials }),
    work,
  };
}

/** Another spec, or other credentials, begin to count anew; what the CA said, and what its limits count, stays. */
function forgiven(
  lineage: Lineage | undefined,
  wanted: StoredSpec,
  credentials: string | undefined,
  now: Date,
): Pick<Lineage, 'failure'> {
  const failure = lineage?.failure;
  if (!failure || failureThatCounts(wanted, lineage, credentials, now)) return {};
  return { failure: { ...failure, count: 0, retryAt: failure.at } };
}

const onlyOf = <T>(names: readonly string[], all: Readonly<Record<string, T>>): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));

/** Whether newOrder was sent and its answer lost is not known, where there is no URL. */
const resumedOrder = (order: NonNullable<Work['order']>): NonNullable<Work['order']> =>
  order.url === undefined ? { ...order, doubtful: true } : order;

/** What a pass that only deploys leaves as it is: the order that waits for its next try, and its key. */
function parkedOf(work: Work): Pick<Work, 'parked'> {
  const { version, order, parked } = work;
  if (work.step === 'deploy') return parked ? { parked } : {};
  return { parked: { version, ...(order ? { order } : {}) } };
}

/** Sortable by time, unique in the lineage, safe as a file name: `20261124-173001-k3f9ab`. */
function newId(context: EngineContext, now: Date): string {
  const time = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${Buffer.from(context.random.bytes(3)).toString('hex')}`;
}

async function work(context: EngineContext, job: Job, holding: Holding, caller: AbortSignal): Promise<Outcome> {
  const stop = holding.keepAlive();
  const signal = AbortSignal.any([caller, holding.lost]);
  const isRenewal = holding.lineage.current !== undefined;
  try {
    await leavePast(context, job, holding, signal);
    const fresh =
      holding.work.step === 'deploy'
        ? undefined
        : await obtain(
            context,
            job.wanted,
            holding,
            { isRenewal, insists: job.insists ?? false, mayOpenAccount: job.newAccount ?? false },
            signal,
          );
    const renewal = askRenewalInfo(context, job.wanted, holding.lineage, signal);
    const due = job.redeploy === true || targetsToDeploy(job.wanted, holding.lineage).length > 0;
    const cleaning = cleanJournalled(context, job.wanted, holding);
    const [deployed, left, asked] = (await together<unknown>([
      due ? deploy({ context, holding, ...job, signal }, fresh) : Promise.resolve(undefined),
      cleaning,
      renewal,
    ])) as [Deployed | undefined, Awaited<typeof cleaning>, Awaited<typeof renewal>];
    // Not what this process found when it began: it may have taken over a first issue that was current already.
    const wasRenewal = holding.lineage.previous !== undefined;
    const delivered = (deployed?.errors.length ?? 0) === 0;
    const retired = delivered ? await removeRetired(context, holding.lineage, signal) : holding.lineage.retired;
    const done = { deployed, left, renewal: asked, retired, isRenewal: wasRenewal };
    return await closeDone(context, holding, done, signal);
  } catch (error) {
    if (holding.lost.aborted) return await yieldToWinner(context, job, holding, caller);
    // Half of the time a signal gives is for the outside world; the journal must be written in the rest.
    const budgetMs = caller.aborted ? context.limits.shutdownBudgetMs / 2 : undefined;
    const left = await cleanJournalled(context, holding.lineage.spec, holding, budgetMs);
    // A process that was frozen finds out by the clean-up's look at its lease.
    if (holding.lost.aborted) return await yieldToWinner(context, job, holding, caller);
    if (caller.aborted) {
      await closeStopped(context, holding, left);
      throw caller.reason;
    }
    const failure = asFailure(error, job.wanted.spec.name);
    await keepHold(context, job.wanted.issuer.directory, failure).catch(() => undefined); // the lineage keeps it too
    return await closeFailed(context, holding, failure, left);
  } finally {
    stop();
  }
}

/**
 * What an earlier process presented is removed, by the solver of its spec, before anything is presented anew: its hooks
 * may still run, its order may be dead, and of its challenges some may be valid by now and not come again.
 */
async function leavePast(context: EngineContext, job: Job, holding: Holding, signal: AbortSignal): Promise<void> {
  const { spec } = holding.lineage;
  const { step, challenges, probe } = holding.work;
  const cleanedAtTheEnd = step === 'deploy' || (challenges.length === 0 && probe !== 'left');
  if (cleanedAtTheEnd && sameSpec(spec, job.wanted)) return;
  const left = await cleanJournalled(context, spec, holding);
  await holding.update(
    (lineage) => ({
      ...lineage,
      spec: job.wanted,
      tombstones: keepTombstones(context, lineage, left),
      work: { ...holding.work, challenges: [], probe: 'ours' },
    }),
    signal,
  );
}

/**
 * This process was stopped past its lease and another one took over. What it did meanwhile may have come after the
 * other's removal: it waits for the other's result, undoes what the other does not own, and reports that result.
 */
async function yieldToWinner(
  context: EngineContext,
  job: Job,
  holding: Holding,
  signal: AbortSignal,
): Promise<Outcome> {
  const { wanted } = job;
  const mine = holding.lineage.work;
  const name = wanted.spec.name;
  report(context, 'warn', 'certificate.waiting', name, 'another process has taken over; waiting for its result');
  const taken = await takeLease(
    context,
    name,
    (lineage) => (lineage ? { ...lineage, work: lineage.work ?? bareWork(context, wanted) } : undefined),
    signal,
  );
  if (mine) await undo(context, holding.lineage.spec, mine);
  if (!taken) return { certificate: name, result: 'unchanged', message: 'another process has removed it' };
  if ('finished' in taken)
    return answers(taken.finished, job) ? outcomeOfLast(taken.finished) : issue(context, job, signal);
  // Taken at once: the other has finished already, or has died in its turn. The lease is given back as it was found.
  await giveBack(context, taken.holding);
  const { lineage } = taken.holding;
  return lineage.work || !answers(lineage, job) ? issue(context, job, signal) : outcomeOfLast(lineage);
}
