import { untilAny } from '../../core/async/on-abort.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { leased } from '../../core/lineage/work/lease.ts';
import type { Engine } from '../engine.ts';
import { firstSight, giveBack, type Holding, isBusy, takeLease } from './lease.ts';

/**
 * Works on a stored certificate while no other process does, and leaves its unfinished work as it is. Waits for a
 * process that is working on it; fails with `store/busy` after 15 minutes.
 *
 * @param isMeant checks the document, also right before the lease is taken
 * @returns undefined if there is no such lineage, or `isMeant` rejects it
 */
export async function underLease<T>(
  engine: Engine,
  { name, isMeant = () => true }: { readonly name: string; readonly isMeant?: (lineage: Lineage) => boolean },
  work: (holding: Holding, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  for (let sight = firstSight(engine, name); ; ) {
    const taken = await takeLease(
      engine,
      sight,
      (found, claim) => (found && isMeant(found) ? leased(claim) : undefined),
      signal,
    );
    if (!taken) return undefined;
    if (isBusy(taken)) {
      await engine.clock.sleep(taken.pauseMs, signal);
      continue;
    }
    if ('finished' in taken) {
      // Another process has finished its own work.
      sight = firstSight(engine, name);
      continue;
    }
    const { holding } = taken;
    try {
      return await untilAny([signal, holding.lost], (over) => work(holding, over));
    } finally {
      await giveBack(engine, holding);
    }
  }
}
