import type { ProcessIdentity } from '../lineage/process-identity.ts';
import type { Session } from '../lineage/session.ts';
import { type ReplicaDocument, storable, toldOfOther } from './replica.ts';
import type { Role, Running } from './running.ts';

/** A process that has the name of a node, or is about to take it. */
export interface Claim {
  readonly role: Role;
  readonly running: Running & { readonly lease: Session };
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

/** Returns the session with this ID, if a process of the node has it. */
export const sessionIn = ({ running = {} }: ReplicaDocument, id: string): Session | undefined =>
  Object.values(running).find(({ lease }) => lease?.id === id)?.lease;

/**
 * Returns the document without a session that is silent: what rests on it is free. The name is, too, but a process that
 * was only stopped takes it back unless another one has it by then.
 */
export function fenced(document: ReplicaDocument, id: string): ReplicaDocument {
  const without = ({ lease, ...running }: Running): Running =>
    lease?.id === id ? { ...running, fenced: true } : { ...running, lease };
  const running = Object.entries(document.running ?? {}).map(([role, one]) => [role, without(one)] as const);
  return storable({ ...document, running: Object.fromEntries(running) });
}

/** Removes the names that processes had when a backup was made. They may be alive, but have another store. */
export function restoredReplica({ running: _old, ...document }: ReplicaDocument): ReplicaDocument {
  return document;
}
