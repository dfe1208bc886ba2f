import { untilAny } from '../../core/async/on-abort.ts';
import { problemType } from '../../core/ca/problem.ts';
import { asFailure, isFailure } from '../../core/errors/errors.ts';
import type { Secret } from '../../core/errors/secret.ts';
import { targetsDropped } from '../../core/lineage/deployments.ts';
import { namesToDrop } from '../../core/lineage/dropped-names.ts';
import type { Issued, Lineage, Tombstone, Version } from '../../core/lineage/lineage.ts';
import { nextKey } from '../../core/lineage/next-key.ts';
import type { Rollover } from '../../core/lineage/rollover.ts';
import { madeCurrent } from '../../core/lineage/work/delivery.ts';
import { isResumedAfter } from '../../core/lineage/work/end.ts';
import { begun } from '../../core/lineage/work/lease.ts';
import { accountKeyChanged, accountLost, orderFailed, pastRemoved } from '../../core/lineage/work/order.ts';
import { identifierKey, identifierSet } from '../../core/names/identifier.ts';
import { isStagingName } from '../../core/names/identifiers.ts';
import { newVersionId } from '../../core/names/version-id.ts';
import { type Outcome, outcomeOfLast, outcomeOfPlan } from '../../core/plan/outcome.ts';
import { type Plan, planLineage } from '../../core/plan/plan.ts';
import type { Early } from '../../core/plan/schedule.ts';
import { accountKey, accountOf } from '../../core/spec/account.ts';
import { deployHookTarget } from '../../core/spec/hooks.ts';
import { usualKeyType } from '../../core/spec/key-type.ts';
import { sameSpec } from '../../core/spec/same-spec.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { statelessParts } from '../../core/spec/stateless.ts';
import { datesToOrder } from '../../core/spec/validity.ts';
import { shortList } from '../../core/text/short-list.ts';
import type { VersionBundle, VersionRef } from '../../ports/deployer.ts';
import type { AccountIssuer, Order } from '../../ports/issuer.ts';
import { removeSentTooLate } from '../delivery/lost.ts';
import { type Engine, report } from '../engine.ts';
import { type Busy, firstSight, isBusy, type Sight, sightOfLoser, takeLease } from '../leases/lease.ts';
import { readAccount, rolloverOf } from '../ledger/account.ts';
import { type CaHold, endOfCaHold, holdOf, keepHold } from '../ledger/ca-hold.ts';
import { askDirectory, checkProfile } from '../looks/ca.ts';
import { checkChange } from '../looks/change.ts';
import { noteOutcome } from '../memory/hooks-of-run.ts';
import { noteIfDown } from '../run/ask.ts';
import { bundleOf, readBundle, readVersion } from '../run/bundles.ts';
import {
  aimOf,
  answers,
  changesSettings,
  isHalfDone,
  type Job,
  jobOfToday,
  refuseOthers,
  withHooksOfRun,
  withNewSettings,
} from '../run/job.ts';
import { announce, connectParts, nameOf, type OrderRun, type Run } from '../run/run.ts';
import { together } from '../run/wait.ts';
import type { Chain } from './chain.ts';
import { dropNames, withoutDropped } from './dropped.ts';
import { beforeOrder } from './hooks.ts';
import {
  accountInsteadOf,
  accountWithNewKey,
  isForgotten,
  openAccount,
  openForProxies,
  reopenAccount,
} from './steps/account.ts';
import { validate } from './steps/challenges.ts';
import { cleanJournalled, undo } from './steps/clean-up.ts';
import { closeDone, closeFailed, closeStopped } from './steps/close.ts';
import { deploy } from './steps/deploy.ts';
import { finalize } from './steps/finalize.ts';
import { checkMayOrder, keptOrder, placeOrder } from './steps/order.ts';
import { makeStayingReady, prepare } from './steps/prepare.ts';
import { askRenewalInfo } from './steps/renewal.ts';
import { obtainKey, removeRetired, removeVersions, storeVersion } from './steps/versions.ts';

/** One job over several tries, because another process may be working on the certificate at first. */
export interface Visit {
  job: Job;
  sight: Sight;
  /** Settings that `issue` changes have been checked. */
  isChecked?: true;
  /** It found that the key of its account is being changed. */
  hasMetRollover?: true;
  /** What this process was doing when it lost its lease. It is undone once the new holder has finished. */
  lost?: Lineage;
}

