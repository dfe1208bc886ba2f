import { untilAny } from '../../core/async/on-abort.ts';
import { challengePath } from '../../core/ca/challenge-path.ts';
import { asFailure, type CertfleetError, fail, reasonOf } from '../../core/errors/errors.ts';
import type { RuleUser } from '../../core/lineage/lock.ts';
import { owedBy, tombstoneOf } from '../../core/lineage/tombstones.ts';
import { type RuleForm, safeForm } from '../../core/request-path/forward-rules.ts';
import type { Hop } from '../../core/request-path/hop.ts';
import type { StoredSpec } from '../../core/spec/spec.ts';
import { present } from '../../core/text/present.ts';
import type { Inspection } from '../../ports/balancer.ts';
import type { Readiness, SolverChallenge } from '../../ports/solver.ts';
import type { Engine } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';
import { lookAtAnswers } from '../looks/doctor-answer.ts';
import { waitFor } from '../run/wait.ts';
import { type ForwardRuleOptions, healthByHand, ruleSettleMs } from '../solvers/http01-forward-rule.ts';
import { ruleRefused } from '../solvers/rule-in-place.ts';
import { createRuleKeeper, type RuleKeeper, type UserChange } from '../solvers/rule-keeper.ts';
import { closeTrial, journalTrial, sweepTrials } from './trial-journal.ts';

export interface BalancerTrialRequest {
  /** The solver behind the balancer to try, which keeps no rule; the rest of the spec belongs to no certificate. */
  readonly spec: StoredSpec;
  /** The host that the request names; undefined for one that does not exist, at the balancer's own addresses. */
  readonly host: string | undefined;
  readonly told: (news: BalancerTrialNews) => void;
}

export type BalancerTrialStep = 'listener' | 'responder' | 'add' | 'healthy' | 'answer' | 'remove';

export interface MadeBalancerStep {
  readonly step: BalancerTrialStep;
  readonly ms: number;
  readonly finding: string;
}

export type BalancerTrialNews =
  | MadeBalancerStep
  | { readonly waitsFor: string; readonly seconds: number }
  /** From here on, the rule may be left behind. */
  | { readonly adds: string }
  | { readonly left: string };

export interface BalancerTrialReport {
  readonly steps: readonly MadeBalancerStep[];
  readonly host: string;
  readonly path: string;
  /** Why the rule could not be removed. */
  readonly left?: string;
  readonly error?: CertfleetError;
}

/** Certificates cannot have such names. */
const prefix = '~balancer-test-';
/** Stands in for an account's thumbprint (RFC 8555 §8.1), from which the answer is computed. */
const thumbprint = 'certfleet-balancer-test';
/** How long the removal may take: a rule and a group at a slow cloud. */
const cleanupBudgetMs = 3 * 60_000;

/**
 * Tries a load balancer with one rule for an unused path: adds it in the form that takes no other traffic,
 * sees the answer, and removes it. The rule is journalled as for a certificate, so a sweep removes it if this process is
 * killed. Where a person has made the rule, this one is tried, and nothing changes.
 */
