import { createSingleFlight } from '../../core/async/single-flight.ts';
import { challengePath } from '../../core/ca/challenge-path.ts';
import { fail } from '../../core/errors/errors.ts';
import type { RuleUser } from '../../core/lineage/lock.ts';
import type { Identifier } from '../../core/names/identifier.ts';
import { type Refusal, safeForm } from '../../core/request-path/forward-rules.ts';
import type { Right } from '../../core/request-path/rights.ts';
import { isToken } from '../../core/text/encoding.ts';
import { present } from '../../core/text/present.ts';
import type { Backend, Balancer, Inspection } from '../../ports/balancer.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { Responder } from '../../ports/responder.ts';
import type { Readiness, Solver, SolverChallenge } from '../../ports/solver.ts';
import type { Locks } from '../locks/lock.ts';
import { describeForwardRule } from './forward-rule-path.ts';
import { ruleRefused } from './rule-in-place.ts';
import { createRuleKeeper, lookEveryMs, type UserChange, type WishOutcome } from './rule-keeper.ts';

/** How long a new rule's wrong answer proves nothing. */
export const ruleSettleMs = 60_000;
/** Allows for removing a rule and a group at a slow cloud, after another process that is doing the same. */
const cleanupBudgetMs = 3 * 60_000;
/** After this time without being ready, everything is applied again. */
const againMs = 20_000;
/** The interval at which a certificate tries again if the listener had no room for its rule. */
const roomEveryMs = 5_000;

export interface ForwardRuleOptions {
  readonly balancer: Balancer;
  /** The balancer's configured name, for messages. */
  readonly name: string;
  readonly responder: Responder;
  readonly locks: Locks;
  /** The mark of this store's objects (`core/request-path/own-mark.ts`). */
  readonly owner: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Leave the rules in place. */
  readonly keep: boolean;
  /** A person has made the rule. */
  readonly byHand?: boolean;
  readonly timeoutMs: number;
}

/**
 * Creates the solver that answers HTTP-01 behind a load balancer: a rule sends the names' challenge path to the
 * responder, or answers a token itself. The certificates that need it share rule and group; the first one creates them,
 * the last one removes them.
 *
 * `rule-keeper.ts` makes the changes.
 */
export function createForwardRule(options: ForwardRuleOptions): Solver {
  const solver = createRuleSolver(options);
  return options.byHand ? withRuleByHand(solver, options) : solver;
}

/** Returns the solver for a rule that a person has made: it changes nothing at the balancer. */
function withRuleByHand(solver: Solver, { balancer, name, responder, timeoutMs }: ForwardRuleOptions): Solver {
  if (balancer.mode === 'fixed-response')
    throw fail('config/invalid', { file: name, problem: '`byHand` needs a balancer that leads to a responder' });
  const healthAt = (signal: AbortSignal) => healthByHand(balancer, signal);
  return {
    ...solver,
    noticedMs: timeoutMs,
    prepare: async (_lineage, _identifiers, signal) => ({ probe: await responder.probe(signal), ready: healthAt }),
    withdraw: async () => {},
    forget: async () => {},
    async describePath(identifier, signal, account) {
      const path = await solver.describePath!(identifier, signal, account);
      const probe = await responder.probe(signal);
      // An order adds no rule and no group.
      const hops = path.hops.filter(({ at }) => at !== 'rule' && at !== 'group');
      return { ...path, hops, probe, healthy: healthAt, noticedMs: timeoutMs };
    },
  };
}

/**
 * Reports whether the balancer finds this node healthy behind a rule that a person has made. The credentials may not
 * allow to see it, and nothing may check it: then it counts as healthy.
 */
export async function healthByHand(balancer: Balancer, signal: AbortSignal): Promise<Readiness> {
  const backend = await balancer.backend?.(signal);
  return (backend && (await balancer.health?.(backend, signal))) ?? { ready: true };
}

