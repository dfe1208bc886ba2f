import type { Lineage } from '../../core/lineage/lineage.ts';
import type { Outcome } from '../../core/plan/outcome.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SeenLineages } from './seen.ts';

/** A certificate that could not be finished is not tried again at once. */
export const restMs = 60_000;
/** What becomes due so soon after a pass has begun shares the next one. */
export const gatherMs = 1_000;
/** Others may use less of a rate limit than was foretold. */
const longestWaitMs = 3_600_000;

/**
 * Changes how long certificates rest after a pass, by what became of them. One that the pass has changed has nothing to do
 * now, unless another process changes it just then. One that waits for a rate limit stores nothing: it is due at the time
 * that the pass told.
 */
export function restAfter(
  outcomes: readonly Outcome[],
  found: ReadonlyMap<string, Lineage>,
  { seen, clock }: { readonly seen: SeenLineages; readonly clock: Clock },
): void {
  for (const outcome of outcomes) {
    const { certificate, result } = outcome;
    const lineage = found.get(certificate);
    if (result === 'issued' || result === 'renewed' || result === 'deployed') seen.done(certificate, gatherMs, lineage);
    // A sweep has taken it from a process that was gone, so the work can go on.
    if (result === 'unchanged' && outcome.isOfOthers && lineage && !lineage.work?.lease) seen.wake(certificate);
    const until = result === 'unchanged' ? outcome.limited?.until : undefined;
    const waitMs = until === undefined ? 0 : Date.parse(until) - clock.now().getTime();
    if (waitMs > restMs) seen.rest(certificate, Math.min(waitMs, longestWaitMs), lineage);
  }
}
