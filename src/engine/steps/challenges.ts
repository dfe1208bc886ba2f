import { type CertfleetError, fail, isFailure } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { JournalledChallenge } from '../../core/lineage.ts';
import { adviceFor, shortType } from '../../core/problem.ts';
import { type Presented, presentedIn } from '../../core/tombstones.ts';
import { challengeKey, challengesIntended, presentFailed, receiptsKept } from '../../core/work.ts';
import type { Authorization, Order, Problem } from '../../ports/issuer.ts';
import { ask } from '../ask.ts';
import type { Finding } from '../looks/finding.ts';
import { preflightAnswer } from '../looks/preflight.ts';
import { weigh } from '../looks/weigh.ts';
import { announce, type OrderRun } from '../run.ts';
import { solverChallenge } from '../solver-challenge.ts';
import { lingering, retryAtOf, together, waitFor } from '../wait.ts';

/** How long a solver may take until every look sees the answer: slow secondaries and balancer health checks fit in. */
const readyBudgetMs = 10 * 60_000;
/** How long a wrong answer on the public path is given to become right (a file share, a cache). */
const answerBudgetMs = 5_000;
/** Before a challenge that failed without becoming invalid is asked for again; doubled each time. */
const firstAgainMs = 2_000;
/** For one write, when the run has failed already. */
const keepBudgetMs = 2_000;
/** How long the CA may take to validate. A CA that never fails a challenge (Actalis) must end too. */
const validationBudgetMs = 5 * 60_000;

/** Steps 6a to 8: every authorization of the order becomes valid, all at once. */
export async function validate(run: OrderRun, order: Order): Promise<void> {
  if (order.status !== 'pending') return;
  const { engine, holding, account, solver, issuer, signal } = run;
  const authorizations = await together(
    order.authorizationUrls.map((url) => ask(run, () => account.authorization(url, signal))),
  );
  const failed = authorizations.find(({ status }) => status !== 'pending' && status !== 'valid');
  if (failed) throw invalidAuthorization(run, failed);
  const pending = authorizations.filter(({ status }) => status === 'pending');
  if (pending.length === 0) return;

  const chosen = pending.map((authorization) => choose(run, authorization));
  announce(
    run,
    'challenges',
    `answering ${chosen.length} challenge${chosen.length === 1 ? '' : 's'} with ${solver.type}`,
  );
  await holding.apply(challengesIntended({ thumbprint: account.thumbprint, challenges: chosen }), signal);
  await presentAll(run);
  await together(presentedIn(holding.work).map((presented) => untilReady(run, presented)));

  announce(run, 'validate', `asking ${issuer.name} to validate`);
  // A CA that has been asked is looking: an answer taken away under its eyes would cost the order and a failed
  // validation. So a process that is told to stop waits for the verdict a quarter of its time; half is the clean-up's.
  const done = await lingering(
    engine.clock,
    { signal, now: holding.lost, graceMs: engine.limits.shutdownBudgetMs / 4 },
    (late) => together(chosen.map((one) => acceptAndWait({ ...run, signal: late }, one))),
  );
  const invalid = done.find(({ status }) => status !== 'valid');
  if (invalid) throw invalidAuthorization(run, invalid);
}

/** Errors of `present` that prove that nothing was written: refused, or not even known where. */
const beforeWriting = [
  'dns/refused',
  'dns/clock-skew',
  'dns/zone-not-found',
  'dns/cname-loop',
  'dns/no-nameserver',
  'preflight/hides-wildcard',
] as const;

/** Steps 6b and 6c. */
async function presentAll(run: OrderRun): Promise<void> {
  const { job, holding, solver, signal } = run;
  const receipts = new Map<string, Json>();
  const refused = new Set<string>();
  const note = createNotes(run);
  const all = presentedIn(holding.work);
  try {
    await together(
      all.map(async (presented, index) => {
        const key = challengeKey(presented);
        const subject = solverChallenge(job.wanted, presented, all.length - 1 - index);
        const present = () => solver.present(subject, (receipt) => note(key, receipt), signal);
        try {
          receipts.set(key, await holding.effect(signal, present));
        } catch (error) {
          if (isFailure(error, ...beforeWriting)) refused.add(key);
          throw error;
        }
      }),
    );
  } catch (error) {
    await keepWhatIs(run, receipts, refused);
    throw error;
  }
  await keepReceipts(run, receipts);
}