function createRuleSolver(options: ForwardRuleOptions): Solver {
  const { balancer, responder, locks, owner, clock, random } = options;
  const { mode } = balancer;
  const newId = () => Buffer.from(random.bytes(6)).toString('hex');
  const keeper = createRuleKeeper({ balancer, locks, owner, clock, newId });

  const notReady = (reason: string, retryAfterMs = lookEveryMs): Readiness => ({ ready: false, reason, retryAfterMs });

  /** Fails if the wish is refused, or if waiting may not help: the rule of another installation outlives any order. */
  async function waitingOnly(
    outcome: Exclude<WishOutcome, 'done'>,
    signal: AbortSignal,
  ): Promise<Exclude<typeof outcome, { refused: Refusal }>> {
    if ('refused' in outcome) throw await ruleRefused(options, outcome.refused, signal);
    if ('full' in outcome) {
      // Others leave the journal when their orders are done, unless they keep their rules.
      if (options.keep) throw fail('balancer/journal-full', { balancer: options.name, count: outcome.full });
      return outcome;
    }
    const { behind } = outcome.waiting;
    if (!behind?.isOld) return outcome;
    const { rule, owner: of, where, age, command } = behind;
    throw fail('balancer/rule-in-the-way', { balancer: options.name, rule, owner: of, where, age, command });
  }

  /**
   * Returns a function that reports whether one certificate's wish is fulfilled. It repeats the wish until there is
   * room.
   */
  function joining(
    lineage: string,
    change: UserChange,
    first: WishOutcome,
  ): (signal: AbortSignal) => Promise<Readiness> {
    let outcome = first;
    let triedMs = clock.monotonicMs();
    return async (signal) => {
      if (outcome === 'done') {
        const readiness = await keeper.look(signal);
        if (readiness.ready || clock.monotonicMs() - triedMs < againMs) return readiness;
        // A reload by someone else may have lost the rule.
        outcome = await keeper.wish(lineage, change, signal);
        triedMs = clock.monotonicMs();
      } else if (!('refused' in outcome) && clock.monotonicMs() - triedMs >= roomEveryMs) {
        outcome = await keeper.wish(lineage, change, signal);
        triedMs = clock.monotonicMs();
      }
      if (outcome === 'done') return keeper.look(signal);
      const waits = await waitingOnly(outcome, signal);
      if ('full' in waits) return notReady(fullText(waits.full), roomEveryMs);
      const { reason, behind } = waits.waiting;
      return { ...notReady(reason, roomEveryMs), ...present({ isDoubtful: behind && true }) };
    };
  }

  async function join(lineage: string, change: UserChange, signal: AbortSignal) {
    const outcome = await keeper.wish(lineage, change, signal);
    if (outcome !== 'done') await waitingOnly(outcome, signal);
    return joining(lineage, change, outcome);
  }

  /** Reports whether an earlier order has left everything in place. */
  async function isKept(lineage: string, user: RuleUser, signal: AbortSignal): Promise<boolean> {
    const { users, rules, receipt } = await keeper.read(signal);
    const kept = users[lineage];
    if (!kept?.keep || rules.length === 0 || receipt === undefined) return false;
    return JSON.stringify([kept.hosts, kept.backend]) === JSON.stringify([user.hosts, user.backend]);
  }

  const inspecting = createSingleFlight<Inspection>();
  const inspect = (signal: AbortSignal) => inspecting('', () => balancer.inspect(signal), signal);

  const asking = createSingleFlight<readonly Right[]>();
  let known: readonly Right[] | undefined;
  /** Asked once for all names. */
  const rights = async (signal: AbortSignal) => {
    if (options.byHand) return undefined;
    known ??= balancer.rights && (await asking('', () => balancer.rights!(signal), signal));
    return known;
  };

  const pending = new Map<string, (signal: AbortSignal) => Promise<Readiness>>();

  return {
    type: 'http01-forward-rule',
    answers: ['http-01'],
    stays: true,
    readyBudgetMs: options.timeoutMs,
    settleMs: ruleSettleMs,
    cleanupBudgetMs,

    async prepare(lineage, identifiers, signal) {
      const hosts = identifiers.map(({ value }: Identifier) => value);
      if (mode === 'fixed-response') {
        await checkForms(hosts, signal);
        return {};
      }
      const probe = await responder.probe(signal);
      const backend: Backend | undefined = await balancer.backend?.(signal);
      const now = clock.now().toISOString();
      const user: RuleUser = {
        since: now,
        hosts,
        ...present({ backend, keep: options.keep || undefined }),
      };
      const make = async (within: AbortSignal) => {
        const change: UserChange = (before) => ({ ...user, since: before?.since ?? now });
        return { probe, ready: await join(lineage, change, within) };
      };
      // Someone may have deleted the kept rule, and only the balancer knows.
      if (options.keep && (await isKept(lineage, user, signal))) return { probe, again: make };
      return make(signal);
    },

    async withdraw(lineage, signal, late = false) {
      if (options.keep) return;
      const { users, rules, group } = await keeper.read(signal);
      // Nothing was created: the balancer refused to show its rules.
      const hasNothing = users[lineage] === undefined && rules.length === 0 && group === undefined;
      if (late || !hasNothing) await keeper.wish(lineage, () => undefined, signal);
    },

    async forget(lineage, signal) {
      const { users } = await keeper.read(signal);
      if (users[lineage]) await keeper.wish(lineage, () => undefined, signal);
    },

    describePath: ({ value }, signal) =>
      describeForwardRule(
        { balancer, responder, locks, owner, now: clock.now(), newId, inspect, rights },
        value,
        signal,
      ),

    async present(challenge, _note, signal) {
      if (mode === 'forward') return responder.answer(challenge, { shared: true }, signal);
      const { token, keyAuthorization, lineage, identifier, allIdentifiers } = challenge;
      // The rule's path ends with the token.
      if (!isToken(token)) throw fail('bug/unexpected', { reason: 'a token that is not base64url reached a solver' });
      const answer = { host: identifier.value, token, keyAuthorization };
      const now = clock.now().toISOString();
      const add = (before: RuleUser | undefined): RuleUser => ({
        since: before?.since ?? now,
        hosts: allIdentifiers.map(({ value }) => value),
        answers: [...(before?.answers ?? []).filter((one) => one.token !== token), answer],
      });
      pending.set(keyOf(challenge), await join(lineage, add, signal));
      return null;
    },

    async ready(challenge, _receipt, signal) {
      if (mode === 'forward') return responder.ready(challenge, signal);
      return pending.get(keyOf(challenge))?.(signal) ?? notReady('the rule is not there yet');
    },

    async cleanup(challenge, receipt, signal) {
      if (mode === 'forward') return responder.withdraw(challenge, receipt, signal);
      pending.delete(keyOf(challenge));
      const { token, lineage } = challenge;
      const { users, rules } = await keeper.read(signal);
      if (users[lineage] === undefined && rules.length === 0) return;
      await keeper.wish(lineage, (before) => withoutAnswer(before, token), signal);
    },

    async close(signal) {
      await Promise.all([responder.close(signal), balancer.close?.()]);
    },
  };

  /** Checks whether every name can get a rule, before anything is ordered. */
  async function checkForms(hosts: readonly string[], signal: AbortSignal): Promise<void> {
    const inspection = await balancer.inspect(signal);
    for (const host of hosts) {
      const found = safeForm(host, { path: challengePath }, { ...inspection, owner });
      if ('refused' in found)
        throw await ruleRefused(options, { host, reason: found.refused, ...present({ by: found.by }) }, signal);
    }
  }
}

const fullText = (count: number): string =>
  `the journal of the balancer has no room for another certificate (${count} use it now)`;

const keyOf = ({ lineage, token }: SolverChallenge): string => `${lineage} ${token}`;

/** Returns a user without one of its answers, or undefined if it was the last one. */
function withoutAnswer(user: RuleUser | undefined, token: string): RuleUser | undefined {
  const answers = user?.answers?.filter((one) => one.token !== token) ?? [];
  return user && answers.length > 0 ? { ...user, answers } : undefined;
}
