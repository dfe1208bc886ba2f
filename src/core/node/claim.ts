import type { Lease } from '../lineage/lineage.ts';
import type { ProcessIdentity } from '../lineage/process-identity.ts';
import { type ReplicaDocument, storable, toldOfOther } from './replica.ts';
import type { Role, Running } from './running.ts';

/** A process that has the name of a node, or is about to take it. */
export interface Claim {
  readonly role: Role;
  readonly running: Running & { readonly lease: Lease };
}

/** Returns the document of a node whose name a process takes, or of which it gives a sign of life. */
export function claimed(before: ReplicaDocument | undefined, { role, running }: Claim): ReplicaDocument {
  const known = before ?? { version: running.version, runs: [], lacks: [] };
  const missingTold = toldOfOther(before, role);
  return storable({ ...known, schema: 1, running: { ...before?.running, [role]: running }, missingTold });
}

/** Returns the document after a process has given back the name of its node. */
export function givenBack(before: ReplicaDocument, claim: Claim): ReplicaDocument {
  const { lease: _over, ...running } = claim.running;
  return storable({ ...before, running: { ...before.running, [claim.role]: running } });
}

/** Returns the other process that has the name for the same role, if there is one. */
export function holderOf(document: ReplicaDocument | undefined, { role, running }: Claim): ProcessIdentity | undefined {
  const lease = document?.running?.[role]?.lease;
  return lease && lease.id !== running.lease.id ? lease.holder : undefined;
}

/** Returns the next sign of life. */
export function nextBeat(
  { role, running }: Claim,
  { now, configuration }: { readonly now: Date; readonly configuration: string },
): Claim {
  const { lease } = running;
  return {
    role,
    running: {
      ...{ ...running, configuration },
      ...{ lease: { ...lease, beat: lease.beat + 1 }, at: now.toISOString() },
    },
  };
}

/** Removes the names that processes had when a backup was made. They may be alive, but have another store. */
export function restoredReplica({ running: _old, ...document }: ReplicaDocument): ReplicaDocument {
  return document;
}
