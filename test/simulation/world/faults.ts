import type { Chance } from './chance.ts';

/** What may happen to one call of a port. */
export type What =
  /** It takes long. */
  | 'slow'
  /** It fails before it has any effect. */
  | 'fail'
  /** It takes effect, and the answer is lost. */
  | 'lose'
  /** It is not answered for a long time, and then fails. */
  | 'hang'
  /** The process stops before the call takes effect, between the check of its lease and the sending, and continues. */
  | 'freeze-before'
  /** The process stops after it, and gets the answer when it continues. */
  | 'freeze-after'
  /** The process stops before it, continues long enough to send it, and is killed. */
  | 'freeze-and-kill'
  /** The process is killed before it takes effect, and after. */
  | 'kill-before'
  | 'kill-after';

export interface Fault {
  /** It strikes the first such call from this time on, in ms since the beginning of the world. */
  readonly atMs: number;
  readonly replica: string;
  /** The beginning of a call's name: `ca.`, `store.put lineage`, `solver.present`. */
  readonly call: string;
  readonly what: What;
  /** How long it takes, or the process stops. */
  readonly forMs: number;
}

/** Reports whether a fault kills or stops the process, and nothing else. */
export const endsProcess = ({ what }: Fault): boolean => what.startsWith('kill') || what.startsWith('freeze');

const whats: Readonly<Record<What, number>> = {
  slow: 2,
  fail: 3,
  lose: 4,
  hang: 1,
  'freeze-before': 4,
  'freeze-after': 2,
  'freeze-and-kill': 5,
  'kill-before': 3,
  'kill-after': 5,
};

const calls: Readonly<Record<string, number>> = {
  'store.put lineage': 4,
  'store.put key': 1,
  'store.put version': 1,
  'store.get': 1,
  'ca.newOrder': 4,
  'ca.order': 1,
  'ca.authorization': 1,
  'ca.accept': 2,
  'ca.finalize': 5,
  'ca.download': 2,
  'ca.renewalInfo': 1,
  'solver.present': 6,
  'solver.cleanup': 2,
  'solver.prepare': 1,
  'deployer.stage': 2,
  'deployer.activate': 3,
  'deployer.retire': 1,
  ca: 1,
  solver: 1,
  deployer: 1,
  '': 1,
};

/** Few calls, which each fault waits for. */
export const callsOfAlarms: Readonly<Record<string, number>> = {
  'notify.send': 4,
  'store.put alarm': 4,
  'store.get alarm': 1,
};

/** Draws faults over a span of time. */
export function drawFaults(
  chance: Chance,
  {
    count,
    replicas,
    spanMs,
    calls: of = calls,
  }: {
    readonly count: number;
    readonly replicas: readonly string[];
    readonly spanMs: number;
    readonly calls?: typeof calls;
  },
): readonly Fault[] {
  return Array.from({ length: count }, () => {
    const call = chance.weighed(of);
    const what = chance.weighed(whats);
    // Stopped for a moment, for longer than a lease lasts, and for hours.
    const forMs = chance.one([5_000, 75_000, 150_000, 600_000, 7_200_000, 7_200_000]) * chance.between(0.8, 1.2);
    const atMs = Math.floor(chance() * spanMs);
    return { atMs, replica: chance.one(replicas), call, what, forMs: Math.floor(forMs) };
  }).sort((a, b) => a.atMs - b.atMs);
}
