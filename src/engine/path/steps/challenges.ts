import { type ChallengeType, isOverDns } from '../../../core/ca/challenge-type.ts';
import { adviceFor, shortType } from '../../../core/ca/problem-advice.ts';
import { provesNothingWritten } from '../../../core/ca/proofs.ts';
import { type CertfleetError, fail, isFailure } from '../../../core/errors/errors.ts';
import type { JournalledChallenge } from '../../../core/lineage/lineage.ts';
import { type Presented, presentedIn } from '../../../core/lineage/tombstones.ts';
import { challengeKey, challengesIntended, presentFailed, receiptsKept } from '../../../core/lineage/work/order.ts';
import { baseName, type Identifier } from '../../../core/names/identifier.ts';
import { tlsAlpn01PortOf } from '../../../core/spec/spec.ts';
import { partFor } from '../../../core/spec/spec-parts.ts';
import type { Json } from '../../../core/text/json.ts';
import { present } from '../../../core/text/present.ts';
import { shortList } from '../../../core/text/short-list.ts';
import type { Authorization, Order, Problem } from '../../../ports/issuer.ts';
import type { PersistTerms, Solver } from '../../../ports/solver.ts';
import { report } from '../../engine.ts';
import { preflightAnswer } from '../../looks/preflight.ts';
import { weigh } from '../../looks/preflight-verdict.ts';
import type { PathFinding } from '../../looks/request-path.ts';
import { ask } from '../../run/ask.ts';
import { announce, nameOf, type OrderRun, type Part } from '../../run/run.ts';
import { solverChallenge } from '../../run/solver-challenge.ts';
import { lingering, retryAtOf, together, waitFor } from '../../run/wait.ts';
import { countFailed } from '../../run/within-limits.ts';
import { persistTerms } from '../persist-terms.ts';

/**
 * How long a solver may take to be ready. Slow secondary servers and a load balancer's health checks need some of it.
 */
const readyBudgetMs = 10 * 60_000;
/** How long a wrong answer on the public path may take to become right (a file share, a cache). */
const answerBudgetMs = 5_000;
/** The pause before a challenge that failed without becoming invalid is accepted again. It doubles each time. */
const firstAgainMs = 2_000;
/** The time for one last write after the run has failed. */
const keepBudgetMs = 2_000;
/** How long the CA may take to validate. Some CAs (Actalis) never fail a challenge. */
const validationBudgetMs = 5 * 60_000;

/** Steps 6a to 8: gets all of the order's authorizations validated, at the same time. */
export async function validate(run: OrderRun, order: Order): Promise<void> {
  if (order.status !== 'pending') return;
  const { engine, holding, account, parts, issuer, signal } = run;
  const authorizations = await together(
    order.authorizationUrls.map((url) => ask(run, () => account.authorization(url, signal))),
  );
  for (const { identifier } of authorizations) checkOrdered(run, identifier);
  const failed = authorizations.filter(({ status }) => status !== 'pending' && status !== 'valid');
  if (failed[0]) throw invalidAuthorization(run, failed[0], failed);
  const pending = authorizations.filter(({ status }) => status === 'pending');
  if (pending.length === 0) return;

  const chosen = pending.map((authorization) => choose(run, authorization));
  announce(
    run,
    'challenges',
    `answering ${chosen.length} challenge${chosen.length === 1 ? '' : 's'} with ${shortList(parts.map(({ solver }) => solver.type))}`,
  );
  const { thumbprint, accountUrl } = account;
  await holding.apply(challengesIntended({ thumbprint, accountUrl, challenges: chosen }), signal);
  await presentAll(run, chosen);
  await together(presentedIn(holding.work).map((presented) => untilReady(run, presented)));

  announce(run, 'validate', `asking ${issuer.name} to validate`);
  // Removing an answer while the CA validates would fail the order. So after a signal, wait for the verdict for a
  // quarter of the shutdown budget; half of it is for the clean-up.
  const done = await lingering(
    engine.clock,
    { signal, now: holding.lost, graceMs: engine.limits.shutdownBudgetMs / 4 },
    (late) => together(chosen.map((one) => acceptAndWait({ ...run, signal: late }, one))),
  );
  const invalid = done.filter(({ status }) => status !== 'valid');
  if (invalid[0]) throw invalidAuthorization(run, invalid[0], invalid);
}

