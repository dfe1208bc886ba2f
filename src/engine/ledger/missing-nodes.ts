import { absenceOf, type IsLive, isToForget, isTold, toldMissing, wordsOf } from '../../core/node/missing-nodes.ts';
import type { Replica } from '../../core/node/replica.ts';
import { type Engine, report } from '../engine.ts';
import { changeReplica, forgetReplica } from './replica.ts';

/**
 * Raises an alarm about each node that is missing, and forgets a node that has been unseen for a week, a day after the
 * alarm at the earliest. The document says whether it was raised, so there is one, whichever process is first. Its files in the
 * store's folder stay, because a program may still use them; `certfleet node forget` removes them.
 */
export async function lookAfterMissing(
  engine: Pick<Engine, 'store' | 'clock' | 'reporter'>,
  replicas: readonly Replica[],
  isLive: IsLive,
  signal: AbortSignal,
): Promise<void> {
  const now = engine.clock.now();
  for (const replica of replicas) {
    const { node } = replica;
    const absence = absenceOf(replica, now, isLive);
    if (!absence) continue;
    const isTime = (document: Replica['document'] | undefined) =>
      document !== undefined && isToForget(document, now) && absenceOf({ node, document }, now, isLive) !== undefined;
    if (!isTold(replica.document, absence.what)) {
      // It may have given a sign of life, or another process may have told, since the document was read.
      const told = await changeReplica(
        engine,
        node,
        (document) => {
          const still = document && absenceOf({ node, document }, now, isLive);
          return still && toldMissing(document, still, now);
        },
        signal,
      );
      const { message, hint } = wordsOf(replica, absence);
      const data = { node, since: absence.since, what: absence.what };
      if (told) report(engine, { level: 'alarm', event: 'node.missing', message: `${message}. ${hint}`, data });
    } else if (isTime(replica.document) && (await forgetReplica(engine, node, signal, isTime))) {
      const message = `the node ${node} is forgotten: it was last seen at ${absence.lastSeen}`;
      report(engine, { level: 'warn', event: 'node.forgotten', message, data: { node, lastSeen: absence.lastSeen } });
    }
  }
}
