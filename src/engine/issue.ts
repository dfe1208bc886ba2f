import { type CertfleetError, fail } from '../core/errors.ts';
import { identifierKey } from '../core/identifier.ts';
import type { Lineage, Tombstone, Version, Work } from '../core/lineage.ts';
import type { Outcome } from '../core/outcome.ts';
import { type Plan, planLineage, sameRequest, sameSpec, targetsToDeploy } from '../core/plan.ts';
import { renewalByLifetime } from '../core/renewal.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { VersionBundle } from '../ports/deployer.ts';
import { checkTerms, isForgotten, openAccount, reopenAccount } from './account.ts';
import { cleanUp, tombstoneOf, validate } from './challenges.ts';
import { closeDone, closeFailed, closeStopped, keepTombstones, outcomeOfLast } from './close.ts';
import { type EngineContext, report } from './context.ts';
import { deploy, intendDeployments } from './deploy.ts';
import { type Holding, takeLease } from './lease.ts';
import { finalize, obtainOrder, updateWork } from './order.ts';
import { judge, preflightBeforeOrder } from './preflight.ts';
import { askRenewalInfo } from './renewal.ts';
import { announce, asFailure, lineageName, type Opened, patiently, type Run } from './run.ts';
import { bundleOf, obtainKey, readVersion, storeVersion } from './versions.ts';
import { together } from './wait.ts';

export interface Job {
  readonly wanted: StoredSpec;
  readonly origin: Lineage['origin'];
  readonly force: boolean;
  /** `renew` obeys the back-off, `issue` by hand does not. */
  readonly obeyBackoff: boolean;
  /** Hash over the secrets that the adapters were given. */
  readonly credentials?: string;
}

/**
 * The order of effects (house.md §5) for one certificate: take the lease, do what the plan says, close. Never throws
 * for what happened to the certificate; rejects with the signal's reason when the caller gave up.
 */
export async function issue(context: EngineContext, job: Job, signal: AbortSignal): Promise<Outcome> {
  const name = job.wanted.spec.name;
  let idle: Outcome | undefined;
  try {
    if (job.origin === 'command-line') await knock(context, job.wanted, signal);
    const taken = await takeLease(
      context,
      name,
      (lineage) => {
        const now = context.clock.now();
        const plan = planLineage(job.wanted, lineage, now, job);
        if (plan.action === 'none') {
          idle = outcomeOfIdle(job, lineage, plan);
          return undefined;
        }
        return begin(context, job, lineage, plan.action, now);
      },
      signal,
    );
    if (!taken) return idle ?? { certificate: name, result: 'unchanged', message: 'nothing is due' };
    if ('finished' in taken) return outcomeOfLast(taken.finished);
    report(
      context,
      'info',
      'certificate.started',
      name,
      `working on ${listed(job.wanted.spec.identifiers.map(identifierKey))}`,
    );
    return await work(context, job, taken.holding, signal);
  } catch (error) {
    signal.throwIfAborted();
    const failure = asFailure(error);
    report(context, 'error', 'certificate.failed', name, failure.message, { code: failure.code });
    return { certificate: name, result: 'failed', message: failure.message, error: failure };
  }
}

/** A list as long as a line takes. */
const listed = (names: readonly string[]): string =>
  names.length > 5 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');

/**
 * A first `issue` by flags whose CA cannot be talked to leaves nothing behind: a mistyped URL must not become a
 * certificate that `renew` tries for ever. From the first order on, failures are remembered.
 */
async function knock(context: EngineContext, wanted: StoredSpec, signal: AbortSignal): Promise<void> {
  if (await context.store.get({ kind: 'lineage', name: wanted.spec.name }, signal)) return;
  const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
  const directory = await patiently({ context, signal }, () => issuer.directory(signal));
  checkClock(wanted, directory.clockSkewMs);
  checkTerms(issuer, wanted.issuer, directory);
}

function outcomeOfIdle(job: Job, lineage: Lineage | undefined, plan: Plan): Outcome {
  const certificate = job.wanted.spec.name;
  const next = plan.wakeAt === undefined ? {} : { next: plan.wakeAt };
  if (!job.obeyBackoff && plan.heldUntil !== undefined) {
    const until = plan.heldUntil;
    const error = fail(
      'acme/hold',
      { issuer: job.wanted.spec.issuer, certificate, until },
      { retryAt: new Date(until) },
    );
    return { certificate, result: 'failed', message: error.message, error, ...next };
  }
  const notAfter = lineage?.current?.facts.notAfter;
  return {
    certificate,
    result: 'unchanged',
    message: plan.reason,
    ...(notAfter === undefined ? {} : { notAfter }),
    ...next,
  };
}

