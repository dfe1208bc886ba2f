import type { Lease } from '../lineage/lineage.ts';
import { decodeSession } from '../lineage/session.ts';
import { sessionIn } from './claim.ts';
import { decodeReplica } from './replica.ts';

/** What is known of the holder of a lease. */
export interface HolderFacts {
  readonly process: 'alive' | 'dead' | 'unknown';
  /** The document in which its session should stand, as the store has it; undefined if there is none. */
  readonly document: Uint8Array | undefined;
  readonly location: string;
}

/**
 * Reports whether a process may be working under a lease: it may be alive, and its session is there. Unlike who takes a
 * lease, this does not wait to see whether the session gives signs of life.
 *
 * Fails with `store/corrupt` if the document of the session is damaged.
 */
export function mayBeHeld({ session }: Lease, { process, document, location }: HolderFacts): boolean {
  if (process === 'dead') return false;
  // A lease of an older version beats itself.
  if (!session) return true;
  if (!document) return false;
  const { id, node } = session;
  const found =
    node === undefined ? decodeSession(document, id, location) : sessionIn(decodeReplica(document, node, location), id);
  return found !== undefined;
}