export async function tryBalancer(
  engine: Engine,
  rule: ForwardRuleOptions,
  request: BalancerTrialRequest,
  signal: AbortSignal,
): Promise<BalancerTrialReport> {
  await sweepTrials(engine, prefix, signal);
  const { balancer, responder, locks, owner, clock } = rule;
  const hex = (bytes: number) => Buffer.from(engine.random.bytes(bytes)).toString('hex');
  const id = hex(5);
  const host = request.host ?? `certfleet-test-${id}.invalid`;
  const token = `test-${hex(12)}`;
  const path = `${challengePath}${token}`;
  const steps: MadeBalancerStep[] = [];
  const step: MakeStep = async (what, run, words) => {
    const since = clock.monotonicMs();
    const result = await run();
    const made = { step: what, ms: Math.round(clock.monotonicMs() - since), finding: words(result) };
    steps.push(made);
    request.told(made);
    return result;
  };
  const isMade = (what: BalancerTrialStep) => steps.some((made) => made.step === what);
  let found: Partial<BalancerTrialReport> = {};
  try {
    const inspection = await step('listener', () => balancer.inspect(signal), listenerText(rule));
    const spec = { ...request.spec, name: `${prefix}${id}` };
    const challenge: SolverChallenge = {
      ...{ type: 'http-01', identifier: { type: 'dns', value: host }, token, lineage: spec.name },
      ...{ keyAuthorization: `${token}.${thumbprint}`, allIdentifiers: [], remaining: 0 },
    };
    const trial = { engine, rule, request, challenge, path, inspection, step, signal };
    const listen = () =>
      step(
        'responder',
        () => responder.probe(signal),
        () => `it listens at ${responder.address}`,
      );
    if (rule.byHand) {
      await listen();
      await seeRuleByHand(trial);
      return { host, path, steps };
    }
    await checkOrder(rule, inspection, { host, signal });
    const form = formFor(rule, inspection, { host, path });
    if (balancer.mode === 'forward') await listen();
    const journalled = { type: 'http-01', identifier: host, token } as const;
    const intent = { wanted: spec, thumbprint, challenge: journalled, probe: true } as const;
    const holding = await journalTrial(engine, intent, signal);
    const keeper = createRuleKeeper({ balancer, locks, owner, clock, newId: () => hex(6) });
    request.told({ adds: path });
    found = await addAndRemove({ ...trial, keeper, form, isMade, holding });
  } catch (error) {
    signal.throwIfAborted();
    found = { ...found, error: asFailure(error) };
  } finally {
    await Promise.all([responder.close(), balancer.close?.()]);
  }
  return { host, path, ...found, steps };
}

type MakeStep = <T>(step: BalancerTrialStep, run: () => Promise<T>, words: (result: T) => string) => Promise<T>;

interface Trial {
  readonly engine: Engine;
  readonly rule: ForwardRuleOptions;
  readonly request: BalancerTrialRequest;
  readonly challenge: SolverChallenge;
  readonly path: string;
  readonly inspection: Inspection;
  readonly step: MakeStep;
  readonly signal: AbortSignal;
}

/** A trial that adds a rule of its own. */
interface Parts extends Trial {
  readonly keeper: RuleKeeper;
  readonly form: RuleForm;
  readonly isMade: (step: BalancerTrialStep) => boolean;
  readonly holding: Holding;
}

/** Sees the answer behind a rule that a person has made. Only the answer comes and goes, in this process. */
async function seeRuleByHand(trial: Trial): Promise<void> {
  const { engine, rule, challenge, signal } = trial;
  const { responder, balancer } = rule;
  await responder.answer(challenge, { shared: false }, signal);
  try {
    await untilHealthy(trial, (within) => healthByHand(balancer, within));
    await seeAnswer(trial);
  } finally {
    const deadline = engine.clock.deadline(engine.limits.shutdownBudgetMs);
    await responder.withdraw(challenge, undefined, deadline.signal).finally(deadline.done);
  }
}

/** Fails if an order would be refused, because someone else's rule has the path of all challenges. */
async function checkOrder(
  rule: ForwardRuleOptions,
  inspection: Inspection,
  { host, signal }: { readonly host: string; readonly signal: AbortSignal },
): Promise<void> {
  if (rule.balancer.mode !== 'forward') return;
  const found = safeForm(host, { path: challengePath }, { ...inspection, owner: rule.owner });
  if ('refused' in found)
    throw await ruleRefused(rule, { host, reason: found.refused, ...present({ by: found.by }) }, signal);
}

/** Returns the form of the rule that takes no other traffic. Fails if there is none, or no room for it. */
function formFor(
  { balancer, name, owner }: ForwardRuleOptions,
  inspection: Inspection,
  { host, path }: { readonly host: string; readonly path: string },
): RuleForm {
  const { rules, rulesLeft } = inspection;
  const found = safeForm(host, { path }, { ...inspection, owner });
  if (!('form' in found)) {
    const reason = 'refused' in found ? found.refused : found.wait;
    throw fail('balancer/unsafe-rule', { balancer: name, host, reason, advice: 'Try another host.' });
  }
  if (rulesLeft < 1) {
    const what = `another rule on the listener ${balancer.listener}`;
    throw fail('balancer/quota', { balancer: name, what, reason: `${rules.length} are there` });
  }
  return found.form;
}