/** One of them failed, perhaps because the caller gave up: the clean-up needs what the others answered. */
async function keepWhatIs(
  { engine, holding }: OrderRun,
  receipts: ReadonlyMap<string, Json>,
  refused: ReadonlySet<string>,
): Promise<void> {
  const deadline = engine.clock.deadline(keepBudgetMs);
  try {
    await holding.apply(presentFailed(receipts, refused), deadline.signal);
  } catch {
    // The lease is lost, or the store does not answer: the clean-up works from the intents.
  } finally {
    deadline.done();
  }
}

/** Step 6c, where there is something to remember. */
async function keepReceipts({ holding, signal }: OrderRun, receipts: ReadonlyMap<string, Json>): Promise<void> {
  const says = (one: JournalledChallenge) => (receipts.get(challengeKey(one)) ?? one.receipt ?? null) !== null;
  if (holding.work.challenges.some(says)) await holding.apply(receiptsKept(receipts), signal);
}

/** Notes that come while another one is being written share the next write: a certificate of many names has many. */
function createNotes(run: OrderRun): (key: string, receipt: Json) => Promise<void> {
  let pending = new Map<string, Json>();
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return (key, receipt) => {
    pending.set(key, receipt);
    next ??= writing
      .catch(() => {}) // those whose note it was got the error
      .then(() => {
        const batch = pending;
        pending = new Map();
        next = undefined;
        writing = keepReceipts(run, batch);
        return writing;
      });
    return next;
  };
}

/** A challenge with its place at the CA, which is asked for anew by every run and therefore not journalled. */
interface Chosen extends JournalledChallenge {
  readonly authorization: Authorization;
  readonly challengeUrl: string;
}

function choose(run: OrderRun, authorization: Authorization): Chosen {
  const { identifier, challenges } = authorization;
  for (const type of run.solver.answers) {
    const challenge = challenges.find((one) => one.type === type);
    if (challenge?.token === undefined) continue;
    return { type, identifier: identifier.value, token: challenge.token, authorization, challengeUrl: challenge.url };
  }
  throw fail('acme/no-usable-challenge', {
    issuer: run.issuer.name,
    offered: challenges.map(({ type }) => type).join(', ') || 'no challenge',
    identifier: identifier.value,
    solver: run.job.wanted.spec.solver,
    answers: run.solver.answers.join(', '),
  });
}

/** Step 7: waits until the solver sees the answer everywhere, then looks by the public path. */
async function untilReady(run: OrderRun, presented: Presented): Promise<void> {
  const { engine, job, holding, learned, solver, signal } = run;
  const { type, identifier } = presented;
  const subject = solverChallenge(job.wanted, presented);
  const budgetMs = solver.readyBudgetMs ?? readyBudgetMs;
  const waited = await waitFor<true>(
    engine.clock,
    // It must go on within 200 ms of the last server's answer, so the pause never grows past 100.
    { budgetMs, firstMs: 5, mostMs: 100, signal },
    async () => {
      await holding.check(signal);
      const now = await solver.ready(subject, presented.receipt ?? null, signal);
      return now.ready ? { done: true } : { reason: now.reason, retryAfterMs: now.retryAfterMs };
    },
  );
  if ('timedOut' in waited) throw notReady(run, presented, { seconds: budgetMs / 1000, reason: waited.timedOut });
  if (type !== 'http-01' || learned.overruled) return;
  let last: Finding | undefined;
  await waitFor<true>(engine.clock, { budgetMs: answerBudgetMs, firstMs: 50, mostMs: 1_000, signal }, async () => {
    last = await preflightAnswer(engine, job.wanted.preflight, subject, signal);
    return last.verdict === 'no' ? { reason: `${identifier}: ${last.finding}` } : { done: true };
  });
  if (last?.verdict === 'no') await weigh(run, [last]);
}

function notReady(
  { solver }: OrderRun,
  { type, identifier }: Presented,
  { seconds, reason }: { readonly seconds: number; readonly reason: string },
): CertfleetError {
  if (type === 'dns-01')
    return fail('dns/not-visible', { name: `_acme-challenge.${identifier}`, seconds, missing: reason });
  return fail('solver/not-ready', { solver: solver.type, identifier, seconds, reason });
}