export function newVisit(engine: Engine, job: Job): Visit {
  const sight = firstSight(engine, job.wanted.spec.name);
  const { keepCredentials } = job;
  if (!keepCredentials) return { job, sight };
  let kept: Promise<void> | undefined;
  return { job: { ...job, keepCredentials: (signal) => (kept ??= keepCredentials(signal)) }, sight };
}

/** {@link takeTurns}, and remembers the outcome for the post-hooks of the run. */
export async function issue(engine: Engine, visit: Visit, signal: AbortSignal): Promise<Outcome | Busy> {
  const outcome = await takeTurns(engine, visit, signal);
  if (!isBusy(outcome)) noteOutcome(engine.memory.hooks, visit.job.wanted.spec, outcome);
  return outcome;
}

/**
 * The path of one certificate: take the lease, do what the plan says, close. Resolves with `Busy` if another process is
 * working on it; the caller then tries again with the same visit. A failure is in the outcome; it rejects only with the
 * signal's reason, after an abort.
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
    const { code, message } = failure;
    report(engine, { level: 'error', event: 'certificate.failed', certificate, message, data: { code } });
    return { certificate, result: 'failed', message, error: failure };
  }
}

/** One look at the document, and what follows from it; `again` if that did not finish the job. */
async function takeTurn(engine: Engine, visit: Visit, signal: AbortSignal): Promise<Outcome | Busy | 'again'> {
  const { sight } = visit;
  let { job } = visit;
  const caHold = await holdOf(engine, job.wanted.issuer.directory, signal);
  const rollover = await rolloverOf(engine, job.wanted, signal);
  let found: Lineage | undefined;
  let plan: Plan | undefined;
  /** What to find out before the lease is taken. */
  let askFirst: (() => Promise<void>) | undefined;
  const taken = await takeLease(
    engine,
    sight,
    (lineage, claim) => {
      found = lineage;
      refuseOthers(visit.job, lineage);
      const today = jobOfToday(visit.job, lineage);
      plan = { action: 'none', reason: 'it is no longer there' };
      if (!today) return undefined;
      job = today;
      if (lineage?.failure?.account !== undefined && job.account === undefined) {
        askFirst = () => learnAccount(engine, visit, signal);
        return undefined;
      }
      plan = planFor(engine, job, { lineage, caHold, rollover, now: claim.now });
      const aim = aimOf(job, lineage, plan);
      if (aim === 'certificate') job = withHooksOfRun(job);
      if (aim && lineage && !visit.isChecked && changesSettings(job, lineage)) {
        askFirst = () => checkFirst(engine, visit, { job: today, before: lineage.spec }, signal);
        return undefined;
      }
      return aim && begun({ ...job, aim, newId: newVersionId(engine.random, claim.now) }, claim);
    },
    signal,
  );
  if (isBusy(taken)) return taken;
  const { lost } = visit;
  if (lost) await undo(engine, lost);
  if (lost?.work?.step === 'deploy') await removeSentTooLate(engine, lost.spec, signal);
  delete visit.lost;
  visit.sight = firstSight(engine, sight.name);
  if (askFirst) {
    await askFirst();
    return 'again';
  }
  if (taken && 'finished' in taken) return answers(taken.finished, job) ? outcomeOfLast(taken.finished) : 'again';
  if (!taken && plan?.wait?.why === 'down') {
    const pace = engine.memory.paces(job.wanted.issuer.directory);
    const pauseMs = pace.nextProbe();
    if (pauseMs) return { busy: true, pauseMs };
    if (pace.state() !== 'down') return 'again';
  }
  if (!taken) return outcomeOfPlan(job, found, plan ?? { action: 'none', reason: 'not due yet' });
  reportStarted(engine, job, found, plan?.early);
  const outcome = await work({ engine, job, holding: taken.holding, caHold, signal }, visit);
  return outcome === 'again' || isHalfDone(job, { found, now: taken.holding.lineage, outcome, at: engine.clock.now() })
    ? 'again'
    : withNewSettings(job, found, outcome);
}

/** A failure for a deactivated account ends when the account changes. Only such a certificate reads it here. */
async function learnAccount(engine: Engine, visit: Visit, signal: AbortSignal): Promise<void> {
  const account = await readAccount(engine, visit.job.wanted.issuer, signal);
  visit.job = { ...visit.job, account: account?.document.url ?? '' };
}

