import { isFailure } from '../../core/errors/errors.ts';
import type { Lease } from '../../core/lineage/lineage.ts';
import type { SessionRef } from '../../core/lineage/session.ts';
import { mayBeHeld } from '../../core/node/held-lease.ts';
import type { Processes } from '../../ports/processes.ts';
import type { Store } from '../../ports/store.ts';
import { sessionKey } from './session.ts';

/** Where a session stands. */
export const placeOf = ({ id, node }: SessionRef) =>
  node === undefined ? sessionKey(id) : ({ kind: 'replica', name: node } as const);

interface Ports {
  readonly store: Pick<Store, 'get' | 'location'>;
  readonly processes: Pick<Processes, 'look'>;
}

/**
 * Reports whether a process may be working under a lease that was just read ({@link mayBeHeld}). Reads the session after
 * the lease: a process writes its session first, so one that is not there is gone.
 */
export async function isHeld(
  lease: Lease | undefined,
  { store, processes }: Ports,
  signal: AbortSignal,
): Promise<boolean> {
  if (!lease) return false;
  const process = processes.look(lease.holder);
  const { location } = store;
  try {
    const entry = process === 'dead' || !lease.session ? undefined : await store.get(placeOf(lease.session), signal);
    return mayBeHeld(lease, { process, document: entry?.bytes, location });
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return true;
  }
}
