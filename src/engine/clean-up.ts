import { asFailure, reasonOf } from '../core/errors.ts';
import type { Identifier } from '../core/identifier.ts';
import type { JournalledChallenge, Tombstone, Work } from '../core/lineage.ts';
import type { StoredSpec } from '../core/spec.ts';
import type { ChallengeType, Solver, SolverChallenge } from '../ports/solver.ts';
import { type EngineContext, report } from './context.ts';
import type { Holding } from './lease.ts';

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

/**
 * Step 13: removes what was presented, on its own time. What could not be removed comes back as tombstones that a
 * sweep tries again; it never fails the issue.
 */
export async function cleanUp(
  context: EngineContext,
  solver: Solver,
  spec: StoredSpec,
  challenges: readonly (JournalledChallenge | Tombstone)[],
  thumbprint: string,
  budgetMs: number = cleanupBudgetMs,
): Promise<readonly Tombstone[]> {
  const deadline = context.clock.deadline(budgetMs);
  try {
    const left = await Promise.all(
      challenges.map(async (challenge): Promise<Tombstone | undefined> => {
        try {
          await solver.cleanup(solverChallenge(spec, challenge, thumbprint), challenge.receipt, deadline.signal);
          return undefined;
        } catch (error) {
          const what = `the challenge for ${challenge.identifier} could not be removed: ${reasonOf(error)}`;
          tellLeft(context, spec, `${what}; a later sweep tries again`);
          return tombstoneOf(context, challenge, thumbprint, -1);
        }
      }),
    );
    return left.filter((tombstone) => tombstone !== undefined);
  } finally {
    deadline.done();
  }
}

const tellLeft = (context: EngineContext, spec: StoredSpec, message: string): void =>
  report(context, 'warn', 'sweep.failed', spec.spec.name, message);

export function tombstoneOf(
  context: EngineContext,
  challenge: JournalledChallenge | Tombstone,
  thumbprint: string,
  looked: Tombstone['looked'] = 0,
): Tombstone {
  return {
    type: challenge.type,
    identifier: challenge.identifier,
    token: challenge.token,
    thumbprint,
    ...(challenge.receipt === undefined ? {} : { receipt: challenge.receipt }),
    closedAt: context.clock.now().toISOString(),
    looked,
  };
}

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
  try {
    const solver = await context.connect.solver(spec);
    if (inFlight.probe && inFlight.step === 'lease') await unprobe(context, solver, spec);
    return await cleanUp(context, solver, spec, inFlight.challenges, inFlight.thumbprint ?? '', budgetMs);
  } catch (error) {
    // The solver itself cannot be made any more (its secret file is gone): everything is left to a later sweep.
    tellLeft(context, spec, `what was presented could not be removed: ${asFailure(error).message}`);
    return inFlight.challenges.map((c) => tombstoneOf(context, c, inFlight.thumbprint ?? '', -1));
  }
}

async function unprobe(context: EngineContext, solver: Pick<Solver, 'unprobe'>, spec: StoredSpec): Promise<void> {
  const deadline = context.clock.deadline(context.limits.shutdownBudgetMs);
  try {
    await solver.unprobe?.(spec.spec.name, deadline.signal);
  } finally {
    deadline.done();
  }
}

/** Removes what this process may have done after its lease was lost; what fails here the winner's tombstones still know. */
export async function undo(context: EngineContext, spec: StoredSpec, mine: Work): Promise<void> {
  if (!owesCleanup(mine)) return;
  try {
    const solver = await context.connect.solver(spec);
    await cleanUp(context, solver, spec, mine.challenges, mine.thumbprint ?? '');
    // Its probe is its own, not the winner's: nobody else removes it while this process lives.
    if (mine.probe) await unprobe(context, solver, spec);
  } catch (error) {
    const what = `what came too late could not be removed: ${asFailure(error).message}`;
    tellLeft(context, spec, `${what}; a later sweep looks again`);
  }
}