/** The document of step 3: the lease, and what an earlier run left to go on with. */
function begin(context: EngineContext, job: Job, lineage: Lineage | undefined, action: string, now: Date): Lineage {
  const wanted = job.wanted;
  const before = lineage?.work;
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
    ...(before?.probe ? { probe: true } : {}),
    ...(sameJob && !deployOnly && before.order ? { order: before.order } : {}),
    ...(before?.takenOver ? { takenOver: true } : {}),
  };
  // While challenges of another spec are journalled, its solver is still needed to remove them.
  const keepSpec = lineage !== undefined && owesCleanup(before) && !sameSpec(lineage.spec, wanted);
  return {
    ...(lineage ?? { schema: 1, name: wanted.spec.name, deployments: {} }),
    origin: job.origin,
    spec: keepSpec ? lineage.spec : wanted,
    ...(job.credentials === undefined ? {} : { credentials: job.credentials }),
    work,
  };
}

const owesCleanup = (work: Work | undefined): boolean =>
  work !== undefined && (work.challenges.length > 0 || work.probe === true);

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
    await leaveOtherSpec(context, job, holding, signal);
    const fresh = holding.work.step === 'deploy' ? undefined : await obtain(context, job, holding, isRenewal, signal);
    const renewal = askRenewalInfo(context, job.wanted, holding.lineage, signal);
    const deployed = targetsToDeploy(job.wanted, holding.lineage).length > 0;
    const cleaning = cleanJournalled(context, job.wanted, holding);
    const [errors] = await together<unknown>([
      deployed ? deploy({ context, holding, wanted: job.wanted, signal }, fresh) : Promise.resolve([]),
      cleaning,
      renewal,
    ]).then((all) => all as [readonly CertfleetError[], Awaited<typeof cleaning>, Awaited<typeof renewal>]);
    return await closeDone(
      context,
      holding,
      {
        errors,
        left: await cleaning,
        renewal: await renewal,
        deployed,
        // Not what this process found when it began: it may have taken over a first issue that was current already.
        isRenewal: holding.lineage.previous !== undefined,
      },
      signal,
    );
  } catch (error) {
    if (holding.lost.aborted) return await yieldToWinner(context, job, holding, caller);
    // Half of the time a signal gives is for the outside world; the journal must be written in the rest.
    const budgetMs = caller.aborted ? context.limits.shutdownBudgetMs / 2 : undefined;
    const left = await cleanJournalled(context, holding.lineage.spec, holding, budgetMs);
    if (caller.aborted) {
      await closeStopped(context, holding, left);
      throw caller.reason;
    }
    return await closeFailed(context, holding, asFailure(error), left);
  } finally {
    stop();
  }
}

/** What another spec's solver presented is removed by that solver, before this one begins. */
async function leaveOtherSpec(context: EngineContext, job: Job, holding: Holding, signal: AbortSignal): Promise<void> {
  const { spec } = holding.lineage;
  if (sameSpec(spec, job.wanted)) return;
  const left = await cleanJournalled(context, spec, holding);
  await holding.update(
    (lineage) => ({
      ...lineage,
      spec: job.wanted,
      tombstones: keepTombstones(context, lineage, left),
      work: { ...holding.work, challenges: [], probe: false },
    }),
    signal,
  );
}

