import { challengePath } from '../../core/challenge-path.ts';
import { isToken } from '../../core/encoding.ts';
import { fail, isFailure } from '../../core/errors.ts';
import { planRules, type Refusal, type RulePlan, safeForm } from '../../core/forward-rules.ts';
import type { Identifier } from '../../core/identifier.ts';
import { type ListenerState, type LockDocument, type RuleUser, withListener } from '../../core/lock.ts';
import { onAbort } from '../../core/on-abort.ts';
import { createSingleFlight } from '../../core/single-flight.ts';
import type { Backend, Balancer, Inspection } from '../../ports/balancer.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Random } from '../../ports/random.ts';
import type { Responder } from '../../ports/responder.ts';
import type { Readiness, Solver, SolverChallenge } from '../../ports/solver.ts';
import type { Locks } from '../leases/lock.ts';
import { describeForwardRule } from './forward-rule-path.ts';

/** How long a young rule's wrong answer proves nothing. */
const settleMs = 60_000;
/** Removing a rule and a group at a slow cloud, after another process that is doing the same. */
const cleanupBudgetMs = 3 * 60_000;
/** Between two looks at the balancer's state, for all orders together. */
const lookEveryMs = 1_000;
/** How often a change is begun that was suspended in between. */
const mostTries = 3;
/** After so long without being ready, everything is made again. */
const againMs = 20_000;
/** A certificate that found no room looks again. */
const roomEveryMs = 5_000;

export interface ForwardRuleOptions {
  readonly balancer: Balancer;
  /** The balancer's configured name, for messages. */
  readonly name: string;
  readonly responder: Responder;
  readonly locks: Locks;
  /** The mark of this store's objects (`core/own-mark.ts`). */
  readonly owner: string;
  readonly clock: Clock;
  readonly random: Random;
  /** Leave the rules in place. */
  readonly keep: boolean;
  readonly timeoutMs: number;
}

/** What became of one certificate's wish. */
type Outcome = { readonly refused: Refusal } | { readonly waiting: string } | 'done';