/** Step 8 for one authorization. */
async function acceptAndWait(run: OrderRun, { authorization, challengeUrl }: Chosen): Promise<Authorization> {
  const { account, holding, signal } = run;
  const { clock } = run.engine;
  const before = authorization.challenges.find(({ url }) => url === challengeUrl);
  const look = () => ask(run, () => account.authorization(authorization.url, signal));
  /** Answers when the CA wants to be asked for the outcome (RFC 8555 §8.2). */
  const accept = (url: string) => holding.effect(signal, () => ask(run, () => account.accept(url, signal)));
  let accepted: Awaited<ReturnType<typeof accept>> = {};
  if (before?.status === 'pending') {
    try {
      accepted = await accept(before.url);
    } catch (error) {
      // An answer that was lost after the CA took it: the authorization shows it, and asking again is harmless.
      if (!isFailure(error, 'acme/unreachable', 'acme/busy', 'acme/malformed-answer', 'acme/problem')) throw error;
      // A time that is too far off to be waited for here holds: the next run goes on from the same order.
      if (error.retryAt) throw error;
      const now = await look();
      if (now.status === 'pending' && now.challenges.find((c) => c.url === before.url)?.status === 'pending') {
        if (isFailure(error, 'acme/problem')) throw error;
        accepted = await accept(before.url);
      }
    }
  }
  let problem: Problem | undefined;
  let [pauseMs, againMs] = [firstAgainMs, clock.monotonicMs() + firstAgainMs];
  const waited = await waitFor<Authorization>(
    clock,
    // A test CA validates within 10 ms, a public one within a few seconds; none at once, so that it is not asked at once.
    {
      budgetMs: validationBudgetMs,
      firstMs: 10,
      mostMs: 2_000,
      first: { reason: 'pending', ...accepted },
      signal,
    },
    async () => {
      const now = await look();
      if (now.status !== 'pending') return { done: now };
      const challenge = now.challenges.find((c) => c.url === before?.url);
      problem = challenge?.error ?? problem;
      // A CA may look once and wait to be asked again (RFC 8555 §8.2; step-ca does): the challenge shows why.
      if (challenge?.error && challenge.status === 'pending' && clock.monotonicMs() >= againMs) {
        pauseMs *= 2;
        againMs = clock.monotonicMs() + pauseMs;
        await accept(challenge.url);
      }
      return { reason: 'pending', retryAfterMs: now.retryAfterMs };
    },
  );
  if ('timedOut' in waited) {
    const seen = problem === undefined ? '' : ` (the CA says: ${problem.detail})`;
    throw fail(
      'acme/timeout',
      {
        issuer: run.issuer.name,
        what: `the validation of ${authorization.identifier.value}${seen}`,
        seconds: validationBudgetMs / 1000,
      },
      { ...(problem === undefined ? {} : { problem }), ...retryAtOf(clock, waited) },
    );
  }
  return waited.value;
}

function invalidAuthorization(run: OrderRun, authorization: Authorization): CertfleetError {
  const challenge =
    authorization.challenges.find((c) => c.error) ?? authorization.challenges.find((c) => c.status === 'invalid');
  const problem = challenge?.error;
  return fail(
    'acme/invalid-authorization',
    {
      issuer: run.issuer.name,
      identifier: authorization.identifier.value,
      challenge: challenge?.type ?? 'its challenge',
      detail: problem?.detail ?? `its authorization is ${authorization.status}`,
      advice: adviceOn(challenge?.type, problem, run.directory.caaIdentities),
    },
    { problem: { ...problem, identifier: authorization.identifier } },
  );
}

/** What the CA could not reach is for the user to open; any other refusal has its own advice. */
function adviceOn(
  challengeType: string | undefined,
  problem: Problem | undefined,
  caaIdentities: readonly string[],
): string {
  const type = problem && shortType(problem.type);
  const unreached = ['connection', 'unauthorized', 'incorrectResponse', ...(challengeType === 'dns-01' ? ['dns'] : [])];
  if (type !== undefined && !unreached.includes(type)) return adviceFor(type, caaIdentities);
  return challengeType === 'dns-01'
    ? 'Check the delegation and DNSSEC of the zone, and that each of its name servers returns the TXT record to the whole internet.'
    : 'Check that port 80 of every address of this name leads to the solver from the whole internet.';
}