/** Steps 2 and 4 to 11: from nothing, or from wherever an earlier run came, to the current version. */
async function obtain(
  context: EngineContext,
  job: Job,
  holding: Holding,
  isRenewal: boolean,
  signal: AbortSignal,
): Promise<VersionBundle | undefined> {
  const { wanted } = job;
  const name = wanted.spec.name;
  const issuer = context.connect.issuer(wanted.spec.issuer, wanted.issuer);
  const { version } = holding.work;
  const stored = await readVersion(context, name, version, signal);
  if (stored) {
    await makeCurrent(context, wanted, holding, { id: version, ...stored }, signal);
    return undefined;
  }

  const [solver, keyPem, firstAccount, directory] = (await together<unknown>([
    context.connect.solver(wanted),
    obtainKey(context, name, version, signal),
    openAccount(context, issuer, wanted.issuer, signal),
    patiently({ context, signal }, () => issuer.directory(signal)),
  ])) as [
    Awaited<ReturnType<typeof context.connect.solver>>,
    Awaited<ReturnType<typeof obtainKey>>,
    Opened['account'],
    Awaited<ReturnType<typeof issuer.directory>>,
  ];
  checkClock(wanted, directory.clockSkewMs);
  const run: Run = { context, holding, wanted, issuer, solver, signal };

  const overruled =
    holding.work.order?.url === undefined && (await preflight(run, firstAccount, directory.caaIdentities));
  const opened: Opened = { account: firstAccount, overruled };
  let chainPem: string;
  try {
    chainPem = await order(run, opened, keyPem);
  } catch (error) {
    if (!isForgotten(error)) throw error;
    // The account vanished between newOrder and here (a test CA was restarted): one new beginning with the same keys.
    opened.account = await reopenAccount(context, issuer, wanted.issuer, signal);
    await updateWork(run, ({ order: _gone, ...rest }) => rest);
    chainPem = await order(run, opened, keyPem);
  }

  const chain = await checkChain(run, chainPem, keyPem);
  const { facts } = chain;
  const document = {
    chainPem,
    facts,
    directory: issuer.directoryUrl,
    accountUrl: opened.account.accountUrl,
    ...(wanted.spec.profile === undefined ? {} : { profile: wanted.spec.profile }),
  };
  await holding.check(signal);
  await storeVersion(context, name, version, document, signal);
  report(
    context,
    'info',
    'certificate.issued',
    name,
    `${isRenewal ? 'renewed' : 'issued'}, valid until ${facts.notAfter}`,
    {
      serial: facts.serial,
      notAfter: facts.notAfter,
      version,
    },
  );
  await makeCurrent(context, wanted, holding, { id: version, ...document }, signal);
  return bundleOf(name, version, keyPem, chain);
}

async function order(run: Run, opened: Opened, keyPem: Awaited<ReturnType<typeof obtainKey>>): Promise<string> {
  const placed = await obtainOrder(run, opened);
  await validate(run, opened, placed);
  return finalize(run, opened, placed, keyPem);
}

/** The chain, read and compared with what was asked for. A wrong one ends its order: asking again brings the same. */
async function checkChain(run: Run, chainPem: string, keyPem: Awaited<ReturnType<typeof obtainKey>>) {
  const { context, issuer, wanted } = run;
  const refuse = async (reason: string, options?: ErrorOptions) => {
    await updateWork(run, ({ order: _refused, ...rest }) => rest);
    return fail('acme/wrong-certificate', { issuer: issuer.name, reason }, options);
  };
  let chain: ReturnType<typeof context.pki.readChain>;
  try {
    chain = context.pki.readChain(chainPem);
  } catch (cause) {
    throw await refuse('it cannot be read', { cause });
  }
  const leaf = chain.certificates[0] ?? '';
  const mismatch = context.pki.mismatch(leaf, keyPem, wanted.spec.identifiers, context.clock.now());
  if (mismatch !== undefined) throw await refuse(mismatch);
  return chain;
}

/** A clock further off than this makes every date comparison wrong; CAs backdate certificates by an hour. */
const skewLimitMs = 90 * 60_000;

function checkClock(wanted: StoredSpec, skewMs: number | undefined): void {
  if (skewMs === undefined || Math.abs(skewMs) <= skewLimitMs) return;
  throw fail('acme/clock-skew', { url: wanted.issuer.directory, minutes: Math.round(Math.abs(skewMs) / 60_000) });
}

/** Step 2, under the lease: a probe file is an effect, and effects are journalled first. Answers whether a proven no is overruled. */
async function preflight(run: Run, account: Opened['account'], caaIdentities: readonly string[]): Promise<boolean> {
  const { context, holding, solver, wanted, signal } = run;
  announce(run, 'lease', 'looking at what the CA will look at');
  if (solver.unprobe && !holding.work.probe) await updateWork(run, (work) => ({ ...work, probe: true }));
  const probe = await solver.probe?.(signal);
  const findings = await preflightBeforeOrder(
    context,
    {
      identifiers: wanted.spec.identifiers,
      solver,
      settings: wanted.preflight,
      caaIdentities,
      accountUrl: account.accountUrl,
    },
    probe,
    signal,
  );
  await solver.unprobe?.(signal);
  for (const finding of findings.filter((f) => f.verdict !== 'pass'))
    report(context, 'warn', 'preflight.finding', lineageName(run), `${finding.identifier}: ${finding.finding}`, {
      verdict: finding.verdict,
      identifier: finding.identifier,
    });
  const { lineage } = holding;
  const now = context.clock.now();
  const { error, overruled } = judge(findings, {
    now,
    renewalAt: lineage.current ? lineage.renewal?.at : undefined,
    overruledAt: lineage.failure?.overruledAt,
    validations: lineage.failure?.validations ?? {},
  });
  if (error) throw error;
  if (!overruled) return false;
  const at = now.toISOString();
  await holding.update(
    (l) => ({
      ...l,
      failure: {
        ...(l.failure ?? { count: 0, at, code: 'preflight/no', message: '', hint: '', retryAt: at }),
        overruledAt: at,
      },
    }),
    signal,
  );
  return true;
}

