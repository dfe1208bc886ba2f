import { emptyReplica, type ReplicaDocument } from '../../core/node/replica.ts';
import { type Role, roles } from '../../core/node/running.ts';
import type { EngineProcess } from '../engine.ts';
import { changeReplica, forgetReplica, readReplicaIfWhole } from '../ledger/replica.ts';

type Ports = Pick<EngineProcess, 'store' | 'clock' | 'limits' | 'sessions'>;

/**
 * Forgets a node. A process that may be alive under its name has leases that rest on its document, so this waits for its
 * next sign of life, for at most `leaseTtl`. One that gives it stays known, without what the node did before. Resolves
 * with whether there was something to forget.
 */
export async function forgetNode(engine: Ports, node: string, signal: AbortSignal): Promise<boolean> {
  if (!(await isSilent(engine, node, signal))) {
    const bare = (before: ReplicaDocument | undefined) =>
      before && { ...emptyReplica, version: before.version, running: before.running };
    return (await changeReplica(engine, node, bare, signal)) !== undefined;
  }
  return forgetReplica(engine, node, signal, (document) => sessionsIn(document).length === 0);
}

/**
 * Waits until no process that may be alive has the name, for the roles that are meant, and fences those that are silent.
 * Resolves with false if one gives a sign of life.
 */
export async function isSilent(
  { store, clock, limits, sessions }: Ports,
  node: string,
  signal: AbortSignal,
  isMeant: (role: Role) => boolean = () => true,
): Promise<boolean> {
  for (let before: string | undefined; ; ) {
    const document = await readReplicaIfWhole({ store }, node, signal);
    const signs: string[] = [];
    for (const { id, holder } of sessionsIn(document, isMeant)) {
      const waiting = await sessions.others.whyHeld({ id, holder, session: { id, node } }, undefined, signal);
      if (waiting) signs.push(`${id} ${waiting.sign}`);
    }
    if (signs.length === 0) return true;
    if (before !== undefined && before !== signs.join()) return false;
    before = signs.join();
    await clock.sleep(limits.leaseTtlMs / 12, signal);
  }
}

const sessionsIn = (document: ReplicaDocument | undefined, isMeant: (role: Role) => boolean = () => true) =>
  roles.filter(isMeant).flatMap((role) => document?.running?.[role]?.lease ?? []);
