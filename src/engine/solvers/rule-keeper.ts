import { createBatches } from '../../core/async/batches.ts';
import { untilAny } from '../../core/async/on-abort.ts';
import { createSingleFlight } from '../../core/async/single-flight.ts';
import { watchWrites } from '../../core/async/writes.ts';
import { isFailure, withHint } from '../../core/errors/errors.ts';
import { maxDocumentBytes } from '../../core/lineage/document-limits.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { type ListenerState, type LockDocument, type RuleUser, withListener } from '../../core/lineage/lock.ts';
import { planRules, type Refusal, type RulePlan, type Waiting } from '../../core/request-path/forward-rules.ts';
import type { Balancer } from '../../ports/balancer.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Readiness } from '../../ports/solver.ts';
import type { Locks } from '../locks/lock.ts';

/** The pause between two looks at the balancer's state, for all orders together. */
export const lookEveryMs = 1_000;
/** How many times a change is started if this process was suspended during it. */
const mostTries = 3;

export interface RuleKeeperOptions {
  readonly balancer: Balancer;
  readonly locks: Locks;
  /** The mark of this store's objects (`core/request-path/own-mark.ts`). */
  readonly owner: string;
  readonly clock: Clock;
  /** Returns twelve hex digits, different each time. */
  readonly newId: () => string;
}

/** The outcome of one certificate's wish. */
export type WishOutcome =
  | { readonly refused: Refusal }
  | { readonly waiting: Waiting }
  /** The journal has no room; this many certificates use the balancer. */
  | { readonly full: number }
  | 'done';

/** Changes one certificate's entry; undefined removes it. */
export type UserChange = (before: RuleUser | undefined) => RuleUser | undefined;

interface Wish {
  readonly lineage: string;
  readonly change: UserChange;
}

export interface RuleKeeper {
  /** Changes one certificate's entry, and its rules at the balancer. */
  wish(lineage: string, change: UserChange, signal: AbortSignal): Promise<WishOutcome>;
  /** Returns the balancer's own report of the rules' state, requested at most once a second for all orders together. */
  look(signal: AbortSignal): Promise<Readiness>;
  /** Returns the state in the journal. */
  read(signal: AbortSignal): Promise<ListenerState>;
}

/** Calls the balancer, and records whether it wrote something. */
type Applied = <T>(over: AbortSignal, apply: (own: AbortSignal) => Promise<T>) => Promise<T>;

/** A plan whose journal fits into a document. */
interface FittedPlan extends RulePlan {
  /** The certificates for which there is no room. */
  readonly full: ReadonlySet<string>;
}

/** The lease, and the receipt of a balancer, need some room beside the users. */
const mostBytes = maxDocumentBytes - 16 * 1024;

/** Returns the plan for as many additions as the document has room for. Without any, the plan is returned in any case. */
function mostThatFit<T extends { readonly document: LockDocument }>(
  additions: number,
  planFor: (count: number) => T,
): T {
  const fits = ({ document }: T) => encodeDocument(document).length <= mostBytes;
  const all = planFor(additions);
  if (additions === 0 || fits(all)) return all;
  let [best, least, most] = [planFor(0), 0, additions];
  while (most - least > 1) {
    const half = Math.floor((least + most) / 2);
    const plan = planFor(half);
    if (fits(plan)) [best, least] = [plan, half];
    else most = half;
  }
  return best;
}

/** Corrects the hint of a refusal, which does not know about earlier calls, such as the one that created the group. */
const afterWrite = (error: unknown): unknown =>
  isFailure(error)
    ? withHint(
        error,
        error.hint.replace(
          /^Nothing was changed\./,
          'What was created before the error is removed, or used by the next attempt.',
        ),
      )
    : error;

/**
 * Keeps one listener's rules in line with the wishes of the certificates that need them. The balancer's lock document
 * is the journal of its objects (decision 0022). All wishes that arrive during a change share the next one.
 */
