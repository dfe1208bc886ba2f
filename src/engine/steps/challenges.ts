import { type CertfleetError, fail, isFailure } from '../../core/errors.ts';
import type { Json } from '../../core/json.ts';
import type { JournalledChallenge } from '../../core/lineage.ts';
import { adviceFor, shortType } from '../../core/problem.ts';
import type { Authorization, Order, Problem } from '../../ports/issuer.ts';
import { type Finding, preflightAnswer } from '../looks/preflight.ts';
import { weigh } from '../looks/weigh.ts';
import { announce, type Opened, patiently, type Run } from '../run.ts';
import { lingering, retryAtOf, together, waitFor } from '../wait.ts';
import { solverChallenge } from './clean-up.ts';
import { updateWork } from './order.ts';

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

/** Steps 6a to 8: every authorization of the order becomes valid, all at once. Answers which challenges were used. */
export async function validate(run: Run, opened: Opened, order: Order): Promise<void> {
  if (order.status !== 'pending') return;
  const authorizations = await together(
    order.authorizationUrls.map((url) => patiently(run, () => opened.account.authorization(url, run.signal))),
  );
  const failed = authorizations.find((a) => a.status !== 'pending' && a.status !== 'valid');
  if (failed) throw await invalidAuthorization(run, failed);
  const pending = authorizations.filter((a) => a.status === 'pending');
  if (pending.length === 0) return;

  const chosen = pending.map((authorization) => choose(run, authorization));
  announce(run, 'challenges', `answering ${countOf(chosen.length, 'challenge')} with ${run.solver.type}`);
  await updateWork(run, (work) => ({
    ...work,
    step: 'challenges',
    thumbprint: opened.account.thumbprint,
    challenges: chosen.map(({ type, identifier, token }) => ({ type, identifier, token })),
  }));

  await presentAll(run, opened, chosen);
  await together(run.holding.work.challenges.map((challenge) => untilReady(run, opened, challenge)));

  announce(run, 'validate', `asking ${run.issuer.name} to validate`);
  // A CA that has been asked is looking: an answer taken away under its eyes would cost the order and a failed
  // validation. So a process that is told to stop waits for the verdict a quarter of its time; half is the clean-up's.
  const done = await lingering(
    run.context.clock,
    { signal: run.signal, now: run.holding.lost, graceMs: run.context.limits.shutdownBudgetMs / 4 },
    (signal) => together(pending.map((a) => acceptAndWait({ ...run, signal }, opened, a, chosen))),
  );
  const invalid = done.find((a) => a.status !== 'valid');
  if (invalid) throw await invalidAuthorization(run, invalid);
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
async function presentAll(run: Run, opened: Opened, chosen: readonly Chosen[]): Promise<void> {
  const receipts = new Map<string, Json>();
  const refused = new Set<string>();
  const note = createNotes(run);
  try {
    await together(
      chosen.map(async (challenge, index) => {
        const subject = solverChallenge(run.wanted, challenge, opened.account.thumbprint, chosen.length - 1 - index);
        try {
          const receipt = await run.holding.effect(run.signal, () =>
            run.solver.present(subject, (receipt) => note(challenge.token, receipt), run.signal),
          );
          receipts.set(challenge.token, receipt);
        } catch (error) {
          if (isFailure(error, ...beforeWriting)) refused.add(challenge.token);
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

/**
 * One of them failed, perhaps because the caller gave up: the clean-up needs what the others answered, and has nothing
 * to do where the provider has refused to write. Where this cannot be written, the intents are there.
 */
async function keepWhatIs(run: Run, receipts: ReadonlyMap<string, Json>, refused: ReadonlySet<string>): Promise<void> {
  const { clock } = run.context;
  const deadline = clock.deadline(keepBudgetMs);
  try {
    await run.holding.update(
      (lineage) => ({
        ...lineage,
        work: {
          ...run.holding.work,
          challenges: run.holding.work.challenges
            .filter(({ token }) => !refused.has(token))
            .map((c) => ({ ...c, ...(receipts.has(c.token) ? { receipt: receipts.get(c.token) as Json } : {}) })),
        },
      }),
      deadline.signal,
    );
  } catch {
    // The lease is lost, or the store does not answer: then the clean-up works without.
  } finally {
    deadline.done();
  }
}

const countOf = (n: number, word: string) => `${n} ${word}${n === 1 ? '' : 's'}`;

/** A challenge with its place at the CA, which is asked for anew by every run and therefore not journalled. */
interface Chosen extends JournalledChallenge {
  readonly authorizationUrl: string;
  readonly challengeUrl: string;
}

function choose(run: Run, authorization: Authorization): Chosen {
  for (const type of run.solver.answers) {
    const challenge = authorization.challenges.find((c) => c.type === type);
    if (challenge?.token === undefined) continue;
    return {
      type,
      identifier: authorization.identifier.value,
      token: challenge.token,
      authorizationUrl: authorization.url,
      challengeUrl: challenge.url,
    };
  }
  throw fail('acme/no-usable-challenge', {
    issuer: run.issuer.name,
    offered: authorization.challenges.map((c) => c.type).join(', ') || 'no challenge',
    identifier: authorization.identifier.value,
    solver: run.wanted.spec.solver,
    answers: run.solver.answers.join(', '),
  });
}

/** Step 6c, where there is something to remember. */
async function keepReceipts(run: Run, receipts: ReadonlyMap<string, Json>): Promise<void> {
  const says = ({ token, receipt }: JournalledChallenge) => (receipts.get(token) ?? receipt ?? null) !== null;
  if (!run.holding.work.challenges.some(says)) return;
  await updateWork(run, (work) => ({
    ...work,
    challenges: work.challenges.map((c) => {
      const receipt = receipts.get(c.token);
      return receipt === undefined ? c : { ...c, receipt };
    }),
  }));
}

/** Notes that come while another one is being written share the next write: a certificate of many names has many. */
function createNotes(run: Run): (token: string, receipt: Json) => Promise<void> {
  let pending = new Map<string, Json>();
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return (token, receipt) => {
    pending.set(token, receipt);
    next ??= writing
      .catch(() => {}) // told to those whose note it was
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

/** Step 7: waits until the solver sees the answer everywhere, then looks by the public path. */
async function untilReady(run: Run, opened: Opened, challenge: JournalledChallenge): Promise<void> {
  const { context, solver, signal } = run;
  const subject = solverChallenge(run.wanted, challenge, opened.account.thumbprint);
  const budgetMs = solver.readyBudgetMs ?? readyBudgetMs;
  const waited = await waitFor<true>(
    context.clock,
    // It must go on within 200 ms of the last server's answer (issue 3), so that the pause never grows past 100.
    { budgetMs, firstMs: 5, mostMs: 100, signal },
    async () => {
      await run.holding.check(signal);
      const now = await solver.ready(subject, challenge.receipt ?? null, signal);
      return now.ready ? { done: true } : { reason: now.reason, retryAfterMs: now.retryAfterMs };
    },
  );
  const seconds = budgetMs / 1000;
  if ('timedOut' in waited) {
    if (challenge.type === 'dns-01')
      throw fail('dns/not-visible', {
        name: `_acme-challenge.${challenge.identifier}`,
        seconds,
        missing: waited.timedOut,
      });
    throw fail('solver/not-ready', {
      solver: solver.type,
      identifier: challenge.identifier,
      seconds,
      reason: waited.timedOut,
    });
  }
  if (challenge.type !== 'http-01' || opened.overruled) return;
  let last: Finding | undefined;
  await waitFor<true>(context.clock, { budgetMs: answerBudgetMs, firstMs: 50, mostMs: 1_000, signal }, async () => {
    const { identifier, keyAuthorization } = subject;
    const { preflight } = run.wanted;
    last = await preflightAnswer(context, preflight, identifier, challenge.token, keyAuthorization, signal);
    return last.verdict === 'no' ? { reason: last.finding } : { done: true };
  });
  if (last?.verdict === 'no') await weigh(run, opened, [last]);
}

/** Step 8 for one authorization. */
async function acceptAndWait(
  run: Run,
  opened: Opened,
  authorization: Authorization,
  chosen: readonly Chosen[],
): Promise<Authorization> {
  const journalled = chosen.find((c) => c.authorizationUrl === authorization.url);
  const before = authorization.challenges.find((c) => c.url === journalled?.challengeUrl);
  const look = () => patiently(run, () => opened.account.authorization(authorization.url, run.signal));
  /** Answers when the CA wants to be asked for the outcome (RFC 8555 §8.2). */
  const accept = (url: string) =>
    run.holding.effect(run.signal, () => patiently(run, () => opened.account.accept(url, run.signal)));
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
  const { clock } = run.context;
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
      signal: run.signal,
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
    const seen = problem === undefined ? '' : ` (it says: ${problem.detail})`;
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

async function invalidAuthorization(run: Run, authorization: Authorization): Promise<CertfleetError> {
  const { caaIdentities } = await run.issuer.directory(run.signal);
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
      advice: adviceOn(challenge?.type, problem, caaIdentities),
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
    ? 'Check the delegation and DNSSEC of the zone, and that each of its name servers gives the TXT record to the whole internet.'
    : 'Check that port 80 of every address of this name reaches the solver from the whole internet.';
}