/** Does everything that requires the lease. Whatever happens, the rule is removed, or the journal says that it is left. */
async function addAndRemove(parts: Parts): Promise<Partial<BalancerTrialReport>> {
  const { engine, holding, request, signal } = parts;
  try {
    // What was added must be removed first.
    const error = await untilAny([signal, holding.lost], (over) => addAndSee({ ...parts, signal: over })).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    const stuck = await remove(parts).then(
      () => undefined,
      (thrown: unknown) => thrown ?? new Error('it failed'),
    );
    const { lineage } = holding;
    const stones = owedBy(lineage).map((one) => tombstoneOf(lineage.spec, one, engine.clock.now(), -1));
    await closeTrial(engine, holding, stuck === undefined ? [] : stones);
    const failed = error ?? stuck;
    if (stuck !== undefined) request.told({ left: reasonOf(stuck) });
    return {
      ...present({ error: failed === undefined ? undefined : asFailure(failed) }),
      ...present({ left: stuck === undefined ? undefined : reasonOf(stuck) }),
    };
  } finally {
    holding.leave();
    signal.throwIfAborted();
  }
}

async function addAndSee(parts: Parts): Promise<void> {
  const { rule, keeper, challenge, form, path, step, holding, signal } = parts;
  const { balancer, responder, clock } = rule;
  const { lineage, identifier } = challenge;
  const host = identifier.value;
  const backend = await balancer.backend?.(signal);
  if (balancer.mode === 'forward')
    await holding.effect(signal, () => responder.answer(challenge, { shared: true }, signal));
  const since = clock.now().toISOString();
  const user: RuleUser =
    balancer.mode === 'forward'
      ? { since, hosts: [host], path, ...present({ backend }) }
      : {
          since,
          hosts: [host],
          answers: [{ host, token: challenge.token, keyAuthorization: challenge.keyAuthorization }],
        };
  const change: UserChange = () => user;
  const to = backend ? `, to ${backend.server}:${backend.port}` : '';
  await step(
    'add',
    async () => {
      const outcome = await holding.effect(signal, () => keeper.wish(lineage, change, signal));
      if (outcome === 'done') return;
      if ('full' in outcome) throw fail('balancer/journal-full', { balancer: rule.name, count: outcome.full });
      const reason = 'refused' in outcome ? outcome.refused.reason : outcome.waiting.reason;
      throw fail('balancer/unsafe-rule', { balancer: rule.name, host, reason, advice: 'Try again later.' });
    },
    () => `a rule for ${form.host ?? 'every host without rules of its own'} and ${path}${to}`,
  );
  await untilHealthy(parts, keeper.look);
  await seeAnswer(parts);
}

/** Waits until the balancer reaches the responder. */
async function untilHealthy(
  { rule, request, step, challenge, signal }: Trial,
  look: (signal: AbortSignal) => Promise<Readiness>,
): Promise<void> {
  const { balancer, clock } = rule;
  await step(
    'healthy',
    async () => {
      let told = '';
      const seconds = rule.timeoutMs / 1_000;
      const budget = { budgetMs: rule.timeoutMs, firstMs: 200, mostMs: 2_000, signal };
      const waited = await waitFor<true>(clock, budget, async () => {
        const now = await look(signal);
        if (now.ready) return { done: true };
        if (told !== now.reason) request.told({ waitsFor: now.reason, seconds });
        told = now.reason;
        return { reason: now.reason, retryAfterMs: now.retryAfterMs };
      });
      if (!('timedOut' in waited)) return;
      const solver = request.spec.parts[0]?.solver.name ?? 'the solver';
      const identifier = challenge.identifier.value;
      throw fail('solver/not-ready', { solver, identifier, seconds, reason: waited.timedOut });
    },
    () => (balancer.mode === 'forward' ? 'the balancer reaches the responder' : 'the balancer has the answer'),
  );
}

