import { reasonOf } from '../../core/errors.ts';
import type { Identifier } from '../../core/identifier.ts';
import type { JournalledChallenge, Presenter, Tombstone, Work } from '../../core/lineage.ts';
import { canonical } from '../../core/plan.ts';
import type { StoredSpec } from '../../core/spec.ts';
import type { ChallengeType, Solver, SolverChallenge } from '../../ports/solver.ts';
import { type EngineContext, report } from '../engine.ts';
import type { Holding } from '../leases/lease.ts';

/** How long the removal may take before it is left to a later sweep. */
const cleanupBudgetMs = 30_000;

/** A journalled challenge as the solver takes it; needs no account key, only its thumbprint (RFC 8555 §8.1). */
export function solverChallenge(
  spec: StoredSpec,
  challenge: { readonly type: ChallengeType; readonly identifier: string; readonly token: string },
  thumbprint: string,
  remaining = 0,
): SolverChallenge {
  const identifiers = spec.spec.identifiers;
  const identifier: Identifier = identifiers.find((i) => i.value === challenge.identifier) ?? {
    type: 'dns',
    value: challenge.identifier,
  };
  return {
    type: challenge.type,
    identifier,
    token: challenge.token,
    keyAuthorization: `${challenge.token}.${thumbprint}`,
    lineage: spec.spec.name,
    allIdentifiers: identifiers,
    remaining,
  };
}

/** What was presented, with all that a solver needs to remove it. */
type Presented = JournalledChallenge & { readonly thumbprint: string };

export const presentedIn = (work: Work): readonly Presented[] =>
  work.challenges.map((challenge) => ({ ...challenge, thumbprint: work.thumbprint ?? '' }));

/** What could not be removed, and why; a later sweep tries its tombstone again. */
export interface Unremoved {
  readonly presented: Presented;
  readonly stone: Tombstone;
  readonly error: unknown;
}

/**
 * Step 13: removes what the solver of a spec presented, all of it at once, on one time budget. It never fails because
 * of a removal; it rejects when the caller gave up, or when the lease is lost, whose new holder may present the same
 * again: then everything stays in the journal.
 */
export async function cleanUp(
  context: EngineContext,
  spec: StoredSpec,
  owed: readonly Presented[],
  { holding, signal, budgetMs = cleanupBudgetMs }: { holding?: Holding; signal?: AbortSignal; budgetMs?: number } = {},
): Promise<readonly Unremoved[]> {
  if (owed.length === 0) return [];
  const over = AbortSignal.any([signal, holding?.lost].filter((one) => one !== undefined));
  const deadline = context.clock.deadline(budgetMs, over);
  const leave = (presented: Presented, error: unknown): Unremoved => ({
    presented,
    stone: tombstoneOf(context, spec, presented, -1),
    error,
  });
  const remove = async (solver: Solver, presented: Presented): Promise<Unremoved | undefined> => {
    const clean = () =>
      solver.cleanup(solverChallenge(spec, presented, presented.thumbprint), presented.receipt, deadline.signal);
    try {
      await (holding ? holding.effect(deadline.signal, clean) : clean());
      return undefined;
    } catch (error) {
      const what = `the challenge for ${presented.identifier} could not be removed: ${reasonOf(error)}`;
      if (!over.aborted) tellLeft(context, spec, `${what}; a later sweep tries again`);
      return leave(presented, error);
    }
  };
  try {
    const solver = await context.connect.solver(spec);
    const left = await Promise.all(owed.map((presented) => remove(solver, presented)));
    over.throwIfAborted();
    return left.filter((one) => one !== undefined);
  } catch (error) {
    over.throwIfAborted();
    // The solver itself cannot be made any more (its secret file is gone): everything is left to a later sweep.
    tellLeft(context, spec, `what was presented could not be removed: ${reasonOf(error)}`);
    return owed.map((presented) => leave(presented, error));
  } finally {
    deadline.done();
  }
}

const tellLeft = (context: EngineContext, spec: StoredSpec, message: string): void =>
  report(context, 'warn', 'sweep.failed', spec.spec.name, message);

export function tombstoneOf(
  context: EngineContext,
  spec: StoredSpec,
  { type, identifier, token, thumbprint, receipt }: Presented,
  looked: Tombstone['looked'] = 0,
): Tombstone {
  return {
    type,
    identifier,
    token,
    thumbprint,
    ...(receipt === undefined ? {} : { receipt }),
    by: { name: spec.spec.solver, solver: spec.solver, preflight: spec.preflight },
    closedAt: context.clock.now().toISOString(),
    looked,
  };
}

/** A lineage's spec with the solver that presented. */
export const specOfPresenter = (spec: StoredSpec, by: Presenter | undefined): StoredSpec =>
  by ? { ...spec, spec: { ...spec.spec, solver: by.name }, solver: by.solver, preflight: by.preflight } : spec;

/** An order that is kept brings the same tokens at each try: one tombstone for each, the latest. */
export const oneForEach = (stones: readonly Tombstone[]): readonly Tombstone[] => [
  ...new Map(stones.map((s) => [canonical([s.type, s.identifier, s.token, s.by ?? null]), s])).values(),
];

export const owesCleanup = (work: Work | undefined): boolean =>
  work !== undefined && (work.challenges.length > 0 || work.probe !== undefined);

/** Step 13 for all that is journalled; what could not be removed comes back as tombstones. */
export async function cleanJournalled(
  context: EngineContext,
  spec: StoredSpec,
  holding: Holding,
  budgetMs?: number,
): Promise<readonly Tombstone[]> {
  const { work: inFlight } = holding.lineage;
  if (!inFlight || !owesCleanup(inFlight)) return [];
  if (inFlight.probe && inFlight.step === 'lease')
    await unprobe(context, spec).catch((error: unknown) =>
      tellLeft(context, spec, `the probe could not be removed: ${reasonOf(error)}`),
    );
  const options = { holding, ...(budgetMs === undefined ? {} : { budgetMs }) };
  // It ends early only where the lease is lost, which the next write says.
  const left = await cleanUp(context, spec, presentedIn(inFlight), options).catch(() => []);
  return left.map(({ stone }) => stone);
}

export async function unprobe(context: EngineContext, spec: StoredSpec): Promise<void> {
  const deadline = context.clock.deadline(context.limits.shutdownBudgetMs);
  try {
    const solver = await context.connect.solver(spec);
    await solver.unprobe?.(spec.spec.name, deadline.signal);
  } finally {
    deadline.done();
  }
}

/** Removes what this process may have done after its lease was lost; what fails here the winner's tombstones still know. */
export async function undo(context: EngineContext, spec: StoredSpec, mine: Work): Promise<void> {
  if (!owesCleanup(mine)) return;
  try {
    await cleanUp(context, spec, presentedIn(mine));
    // Its probe is its own, not the winner's: nobody else removes it while this process lives.
    if (mine.probe) await unprobe(context, spec);
  } catch (error) {
    const what = `what came too late could not be removed: ${reasonOf(error)}`;
    tellLeft(context, spec, `${what}; a later sweep looks again`);
  }
}