export function createRuleKeeper(options: RuleKeeperOptions): RuleKeeper {
  const { balancer, locks, owner, clock, newId } = options;
  const { resource, listener, mode } = balancer;
  let latest: { readonly plan: RulePlan; readonly receipt: ListenerState['receipt'] } | undefined;

  const stateOf = (document: LockDocument): ListenerState => document.listeners?.[listener] ?? { users: {}, rules: [] };

  const batched = createBatches<Wish, WishOutcome>(async (asked, signal) => {
    const plan = await change(asked, signal);
    return asked.map(({ lineage }) => {
      const refused = plan.refused.get(lineage);
      const waiting = plan.waiting.get(lineage);
      if (plan.full.has(lineage)) return { full: Object.keys(plan.after.users).length };
      return refused !== undefined ? { refused } : waiting !== undefined ? { waiting } : 'done';
    });
  });

  /**
   * Repeats the change if this process was suspended for longer than its lease, because it may have changed something
   * late. Also repeats it if the balancer refused it, because another installation may just have added the same rule.
   */
  async function change(asked: readonly Wish[], signal: AbortSignal): Promise<FittedPlan> {
    const progress = { wrote: false };
    for (let tries = 1; ; tries++) {
      /** A refusal to show the listener is final. */
      let isApplying = false;
      const applied: Applied = async (over, apply) => {
        isApplying = true;
        const watch = watchWrites(over);
        try {
          return await apply(watch.signal);
        } finally {
          progress.wrote ||= watch.wrote;
          watch.done();
        }
      };
      try {
        return await changeOnce(asked, applied, signal);
      } catch (error) {
        const mayPass = isFailure(error, 'store/lease-lost') || (isApplying && isFailure(error, 'balancer/refused'));
        if (tries === mostTries || signal.aborted || !mayPass) throw progress.wrote ? afterWrite(error) : error;
      }
    }
  }

  async function changeOnce(asked: readonly Wish[], applied: Applied, signal: AbortSignal): Promise<FittedPlan> {
    const begin = async (document: LockDocument) => {
      const before = stateOf(document);
      const users: Record<string, RuleUser> = { ...before.users };
      for (const { lineage, change: toUser } of asked) {
        const user = toUser(users[lineage]);
        if (user) users[lineage] = user;
        else delete users[lineage];
      }
      const added = Object.keys(users).filter((lineage) => !before.users[lineage]);
      const inspection = await balancer.inspect(signal);
      const context = { owner, mode, inspection, now: clock.now(), newId };
      /** Plans for the first of those that are added. */
      const planFor = (count: number) => {
        const full = new Set(added.slice(count));
        const fitting = Object.fromEntries(Object.entries(users).filter(([lineage]) => !full.has(lineage)));
        const plan = planRules({ ...before, users: fitting }, context);
        // An empty state is stored, too, because the lease is in the document.
        const next = withListener(document, listener, plan.during) ?? ({ schema: 1 } as const);
        return { plan: { ...plan, full }, document: next };
      };
      return mostThatFit(added.length, planFor);
    };
    return locks.withPlan(
      resource,
      begin,
      async (held, plan) => {
        const known = stateOf(held.document).receipt;
        const receipt = await untilAny([signal, held.lost], (over) =>
          held.effect(over, () => applied(over, (own) => balancer.apply(plan.wanted, known, own))),
        );
        latest = { plan, receipt };
        looked = undefined;
        held.leave((document) => withListener(document, listener, { ...plan.after, receipt }));
        return plan;
      },
      signal,
    );
  }

  const looking = createSingleFlight<Readiness>();
  let looked: { readonly atMs: number; readonly readiness: Readiness } | undefined;

  /** Returns the balancer's own report of the rules' state, requested at most once a second for all orders together. */
  async function look(signal: AbortSignal): Promise<Readiness> {
    signal.throwIfAborted();
    if (looked && clock.monotonicMs() - looked.atMs < lookEveryMs) return looked.readiness;
    const ask = async (): Promise<Readiness> => {
      if (!latest) return { ready: false, reason: 'the rule is not there yet' };
      const readiness = await balancer.state(latest.plan.wanted, latest.receipt ?? null, signal);
      looked = { atMs: clock.monotonicMs(), readiness };
      return readiness;
    };
    // Pass the signal, so that an order that gives up does not fail the others.
    return looking('', ask, signal);
  }

  return {
    wish: (lineage, change, signal) => batched({ lineage, change }, signal),
    look,
    read: async (signal) => stateOf(await locks.read(resource, signal)),
  };
}