/** Step 11: from here on this is the certificate of the lineage; every target's intent stands in the same write. */
async function makeCurrent(
  context: EngineContext,
  wanted: StoredSpec,
  holding: Holding,
  version: Version & { readonly chainPem?: string },
  signal: AbortSignal,
): Promise<void> {
  const now = context.clock.now().toISOString();
  const { chainPem: _stored, ...current } = version;
  await holding.update((lineage) => {
    const { order: _done, ...work } = holding.work;
    return {
      ...lineage,
      ...(lineage.current && lineage.current.id !== version.id ? { previous: lineage.current } : {}),
      current,
      renewal: renewalByLifetime(version.facts),
      deployments: intendDeployments(lineage, wanted, version.id, now),
      work: { ...work, step: 'deploy' },
    };
  }, signal);
  announce({ context, wanted }, 'deploy', 'it is the current certificate');
}

/** Step 13 for all that is journalled; what could not be removed comes back as tombstones. */
async function cleanJournalled(
  context: EngineContext,
  spec: StoredSpec,
  holding: Holding,
  budgetMs?: number,
): Promise<readonly Tombstone[]> {
  const { work: inFlight } = holding.lineage;
  if (!inFlight || !owesCleanup(inFlight)) return [];
  try {
    const solver = await context.connect.solver(spec);
    if (inFlight.probe && inFlight.step === 'lease') await unprobe(context, solver);
    return await cleanUp(context, solver, spec, inFlight.challenges, inFlight.thumbprint ?? '', budgetMs);
  } catch (error) {
    // The solver itself cannot be made any more (its secret file is gone): everything is left to a later sweep.
    report(
      context,
      'warn',
      'sweep.failed',
      spec.spec.name,
      `what was presented could not be removed: ${asFailure(error).message}`,
    );
    const thumbprint = inFlight.thumbprint ?? '';
    return inFlight.challenges.map((c) => ({ ...tombstoneOf(context, c, thumbprint), looked: -1 as const }));
  }
}

async function unprobe(
  context: EngineContext,
  solver: { unprobe?(signal: AbortSignal): Promise<void> },
): Promise<void> {
  const deadline = context.clock.deadline(context.limits.shutdownBudgetMs);
  try {
    await solver.unprobe?.(deadline.signal);
  } finally {
    deadline.done();
  }
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
    (lineage) => (lineage ? { ...lineage, work: lineage.work ?? emptyWork(context, wanted) } : undefined),
    signal,
  );
  if (mine) await undo(context, holding.lineage.spec, mine);
  if (!taken) return { certificate: name, result: 'unchanged', message: 'another process has removed it' };
  if ('finished' in taken) return outcomeOfLast(taken.finished);
  // Taken at once: the other has finished already, or has died in its turn. The lease is given back as it was found.
  await taken.holding.update((lineage) => giveBack(lineage), signal);
  const { lineage } = taken.holding;
  return lineage.work ? issue(context, job, signal) : outcomeOfLast(lineage);
}

/** Removes what this process may have done after its lease was lost; what fails here the winner's tombstones still know. */
async function undo(context: EngineContext, spec: StoredSpec, mine: Work): Promise<void> {
  if (!owesCleanup(mine)) return;
  try {
    const solver = await context.connect.solver(spec);
    await cleanUp(context, solver, spec, mine.challenges, mine.thumbprint ?? '');
    // Its probe is its own, not the winner's: nobody else removes it while this process lives.
    if (mine.probe) await unprobe(context, solver);
  } catch (error) {
    const message = `what came too late could not be removed: ${asFailure(error).message}; a later sweep looks again`;
    report(context, 'warn', 'sweep.failed', spec.spec.name, message);
  }
}

const emptyWork = (context: EngineContext, wanted: StoredSpec): Work => ({
  step: 'close',
  version: '',
  directory: wanted.issuer.directory,
  startedAt: context.clock.now().toISOString(),
  challenges: [],
});

function giveBack(lineage: Lineage): Lineage {
  const { work, ...rest } = lineage;
  if (!work || work.step === 'close') return rest;
  const { lease: _given, ...left } = work;
  return { ...rest, work: left };
}