/** Checks settings that `issue` changes before they are stored. */
async function checkFirst(
  engine: Engine,
  visit: Visit,
  { job, before }: { readonly job: Job; readonly before: StoredSpec },
  signal: AbortSignal,
): Promise<void> {
  if (job.unusable) throw job.unusable;
  await checkChange(engine, job, before, signal);
  visit.isChecked = true;
}

function planFor(
  { memory }: Engine,
  job: Job,
  facts: {
    readonly lineage: Lineage | undefined;
    readonly caHold: CaHold | undefined;
    readonly rollover: Rollover | undefined;
    readonly now: Date;
  },
): Plan {
  const { lineage, rollover, now } = facts;
  const isDown = memory.paces(job.wanted.issuer.directory).state() === 'down';
  const held = endOfCaHold(facts.caHold, lineage, now);
  const waits = { ...(held === undefined ? {} : { caHold: held }), ...(rollover ? { rollover } : {}) };
  return planLineage(job.wanted, lineage, now, { ...job, isDown, ...waits });
}

/** Everything that happens under the lease, until it is released. */
const work = (given: Omit<Run, 'learned'>, visit: Visit): Promise<Outcome | 'again'> =>
  untilAny([given.signal, given.holding.lost], (signal) => workUntil(given, visit, signal));

async function workUntil(given: Omit<Run, 'learned'>, visit: Visit, signal: AbortSignal): Promise<Outcome | 'again'> {
  const { engine, holding, job } = given;
  const learned = { asked: false, isPrepared: false, isResumed: false, overruled: false };
  const run: Run = { ...given, signal, learned };
  const stop = holding.keepAlive();
  try {
    if (job.unusable) throw job.unusable;
    await removePast(run);
    const fresh = holding.work.step === 'deploy' ? undefined : await obtain(run);
    const [deployed, left, renewal] = await together([
      deploy(run, fresh),
      cleanJournalled(run, job.wanted),
      askRenewalInfo(run),
    ]);
    const isDelivered = (deployed?.errors.length ?? 0) === 0;
    const { retired: all = [] } = holding.lineage;
    const retired = isDelivered ? await removeRetired(engine, holding.lineage, signal) : all;
    return await closeDone(run, { deployed, left, renewal, retired });
  } catch (error) {
    return await endEarly({ ...run, signal: given.signal }, visit, error);
  } finally {
    stop();
  }
}

