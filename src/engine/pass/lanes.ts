import { onAbort } from '../../core/async/on-abort.ts';
import type { Engine } from '../engine.ts';
import { type Busy, isBusy } from '../leases/lease.ts';

/** One piece of work in a pass. */
export interface Errand<T extends object> {
  /** Returns how many errands of its group may run at once. */
  readonly limit: () => number;
  /** Calls `run` whenever the limit may have grown, until the returned function is called. */
  readonly onGrowth?: (run: () => void) => () => void;
  /** Errands of one group share a limit; the certificates of one CA form a group. */
  readonly group: string;
  /** The errand begins once all errands of lower phases are done. The default is 0. */
  readonly phase?: number;
  /** Within its phase and group, the errand with the lowest rank begins first. The default is -1. */
  rank?(): number;
  /** Tries once. Rejects only if the signal aborts. */
  run(signal: AbortSignal): Promise<T | Busy>;
}

/** Runs all errands, one phase after the other. Results are in the order of the errands. */
export async function inLanes<T extends object>(
  ports: Pick<Engine, 'clock'>,
  errands: readonly Errand<T>[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  const results: T[] = [];
  const phaseOf = ({ phase = 0 }: Errand<T>) => phase;
  for (const phase of [...new Set(errands.map(phaseOf))].sort((a, b) => a - b)) {
    const places = [...errands.keys()].filter((index) => phaseOf(errands[index] as Errand<T>) === phase);
    const done = await inOnePhase(
      ports,
      places.map((index) => errands[index] as Errand<T>),
      signal,
    );
    for (const [at, index] of places.entries()) results[index] = done[at] as T;
  }
  return results;
}

/**
 * Runs errands, as many at once as their groups allow. An errand that is busy (another process is working on its
 * lineage) is set aside and tried again later, so that no lane waits while the phase has other work. After an abort,
 * nothing new starts, and the promise rejects once all running errands have cleaned up.
 */
async function inOnePhase<T extends object>(
  { clock }: Pick<Engine, 'clock'>,
  errands: readonly Errand<T>[],
  signal: AbortSignal,
): Promise<readonly T[]> {
  const results: T[] = [];
  const groups = new Map<string, Group>();
  let aside: { readonly index: number; readonly dueMs: number }[] = [];
  let failure: { readonly error: unknown } | undefined;
  /** Ends the wait for something that may let an errand begin. */
  let wake = () => {};

  const grown = () => wake();
  const forgetStop = onAbort(signal, grown);

  const queue = (index: number, { group, onGrowth }: Errand<T>) => {
    const known = groups.get(group) ?? { active: 0, ready: [], forget: onGrowth?.(grown) };
    groups.set(group, known);
    known.ready.push(index);
  };
  const begin = async (group: Group, index: number, errand: Errand<T>): Promise<void> => {
    group.active += 1;
    try {
      const result = await errand.run(signal);
      if (isBusy(result)) aside.push({ index, dueMs: clock.monotonicMs() + result.pauseMs });
      else results[index] = result;
    } catch (error) {
      failure ??= { error };
    } finally {
      group.active -= 1;
      wake();
    }
  };

  const rankOf = (index: number) => errands[index]?.rank?.() ?? -1;
  for (const index of [...errands.keys()].sort((a, b) => rankOf(a) - rankOf(b)))
    queue(index, errands[index] as Errand<T>);
  for (;;) {
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const nowMs = clock.monotonicMs();
    for (const { index } of aside.filter(({ dueMs }) => dueMs <= nowMs)) queue(index, errands[index] as Errand<T>);
    aside = aside.filter(({ dueMs }) => dueMs > nowMs);
    for (const group of groups.values())
      while (!signal.aborted && group.ready.length > 0) {
        const index = group.ready[0] as number;
        const errand = errands[index] as Errand<T>;
        if (group.active >= errand.limit()) break;
        group.ready.shift();
        void begin(group, index, errand);
      }
    const all = [...groups.values()];
    const isOver = signal.aborted || (aside.length === 0 && all.every(({ ready }) => ready.length === 0));
    if (isOver && all.every(({ active }) => active === 0)) break;
    if (aside.length === 0 || signal.aborted) await woken;
    else {
      const pauseMs = Math.min(...aside.map(({ dueMs }) => dueMs - nowMs));
      const pause = new AbortController();
      void woken.then(() => pause.abort('something may begin'));
      await clock.sleep(pauseMs, pause.signal).catch(() => undefined);
    }
  }
  forgetStop();
  for (const { forget } of groups.values()) forget?.();
  signal.throwIfAborted();
  if (failure) throw failure.error;
  return results;
}

interface Group {
  active: number;
  readonly ready: number[];
  readonly forget: (() => void) | undefined;
}