/** Sees whether the path gives the answer. */
const seeAnswer = (trial: Trial): Promise<readonly Hop[]> =>
  trial.step(
    'answer',
    () => requestPath(trial),
    (seen) => answerText(seen, trial.request.host),
  );

/** Requests the path at every address. Resolves with what was seen; fails if an answer is certainly wrong. */
async function requestPath({ engine, request, challenge, path, inspection, signal }: Trial): Promise<readonly Hop[]> {
  const settings = request.spec.preflight;
  const own = inspection.addresses ?? [];
  const { identifier } = challenge;
  const found = request.host && (await engine.connect.looks(settings).addresses(request.host, signal));
  const addresses = found ? [...found.ipv4, ...found.ipv6] : own;
  const probe = { path, body: challenge.keyAuthorization };
  const look = { settings, identifier, addresses, own, probe, isYoung: false, noticedMs: undefined, signal };
  const budget = { budgetMs: ruleSettleMs, firstMs: 200, mostMs: 2_000, signal };
  const waited = await waitFor<readonly Hop[]>(engine.clock, budget, async () => {
    const seen = await lookAtAnswers(engine, look);
    const wrong = seen.find(({ state }) => state === 'broken');
    return wrong ? { reason: wrong.finding, seen } : { done: seen };
  });
  const seen = 'timedOut' in waited ? (waited.seen ?? []) : waited.value;
  const wrong = seen.find(({ state }) => state === 'broken');
  if (wrong) throw fail('preflight/no', { finding: wrong.finding, advice: wrong.advice ?? '' });
  return seen;
}

function answerText(seen: readonly Hop[], host: string | undefined): string {
  if (seen.length === 0)
    return host === undefined
      ? 'not requested, because no address is known: name a host that leads to the balancer'
      : `not requested, because ${host} has no address`;
  const unknown = seen.filter(({ state }) => state === 'cannot-tell').map(({ finding }) => finding);
  return unknown.length > 0
    ? `cannot be told from here: ${unknown.join('; ')}`
    : 'every address gives certfleet’s answer';
}

/** Removes the rule and the answer within their own time budget, and looks whether the rule is gone. */
async function remove(parts: Parts): Promise<void> {
  const { engine, rule, keeper, challenge, path, step, isMade, holding, signal: caller } = parts;
  const { balancer, responder } = rule;
  const budgetMs = caller.aborted ? engine.limits.shutdownBudgetMs : cleanupBudgetMs;
  const deadline = engine.clock.deadline(budgetMs, holding.lost);
  const { signal } = deadline;
  try {
    const undo = async () => {
      const gone = () => keeper.wish(challenge.lineage, () => undefined, signal);
      await holding.effect(signal, gone);
      if (balancer.mode === 'forward') await responder.withdraw(challenge, undefined, signal);
      const { rules } = await balancer.inspect(signal);
      const left = rules.find((one) => one.path === path);
      if (left)
        throw fail('balancer/failed', {
          balancer: rule.name,
          action: 'the removal',
          reason: `${left.name} is still there`,
        });
    };
    // If adding failed, there may be nothing to remove, so no step reports a removal.
    if (isMade('add')) await step('remove', undo, () => 'the listener has no such rule any more');
    else await undo();
  } catch (error) {
    if (!deadline.expired) throw error;
    const reason = `the removal took longer than ${budgetMs / 1_000} s`;
    throw fail('balancer/failed', { balancer: rule.name, action: 'the removal', reason }, { cause: error });
  } finally {
    deadline.done();
  }
}

const listenerText =
  ({ balancer }: ForwardRuleOptions) =>
  ({ rules, rulesLeft, listener }: Inspection): string => {
    const room = rulesLeft > 10_000 ? '' : `, room for ${rulesLeft} more`;
    const more = listener === undefined ? '' : ` (${listener})`;
    return `${balancer.resource}, listener ${balancer.listener}${more}: ${rules.length} rule${rules.length === 1 ? '' : 's'}${room}`;
  };