/** Refuses an authorization for a name that was not ordered: nothing is answered, and no zone changed, for it. */
function checkOrdered({ issuer, job }: OrderRun, identifier: Identifier): void {
  // Not every CA says that an authorization is for a wildcard.
  if (job.wanted.identifiers.some((one) => baseName(one) === baseName(identifier))) return;
  const reason = `it is for ${identifier.value}, which was not ordered`;
  throw fail('acme/malformed-answer', { issuer: issuer.name, what: 'the request for an authorization', reason });
}

/** Steps 6b and 6c: presents all challenges, and stores their receipts. */
async function presentAll(run: OrderRun, chosen: readonly Chosen[]): Promise<void> {
  const { holding, signal } = run;
  const receipts = new Map<string, Json>();
  const refused = new Set<string>();
  const note = createNotes(run);
  const all = presentedIn(holding.work).map((presented) => ({ presented, part: partOf(run, presented.identifier) }));
  try {
    await together(
      all.map(async ({ presented, part }, index) => {
        const key = challengeKey(presented);
        const { solver } = part;
        const remaining = all.slice(index + 1).filter((later) => later.part === part).length;
        const persist = chosen.find((one) => challengeKey(one) === key)?.persist;
        const subject = { ...solverChallenge(part.spec, presented, remaining), ...present({ persist }) };
        const presentOne = () => solver.present(subject, (receipt) => note(key, receipt), signal);
        try {
          receipts.set(key, await holding.effect(signal, presentOne));
        } catch (error) {
          if (provesNothingWritten(error)) refused.add(key);
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

/** Stores the receipts for the clean-up, after presenting one of the challenges failed or was aborted. */
async function keepWhatIs(
  { engine, holding }: OrderRun,
  receipts: ReadonlyMap<string, Json>,
  refused: ReadonlySet<string>,
): Promise<void> {
  const deadline = engine.clock.deadline(keepBudgetMs);
  try {
    await holding.apply(presentFailed(receipts, refused), deadline.signal);
  } catch {
    // The lease is lost, or the store does not respond. The clean-up can work from the intents alone.
  } finally {
    deadline.done();
  }
}

/** Step 6c: stores the receipts, if there are any. */
async function keepReceipts({ holding, signal }: OrderRun, receipts: ReadonlyMap<string, Json>): Promise<void> {
  const says = (one: JournalledChallenge) => (receipts.get(challengeKey(one)) ?? one.receipt ?? null) !== null;
  if (holding.work.challenges.some(says)) await holding.apply(receiptsKept(receipts), signal);
}

/**
 * Returns a function that journals receipts. Receipts that arrive during a write are journalled together by the next
 * write, because a certificate with many names has many receipts.
 */
function createNotes(run: OrderRun): (key: string, receipt: Json) => Promise<void> {
  let pending = new Map<string, Json>();
  let writing: Promise<void> = Promise.resolve();
  let next: Promise<void> | undefined;
  return (key, receipt) => {
    pending.set(key, receipt);
    next ??= writing
      .catch(() => {}) // the callers of that write got the error
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

/** A challenge with its URLs at the CA, which every run fetches again, so they are not journalled. */
interface Chosen extends JournalledChallenge {
  readonly authorization: Authorization;
  readonly challengeUrl: string;
  /** For dns-persist-01. */
  readonly persist?: PersistTerms;
}

function choose(run: OrderRun, authorization: Authorization): Chosen {
  const { identifier, challenges } = authorization;
  const { identifiers } = run.job.wanted;
  // Not every CA says that an authorization is for a wildcard, whose solver may differ from the plain name's.
  const meant = identifiers.filter((one) => baseName(one) === baseName(identifier));
  const sorted = [...meant].sort((a, b) => Number(b.value === identifier.value) - Number(a.value === identifier.value));
  for (const { value } of sorted) {
    const { answers } = partOf(run, value).solver;
    for (const type of answers) {
      const challenge = challenges.find((one) => one.type === type);
      if (!challenge) continue;
      const { token, url: challengeUrl } = challenge;
      const chosen = { type, identifier: value, authorization, challengeUrl };
      const persist = type === 'dns-persist-01' ? persistTerms(run, value, challenge) : undefined;
      if (persist) return { ...chosen, persist };
      if (token === undefined || type === 'dns-persist-01') continue;
      if (type !== answers[0]) reportInstead(run, value, { wanted: answers[0]!, type });
      return { ...chosen, token };
    }
  }
  const { solver, spec } = partOf(run, identifier.value);
  throw fail('acme/no-usable-challenge', {
    issuer: run.issuer.name,
    offered: challenges.map(({ type }) => type).join(', ') || 'no challenge',
    identifier: identifier.value,
    solver: spec.solver.name,
    answers: solver.answers.join(', '),
  });
}

/** Reports that the CA does not offer the solver's preferred challenge for this name. */
function reportInstead(run: OrderRun, identifier: string, types: Pick<Chosen, 'type'> & { readonly wanted: string }) {
  const message = `${run.issuer.name} does not offer ${types.wanted} for ${identifier}; answering ${types.type}`;
  report(run.engine, { level: 'info', event: 'log', certificate: nameOf(run), message });
}

/** Returns the part of the certificate to which an identifier belongs. */
function partOf({ parts, job }: OrderRun, identifier: string): Part {
  const { solver } = partFor(job.wanted, identifier);
  const found = parts.find(({ spec }) => spec.solver.name === solver.name);
  if (!found) throw fail('bug/unexpected', { reason: `${identifier} has no solver` });
  return found;
}

/** Step 7: waits until the solver is ready, then checks answers over HTTP and TLS by the public path. */
async function untilReady(run: OrderRun, presented: Presented): Promise<void> {
  const { engine, holding, learned, signal } = run;
  const { type, identifier } = presented;
  const { solver, spec } = partOf(run, identifier);
  const subject = solverChallenge(spec, presented);
  const budgetMs = solver.readyBudgetMs ?? readyBudgetMs;
  const waited = await waitFor<true>(
    engine.clock,
    // A short pause, so that it continues within 200 ms of the last server's response.
    { budgetMs, firstMs: 5, mostMs: 100, signal },
    async () => {
      await holding.check(signal);
      const now = await solver.ready(subject, presented.receipt ?? null, signal);
      return now.ready ? { done: true } : { reason: now.reason, retryAfterMs: now.retryAfterMs };
    },
  );
  if ('timedOut' in waited) throw notReady(solver, presented, { seconds: budgetMs / 1000, reason: waited.timedOut });
  if (isOverDns(type) || learned.overruled) return;
  const patienceMs = Math.max(answerBudgetMs, solver.settleMs ?? 0);
  const endMs = engine.clock.monotonicMs() + patienceMs;
  const times = { budgetMs: Math.max(patienceMs, solver.noticedMs ?? 0), firstMs: 50, mostMs: 1_000, signal };
  const looked = await waitFor<PathFinding>(engine.clock, times, async () => {
    const seen = await preflightAnswer(engine, spec.preflight, subject, signal);
    const mayPass = seen.noBackend || engine.clock.monotonicMs() < endMs;
    return seen.verdict === 'no' && mayPass ? { reason: `${identifier}: ${seen.finding}`, seen } : { done: seen };
  });
  const seen = 'timedOut' in looked ? looked.seen : looked.value;
  if (seen?.verdict === 'no') await weigh(run, [seen]);
}

function notReady(
  solver: Solver,
  { type, identifier }: Presented,
  { seconds, reason }: { readonly seconds: number; readonly reason: string },
): CertfleetError {
  if (type === 'dns-01')
    return fail('dns/not-visible', { name: `_acme-challenge.${identifier}`, seconds, missing: reason, advice: '' });
  return fail('solver/not-ready', { solver: solver.type, identifier, seconds, reason });
}

/** Step 8 for one authorization: accepts the challenge, and waits for the CA's verdict. */
async function acceptAndWait(run: OrderRun, { authorization, challengeUrl }: Chosen): Promise<Authorization> {
  const { account, holding, signal } = run;
  const { clock } = run.engine;
  const before = authorization.challenges.find(({ url }) => url === challengeUrl);
  const look = () => ask(run, () => account.authorization(authorization.url, signal));
  /** Resolves with the CA's Retry-After, if any (RFC 8555 §8.2). */
  const accept = (url: string) => holding.effect(signal, () => ask(run, () => account.accept(url, signal)));
  let accepted: Awaited<ReturnType<typeof accept>> = {};
  if (before?.status === 'pending') {
    try {
      accepted = await accept(before.url);
    } catch (error) {
      // The CA may have accepted it although the response was lost. The authorization shows that, and reading it is
      // harmless.
      if (!isFailure(error, 'acme/unreachable', 'acme/busy', 'acme/malformed-answer', 'acme/problem')) throw error;
      // A long Retry-After: the next run continues with the same order.
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
    // A test CA validates within 10 ms, a public one within seconds. No CA does it at once, so pause before the first
    // look.
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
      // Some CAs (step-ca) try once, show the error in the challenge, and wait for another request (RFC 8555 §8.2).
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
      { ...present({ problem }), ...retryAtOf(clock, waited) },
    );
  }
  if (waited.value.status !== 'valid') await countFailed(run, authorization.identifier.value);
  return waited.value;
}

/** @param all every authorization that failed; the message is about the first */
function invalidAuthorization(
  run: OrderRun,
  authorization: Authorization,
  all: readonly Authorization[],
): CertfleetError {
  const challenge = failedChallenge(authorization);
  const problem = challenge?.error;
  const names = all.map((one) => ({ identifier: one.identifier.value, reason: whyInvalid(one) }));
  return fail(
    'acme/invalid-authorization',
    {
      issuer: run.issuer.name,
      identifier: authorization.identifier.value,
      challenge: challenge?.type ?? 'its challenge',
      detail: whyInvalid(authorization),
      advice: adviceOn(challenge?.type, problem, run, authorization.identifier),
    },
    { problem: { ...problem, identifier: authorization.identifier }, names },
  );
}

const failedChallenge = ({ challenges }: Authorization) =>
  challenges.find((c) => c.error) ?? challenges.find((c) => c.status === 'invalid');

const whyInvalid = (authorization: Authorization): string =>
  failedChallenge(authorization)?.error?.detail ?? `its authorization is ${authorization.status}`;

/**
 * Returns the advice after a failed validation: to open what the CA could not reach, or the advice for the problem
 * type.
 */
function adviceOn(
  challengeType: string | undefined,
  problem: Problem | undefined,
  { directory, job, parts }: OrderRun,
  { value }: Identifier,
): string {
  const type = problem && shortType(problem.type);
  const overDns = challengeType !== undefined && isOverDns(challengeType as ChallengeType);
  const unreached = ['connection', 'unauthorized', 'incorrectResponse', ...(overDns ? ['dns'] : [])];
  if (type !== undefined && !unreached.includes(type)) return adviceFor(type, directory.caaIdentities);
  if (overDns)
    return 'Check the delegation and DNSSEC of the zone, and that each of its name servers returns the TXT record to the whole internet.';
  const { solver, preflight } = partFor(job.wanted, value);
  const place = parts.find(({ spec }) => spec.solver.name === solver.name)?.solver.answeredBy ?? 'the solver';
  const port = challengeType === 'tls-alpn-01' ? tlsAlpn01PortOf(preflight) : preflight.http01Port;
  return `Check that port ${port} of every address of this name leads to ${place} from the whole internet.`;
}