/** A change of one certificate's entry, and the caller that waits for it. */
interface Wish {
  readonly lineage: string;
  readonly change: (before: RuleUser | undefined) => RuleUser | undefined;
  readonly signal: AbortSignal;
  readonly done: (outcome: Outcome) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Answers HTTP-01 behind a load balancer: a rule sends the challenge path of the names to the responder, or answers a
 * token itself. The certificates that need it share rule and group; the first one makes them, the last one removes them.
 *
 * The lock document of the balancer is the journal of its objects (decision 0022). All wishes that arrive during a
 * change share the next one.
 */
export function createForwardRule(options: ForwardRuleOptions): Solver {
  const { balancer, responder, locks, owner, clock, random } = options;
  const { resource, listener, mode, matching } = balancer;
  let wishes: Wish[] = [];
  let working = false;
  let latest: { readonly plan: RulePlan; readonly receipt: ListenerState['receipt'] } | undefined;

  const newId = () => Buffer.from(random.bytes(6)).toString('hex');
  const stateOf = (document: LockDocument): ListenerState => document.listeners?.[listener] ?? { users: {}, rules: [] };

  /** Changes one certificate's entry, and what the balancer has with it. */
  const wish = (lineage: string, change: Wish['change'], signal: AbortSignal): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      wishes.push({ lineage, change, signal, done: resolve, failed: reject });
      if (!working) void work();
    });

  async function work(): Promise<void> {
    working = true;
    while (wishes.length > 0) {
      const batch = wishes;
      wishes = [];
      await grant(batch);
    }
    working = false;
  }

  /** Makes all wishes of a batch true under the lock. A wish whose caller has gone is left out. */
  async function grant(batch: readonly Wish[]): Promise<void> {
    const asked = batch.filter(({ signal, failed }) => {
      if (signal.aborted) failed(signal.reason);
      return !signal.aborted;
    });
    if (asked.length === 0) return;
    const some = whileAnyWaits(asked.map(({ signal }) => signal));
    try {
      const plan = await change(asked, some.signal);
      for (const { lineage, done } of asked) {
        const refused = plan.refused.get(lineage);
        const waiting = plan.waiting.get(lineage);
        done(refused !== undefined ? { refused } : waiting !== undefined ? { waiting } : 'done');
      }
    } catch (error) {
      for (const { signal, failed } of asked) failed(signal.aborted ? signal.reason : error);
    } finally {
      some.done();
    }
  }

  /**
   * Does it all again if this process was suspended for longer than its lease, because it may have changed something
   * late; and if the balancer refused the change, because another installation may just have added the same rule.
   */
  async function change(asked: readonly Wish[], signal: AbortSignal): Promise<RulePlan> {
    for (let tries = 1; ; tries++) {
      try {
        isApplying = false;
        return await changeOnce(asked, signal);
      } catch (error) {
        const mayPass = isFailure(error, 'store/lease-lost') || (isApplying && isFailure(error, 'balancer/refused'));
        if (tries === mostTries || signal.aborted || !mayPass) throw error;
      }
    }
  }

  /** The last try came so far; a refusal to show the listener is final. */
  let isApplying = false;

  async function changeOnce(asked: readonly Wish[], signal: AbortSignal): Promise<RulePlan> {
    let plan: RulePlan | undefined;
    const begin = async (document: LockDocument): Promise<LockDocument> => {
      const before = stateOf(document);
      const users: Record<string, RuleUser> = { ...before.users };
      for (const { lineage, change: toUser } of asked) {
        const user = toUser(users[lineage]);
        if (user) users[lineage] = user;
        else delete users[lineage];
      }
      const inspection = await balancer.inspect(signal);
      plan = planRules({ ...before, users }, { owner, mode, matching, inspection, now: clock.now(), newId });
      // An empty state is stored too: the lease is in the document.
      return withListener(document, listener, plan.during) ?? { schema: 1 };
    };
    return locks.with(
      resource,
      begin,
      async (held) => {
        const made = plan!; // by begin
        const over = AbortSignal.any([signal, held.lost]);
        const known = stateOf(held.document).receipt;
        isApplying = true;
        const receipt = await held.effect(over, () => balancer.apply(made.wanted, known, over));
        latest = { plan: made, receipt };
        looked = undefined;
        held.leave((document) => withListener(document, listener, { ...made.after, receipt }));
        return made;
      },
      signal,
    );
  }

  const looking = createSingleFlight<Readiness>();
  let looked: { readonly atMs: number; readonly readiness: Readiness } | undefined;

  /** The balancer's own words on what is there, asked at most once a second for all orders together. */
  async function look(signal: AbortSignal): Promise<Readiness> {
    signal.throwIfAborted();
    if (looked && clock.monotonicMs() - looked.atMs < lookEveryMs) return looked.readiness;
    const ask = async (): Promise<Readiness> => {
      if (!latest) return { ready: false, reason: 'the rule is not there yet' };
      const readiness = await balancer.state(latest.plan.wanted, latest.receipt ?? null, signal);
      looked = { atMs: clock.monotonicMs(), readiness };
      return readiness;
    };
    // With the signal, so that an order that gives up does not fail the others.
    return looking('', ask, signal);
  }

  const notReady = (reason: string, retryAfterMs = lookEveryMs): Readiness => ({ ready: false, reason, retryAfterMs });

  const refusal = ({ host, reason }: Refusal) => {
    const advice = `Let that rule lead to ${responder.address} of this node, remove it, or use DNS-01 for ${host}.`;
    return fail('balancer/unsafe-rule', { balancer: options.name, host, reason, advice });
  };

  /** One certificate's wish, repeated by each look until there is room. */
  function joining(
    lineage: string,
    change: Wish['change'],
    first: Outcome,
  ): (signal: AbortSignal) => Promise<Readiness> {
    let outcome = first;
    let triedMs = clock.monotonicMs();
    return async (signal) => {
      if (outcome === 'done') {
        const readiness = await look(signal);
        if (readiness.ready || clock.monotonicMs() - triedMs < againMs) return readiness;
        // Somebody's reload may have lost the rule.
        outcome = await wish(lineage, change, signal);
        triedMs = clock.monotonicMs();
      } else if ('waiting' in outcome && clock.monotonicMs() - triedMs >= roomEveryMs) {
        outcome = await wish(lineage, change, signal);
        triedMs = clock.monotonicMs();
      }
      if (outcome === 'done') return look(signal);
      if ('refused' in outcome) throw refusal(outcome.refused);
      return notReady(outcome.waiting, roomEveryMs);
    };
  }

  async function join(lineage: string, change: Wish['change'], signal: AbortSignal) {
    const outcome = await wish(lineage, change, signal);
    if (outcome !== 'done' && 'refused' in outcome) throw refusal(outcome.refused);
    return joining(lineage, change, outcome);
  }

  /** Whether an earlier order has left everything in place. */
  async function isKept(lineage: string, user: RuleUser, signal: AbortSignal): Promise<boolean> {
    const { users, rules, receipt } = stateOf(await locks.read(resource, signal));
    const kept = users[lineage];
    if (!kept?.keep || rules.length === 0 || receipt === undefined) return false;
    return JSON.stringify([kept.hosts, kept.backend]) === JSON.stringify([user.hosts, user.backend]);
  }

  const inspecting = createSingleFlight<Inspection>();
  const inspect = (signal: AbortSignal) => inspecting('', () => balancer.inspect(signal), signal);

  const pending = new Map<string, (signal: AbortSignal) => Promise<Readiness>>();

  return {
    type: 'http01-forward-rule',
    answers: ['http-01'],
    stays: true,
    readyBudgetMs: options.timeoutMs,
    settleMs,
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
        ...(backend ? { backend } : {}),
        ...(options.keep ? { keep: true } : {}),
      };
      const make = async (within: AbortSignal) => {
        const change: Wish['change'] = (before) => ({ ...user, since: before?.since ?? now });
        return { probe, ready: await join(lineage, change, within) };
      };
      // Someone may have deleted the rule that was kept, and only the balancer knows.
      if (options.keep && (await isKept(lineage, user, signal))) return { probe, again: make };
      return make(signal);
    },

    async withdraw(lineage, signal) {
      // Even if the journal has nothing: another process may have added a rule after its removal.
      if (!options.keep) await wish(lineage, () => undefined, signal);
    },

    describePath: ({ value }, signal) =>
      describeForwardRule({ balancer, responder, locks, owner, now: clock.now(), newId, inspect }, value, signal),

    async present(challenge, _note, signal) {
      if (mode === 'forward') return responder.answer(challenge, { shared: true }, signal);
      const { token, keyAuthorization, lineage, identifier, allIdentifiers } = challenge;
      // The rule's path ends with it.
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
      const { users, rules } = stateOf(await locks.read(resource, signal));
      if (users[lineage] === undefined && rules.length === 0) return;
      await wish(lineage, (before) => withoutAnswer(before, token), signal);
    },

    async close(signal) {
      await Promise.all([responder.close(signal), balancer.close?.()]);
    },
  };

  /** Whether every name can get a rule, before anything is ordered. */
  async function checkForms(hosts: readonly string[], signal: AbortSignal): Promise<void> {
    const { rules } = await balancer.inspect(signal);
    for (const host of hosts) {
      const found = safeForm(host, { path: challengePath }, { rules, matching, owner });
      if ('refused' in found) throw refusal({ host, reason: found.refused });
    }
  }
}

const keyOf = ({ lineage, token }: SolverChallenge): string => `${lineage} ${token}`;

/** A user without one of its answers; undefined if it was the last one. */
function withoutAnswer(user: RuleUser | undefined, token: string): RuleUser | undefined {
  const answers = user?.answers?.filter((one) => one.token !== token) ?? [];
  return user && answers.length > 0 ? { ...user, answers } : undefined;
}

/** A signal that aborts once all of these have. */
function whileAnyWaits(signals: readonly AbortSignal[]): { readonly signal: AbortSignal; done(): void } {
  const all = new AbortController();
  const look = () => {
    if (signals.every(({ aborted }) => aborted)) all.abort(signals[0]?.reason);
  };
  const forget = signals.map((signal) => onAbort(signal, look));
  return {
    signal: all.signal,
    done() {
      for (const one of forget) one();
    },
  };
}
