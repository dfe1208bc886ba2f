import type { Vitals } from '../engine/steady/vitals.ts';

/** What a health check finds. */
export interface Health {
  readonly isTurning: boolean;
  /** The loop turns, and the store can be read. A supervisor may start a process anew that is not alive. */
  readonly isAlive: boolean;
  /** It takes care of the certificates: it is alive, has read them all, can write, and is not stopping. */
  readonly isReady: boolean;
  /** What is wrong, as sentences that strangers may read. */
  readonly problems: readonly string[];
}

/** How late a turn may begin on a busy machine. */
const patienceMs = 60_000;

export function healthOf(vitals: Vitals, monotonicMs: number, isStopping: boolean): Health {
  const isTurning = monotonicMs <= vitals.turnByMs + patienceMs;
  const isReadable = vitals.cannotRead === undefined;
  const isAlive = isTurning && isReadable;
  const problems = [
    ...(isTurning ? [] : ['the loop does not turn']),
    ...(isReadable ? [] : ['the store cannot be read']),
    ...(vitals.cannotReadOne === undefined ? [] : ['a document of the store cannot be read']),
    ...(vitals.cannotWrite === undefined ? [] : ['the store cannot be written']),
    ...(vitals.readyAt === undefined ? ['the certificates have not been read yet'] : []),
    ...(isStopping ? ['it is stopping'] : []),
  ];
  return { isTurning, isAlive, isReady: isAlive && problems.length === 0, problems };
}
