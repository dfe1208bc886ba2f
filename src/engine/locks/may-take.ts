import type { Lease } from '../../core/lineage/lineage.ts';
import type { Processes } from '../../ports/processes.ts';
import type { Entry } from '../../ports/store.ts';
import type { HeldPorts } from './held.ts';

/**
 * Reports whether another process's lease may be taken: at once if its holder is provably dead, otherwise once the
 * document has not changed for `leaseTtl` on this process's own monotonic clock.
 */
export function mayTake(
  engine: Omit<HeldPorts, 'store'> & { readonly processes: Processes },
  sight: { revision: string; movedMs: number },
  lease: Lease,
  entry: Entry,
): boolean {
  if (engine.processes.look(lease.holder) === 'dead') return true;
  const nowMs = engine.clock.monotonicMs();
  if (sight.revision !== entry.revision) {
    sight.revision = entry.revision;
    sight.movedMs = nowMs;
    return false;
  }
  return nowMs - sight.movedMs > engine.limits.leaseTtlMs;
}
