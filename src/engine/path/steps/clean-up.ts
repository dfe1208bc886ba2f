import { untilAny } from '../../../core/async/on-abort.ts';
import { type Removal, removalBy, watchWrites } from '../../../core/async/writes.ts';
import { isFailure, reasonOf } from '../../../core/errors/errors.ts';
import type { Lineage, Tombstone } from '../../../core/lineage/lineage.ts';
import {
  bySolver,
  dueAt,
  missedFor,
  nameOfPresented,
  owedBy,
  type Presented,
  tombstoneOf,
} from '../../../core/lineage/tombstones.ts';
import { refusalOf } from '../../../core/plan/left-outside.ts';
import type { StoredSpec } from '../../../core/spec/spec.ts';
import type { PartSpec } from '../../../core/spec/spec-parts.ts';
import { present } from '../../../core/text/present.ts';
import type { Solver } from '../../../ports/solver.ts';
import { type Engine, report } from '../../engine.ts';
import type { Holding } from '../../leases/lease.ts';
import { solverChallenge } from '../../run/solver-challenge.ts';
import { together } from '../../run/wait.ts';

/** How long a removal may take before it is left to a later sweep. */
const cleanupBudgetMs = 30_000;

/** What could not be removed, and why. A later sweep tries its tombstone again. */
export interface Unremoved {
  readonly presented: Presented;
  readonly stone: Tombstone;
  /** Where a person finds it. */
  readonly place?: string;
  /** Undefined if nothing failed, but the removal may have missed it. */
  readonly error?: unknown;
}

export const hasFailed = ({ error }: Unremoved): boolean => error !== undefined;

interface CleanUpOptions {
  readonly holding?: Holding;
  readonly signal?: AbortSignal;
  readonly budgetMs?: number;
  /** Called with what was removed or did not exist, as far as the solver can tell. */
  readonly told?: (presented: Presented, removal: Removal) => void;
}

/**
 * Step 13: removes what the solvers of a spec presented, all at once, each within a time budget. A failed removal is in
 * the result. Rejects on abort, and if the lease is lost, because the new holder may be presenting the same challenges.
 */
export async function cleanUp(
  engine: Engine,
  spec: StoredSpec,
  owed: readonly Presented[],
  options: CleanUpOptions = {},
): Promise<readonly Unremoved[]> {
  const { signal, holding } = options;
  return untilAny([signal, holding?.lost], async (over) => {
    const all = bySolver(spec, owed).map(([part, theirs]) =>
      removeAll(engine, { spec, part }, theirs, { ...options, over }),
    );
    return (await together(all)).flat();
  });
}

/** @param part the part whose solver presented all of them */
async function removeAll(
  engine: Engine,
  { spec, part }: { readonly spec: StoredSpec; readonly part: PartSpec },
  owed: readonly Presented[],
  { holding, budgetMs, told, over }: Omit<CleanUpOptions, 'signal'> & { readonly over: AbortSignal },
): Promise<readonly Unremoved[]> {
  const leave = (presented: Presented, error: unknown): Unremoved => {
    const refused = refusalOf(error);
    const stone = { ...tombstoneOf(spec, presented, engine.clock.now(), -1), ...present({ refused }) };
    return { presented, stone, error };
  };
  const remove = async (solver: Solver, presented: Presented, within: AbortSignal): Promise<Unremoved | undefined> => {
    const watch = watchWrites(within);
    const clean = async () => {
      if (presented.probe) return solver.withdraw?.(presented.identifier, within, isLate(presented));
      return solver.cleanup(solverChallenge(part, presented), presented.receipt, watch.signal);
    };
    try {
      await (holding ? holding.effect(within, clean) : clean());
      told?.(presented, removalBy(watch.signal));
      // A check that is due comes late enough to see everything.
      if (presented.probe || (isLate(presented) && dueAt(presented) <= engine.clock.now().getTime())) return undefined;
      const lagMs = solver.mayMissForMs?.(solverChallenge(part, presented), presented.receipt);
      if (lagMs === undefined) return undefined;
      return { presented, stone: missedFor(tombstoneOf(spec, presented, engine.clock.now()), lagMs) };
    } catch (error) {
      const hint = isFailure(error, 'balancer/', 'dns/') ? `. ${error.hint}` : '';
      const what = `could not remove ${nameOfPresented(presented, spec)}: ${reasonOf(error)}${hint}`;
      if (!over.aborted) reportLeft(engine, spec, `${what}; a later sweep tries again`);
      const place = presented.probe ? undefined : solver.placeOf?.(solverChallenge(part, presented), presented.receipt);
      return { ...leave(presented, error), ...present({ place }) };
    } finally {
      watch.done();
    }
  };
  try {
    const solver = await engine.connect.solver(part);
    const deadline = engine.clock.deadline(budgetMs ?? solver.cleanupBudgetMs ?? cleanupBudgetMs, over);
    try {
      const left = await Promise.all(owed.map((presented) => remove(solver, presented, deadline.signal)));
      over.throwIfAborted();
      return left.filter((one) => one !== undefined);
    } finally {
      deadline.done();
    }
  } catch (error) {
    over.throwIfAborted();
    // The solver itself cannot be set up (its secret file is gone): leave everything to a later sweep.
    reportLeft(engine, spec, `could not remove its challenges: ${reasonOf(error)}`);
    return owed.map((presented) => leave(presented, error));
  }
}

/** Reports whether this is a tombstone to be checked, rather than a failed removal. */
const isLate = (presented: Presented): presented is Tombstone => 'looked' in presented && presented.looked !== -1;

const reportLeft = (engine: Engine, { name: certificate }: StoredSpec, message: string): void =>
  report(engine, { level: 'warn', event: 'sweep.failed', certificate, message });

/**
 * Removes the journalled challenges and what the solver prepared. Resolves with tombstones for what could not be
 * removed.
 */
export async function cleanJournalled(
  { engine, holding }: { readonly engine: Engine; readonly holding: Holding },
  spec: StoredSpec,
  budgetMs?: number,
): Promise<readonly Tombstone[]> {
  const options = { holding, ...present({ budgetMs }) };
  // This rejects only if the lease is lost, which the next write reports.
  const left = await cleanUp(engine, spec, owedBy(holding.lineage), options).catch(() => []);
  return left.map(({ stone }) => stone);
}

/**
 * Undoes what this process may have done after it lost its lease. The new holder's tombstones cover what fails here.
 */
export async function undo(engine: Engine, lost: Lineage): Promise<void> {
  await cleanUp(engine, lost.spec, owedBy(lost));
}