function reportStarted(engine: Engine, { wanted }: Job, found: Lineage | undefined, early: Early | undefined): void {
  const { spec } = wanted;
  const certificate = spec.name;
  const shown = shortList(spec.identifiers.map(identifierKey));
  report(engine, { level: 'info', event: 'certificate.started', certificate, message: `working on ${shown}` });
  if (early) {
    const { reason, outside } = early;
    const message = `renewing it early: ${reason}`;
    const level = outside ? 'warn' : 'info';
    report(engine, { level, event: 'renewal.early', certificate, message, ...(outside ? { data: outside } : {}) });
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
 * anything. Its hooks may still be running, and its challenges may not come up again. A run that only delivers does this
 * at its end.
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

/** Step 0 and steps 3 to 11, starting where an earlier run ended; only step 11 if the version is already stored. */
async function obtain(run: Run): Promise<VersionBundle> {
  const { engine, job, holding, signal } = run;
  const { spec, issuer } = job.wanted;
  const version = { lineage: spec.name, id: holding.work.version };
  const stored = await readVersion(engine, version, signal);
  if (stored) {
    const { chainPem: _chain, ...facts } = stored;
    await makeCurrent(run, { id: version.id, ...facts });
    return readBundle(engine, version, signal);
  }
  // For the same names and profile, Boulder returns the open order again, which two lineages would then finalize with
  // two keys. This does not see other processes; there, one of the two fails and tries again.
  const request = `${accountKey(accountOf(issuer))} ${spec.profile ?? ''} ${identifierSet(spec.identifiers)}`;
  return engine.memory.orderTurns(request, () => obtainInTurn(run), signal);
}

async function obtainInTurn(run: Run): Promise<VersionBundle> {
  const ready = await openCa(run);
  await beforeOrder(run);
  try {
    return await makeVersion(ready);
  } catch (error) {
    const changed = await accountAfter(ready, error);
    if (!changed) throw error;
    // Once. What was presented is for the account or its key of before.
    await startOver(ready, changed.transition);
    return makeVersion({ ...ready, account: changed.account });
  }
}

/** Removes what was presented; the run starts over with the same private key. */
async function startOver(run: OrderRun, transition: typeof accountLost): Promise<void> {
  const { engine, job, holding, learned, parts, signal } = run;
  const left = await cleanJournalled(run, job.wanted);
  if (parts.some(({ solver }) => solver.stays)) learned.isPrepared = false;
  await holding.apply(transition({ left, now: engine.clock.now() }), signal);
}

/** The account to continue with, if the error was about the account, and what became of the order; otherwise undefined. */
async function accountAfter(
  run: OrderRun,
  error: unknown,
): Promise<{ readonly account: AccountIssuer; readonly transition: typeof accountLost } | undefined> {
  const { account, job } = run;
  const customer = { ...run, wanted: job.wanted };
  // The CA has forgotten the account (a test CA was restarted).
  if (isForgotten(error)) return { account: await reopenAccount(customer, account), transition: accountLost };
  if (isFailure(error, 'acme/invalid-authorization')) return undefined;
  const type = problemType(error);
  // What CAs answer to a signature with the key that the account had before.
  if (type !== 'unauthorized' && type !== 'malformed') return undefined;
  const renewed = await accountWithNewKey(customer, account);
  if (renewed) return { account: renewed, transition: accountKeyChanged };
  if (type !== 'unauthorized') return undefined;
  const instead = await accountInsteadOf(customer, account, job.newAccount ?? false);
  return instead && { account: instead, transition: accountLost };
}

/** Step 0: the directory, the clock, the solvers and the account. */
async function openCa(run: Run): Promise<OrderRun> {
  const { engine, job, holding, signal } = run;
  const { spec, issuer: settings } = job.wanted;
  const issuer = engine.connect.issuer(spec.issuer, settings);
  const downIf = (error: unknown) => {
    noteIfDown(engine, issuer, error);
    throw error;
  };
  const [parts, directory] = await together([
    connectParts(engine, job.wanted),
    askDirectory({ engine, issuer, signal }).catch(downIf),
  ]);
  if (holding.work.order?.url === undefined) {
    checkProfile(spec, directory.profiles);
    datesToOrder(spec.validity ?? {}, engine.clock.now());
  }
  if (spec.profile !== undefined && Object.keys(directory.profiles).length === 0) {
    const message = `${spec.issuer} lists no profiles, so it may ignore the profile ${spec.profile}`;
    report(engine, { level: 'warn', event: 'log', certificate: spec.name, message });
  }
  const customer = { engine, issuer, wanted: job.wanted, signal };
  const isStateless = statelessParts(job.wanted).length > 0;
  const opening = isStateless ? openForProxies(customer, holding.lineage) : openAccount(customer);
  const account = await opening.catch(downIf);
  return { ...run, issuer, account, directory, parts };
}

/**
 * Steps 3 to 11 with an open account; again without the names that were refused, if the spec allows that. An order of an
 * earlier run may fail because its answers were removed while the CA validated, which says nothing about the names: then
 * again with a new order.
 */
async function makeVersion(run: OrderRun): Promise<VersionBundle> {
  for (;;) {
    const narrowed = withoutDropped(run);
    try {
      return await makeVersionOf(narrowed);
    } catch (error) {
      if (run.learned.isResumed && isFailure(error, 'acme/invalid-authorization')) {
        await startOver(run, orderFailed);
        continue;
      }
      const dropped = namesToDrop(error, narrowed.job.wanted.spec);
      if (dropped.length === 0) throw error;
      await dropNames(run, dropped, await cleanJournalled(run, run.job.wanted));
    }
  }
}

async function makeVersionOf(run: OrderRun): Promise<VersionBundle> {
  const { engine, job, holding, issuer, learned, signal } = run;
  const { spec } = job.wanted;
  const version = { lineage: spec.name, id: holding.work.version };
  // The order of an earlier run, if its URL is known and the CA says that it is alive.
  const kept = await keptOrder(run);
  learned.isResumed = kept?.status === 'pending';
  if (!kept) {
    if (!learned.isPrepared) await prepare(run);
    learned.isPrepared = true;
  } else if (kept.status === 'pending') await makeStayingReady(run);
  const pace = engine.memory.paces(issuer.directoryUrl);
  const { keyPem, chain } = await pace.inTurn(() => obtainChain(run, version, kept), signal);
  const { facts, chainPem } = chain;
  const current = { facts, ...issuedWith(run, keyPem, chain) };
  await holding.check(signal);
  await storeVersion(engine, version, { ...current, chainPem }, signal);
  const words = `${holding.lineage.current ? 'renewed' : 'issued'}, valid until ${facts.notAfter}`;
  const data = { serial: facts.serial, notAfter: facts.notAfter, version: version.id };
  report(engine, { level: 'info', event: 'certificate.issued', certificate: spec.name, message: words, data });
  await makeCurrent(run, { id: version.id, ...current });
  return bundleOf(version, keyPem, chain);
}

/** What the new version was asked for, and got. */
function issuedWith({ engine, job, issuer, account, holding }: OrderRun, keyPem: Secret, { issuers }: Chain): Issued {
  const { profile, validity, preferredChain } = job.wanted.spec;
  const { dropped } = holding.work.order ?? {};
  const keyType = engine.pki.keyType(keyPem);
  return {
    directory: issuer.directoryUrl,
    accountUrl: account.accountUrl,
    chain: issuers,
    ...(dropped ? { dropped } : {}),
    issuedAt: engine.clock.now().toISOString(),
    ...(profile === undefined ? {} : { profile }),
    ...(validity === undefined ? {} : { validity }),
    ...(preferredChain === undefined ? {} : { preferredChain }),
    ...(keyType === undefined || keyType === usualKeyType ? {} : { keyType }),
  };
}

/** Steps 4 to 10: one order in flight at the CA. */
async function obtainChain(
  run: OrderRun,
  version: VersionRef,
  kept: Order | undefined,
): Promise<{ readonly keyPem: Secret; readonly chain: Chain }> {
  const { engine, job, holding, signal } = run;
  if (!kept) checkMayOrder(run);
  // After the first order, `renew` takes over, and has only the stored credentials.
  if (holding.work.first) await job.keepCredentials?.(signal);
  const keyPem = await obtainKey(engine, version, nextKey(job.wanted.spec, holding.lineage.current), signal);
  const order = kept ?? (await placeOrder(run));
  await validate(run, order); // steps 6 to 8; nothing to do for an order that is ready, being signed, or signed
  const chain = await finalize(run, order, keyPem);
  if (isStagingName(job.wanted.spec.name)) await giveUpAuthorizations(run, order);
  return { keyPem, chain };
}

/** After a test: with an authorization that the CA reuses, the next test would not try the challenge again. */
async function giveUpAuthorizations({ account, signal }: OrderRun, order: Order): Promise<void> {
  const all = order.authorizationUrls.map((url) => account.deactivateAuthorization(url, signal));
  await Promise.allSettled(all); // the certificate is there in any case
  signal.throwIfAborted();
}

/** Step 11: makes a version the current one, and journals every target's intent in the same write. */
async function makeCurrent(run: Run, version: Version): Promise<void> {
  const { engine, job, holding, signal } = run;
  await holding.apply(madeCurrent({ wanted: job.wanted, version, now: engine.clock.now() }), signal);
  announce(run, 'deploy', 'the new version is now the current one');
}

/**
 * Ends a run that failed, was stopped, or has lost its lease. First removes its challenges, with a time budget of its
 * own.
 */
async function endEarly(run: Run, visit: Visit, error: unknown): Promise<Outcome | 'again'> {
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
): Promise<Outcome | 'again'> {
  const { engine, job, holding, learned, signal } = run;
  holding.lost.throwIfAborted();
  if (signal.aborted) {
    await closeStopped(run, left);
    throw signal.reason;
  }
  const failure = asFailure(error, nameOf(run));
  if (failure.code === 'account/rolling' && !visit.hasMetRollover) {
    // It began after the plan was made. The next turn waits for it.
    visit.hasMetRollover = true;
    await closeStopped(run, left);
    return 'again';
  }
  await keepHold(engine, job.wanted.issuer.directory, failure).catch(() => undefined); // the lineage also stores it
  const { work: ended } = holding;
  const outcome = await closeFailed(run, failure, left);
  // Not before the write: until then, another process may take the work over, and with it the key.
  if (!isResumedAfter(ended, failure, learned.asked))
    await removeVersions(engine, nameOf(run), [ended.version], signal);
  return outcome;
}

/**
 * This process was suspended for longer than its lease, and another one took over. It must undo its last changes, which
 * may have come after the other's clean-up, but only once the other has finished: it may be using the same values.
 */
function giveWay({ engine, holding }: Run, visit: Visit): 'again' {
  const message = 'another process took over; waiting for its result';
  report(engine, { level: 'warn', event: 'certificate.waiting', certificate: visit.sight.name, message });
  visit.lost = holding.lineage;
  visit.sight = sightOfLoser(engine, holding.lineage);
  return 'again';
}
