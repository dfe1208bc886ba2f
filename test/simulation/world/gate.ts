import { onAbort } from '../../../src/core/async/on-abort.ts';
import type { Chance } from './chance.ts';
import type { Fault } from './faults.ts';
import type { Process } from './process.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** One call of a port. */
export interface Call<T> {
  /** `store.put lineage`, `ca.newOrder`. */
  readonly name: string;
  /** For the trace. */
  readonly about: string;
  readonly signal?: AbortSignal;
  /** How long it takes, there and back. */
  readonly ms: readonly [least: number, most: number];
  /** What it does outside. */
  readonly effect: () => T | Promise<T>;
  /** Why it may fail without an effect. */
  readonly failure: () => Error;
  /** What is reported if its answer is lost; undefined if that cannot happen. */
  readonly lost?: () => Error;
  /** Once it has taken effect, its answer comes even after an abort. */
  readonly isAtomic?: true;
}

/** Every call of a port passes the gate of its process, where it takes time, and where faults strike. */
export type Gate = <T>(call: Call<T>) => Promise<T>;

/** Returns the fault that strikes a call now. Each strikes once. */
export type TakeFault = (replica: string, call: string) => Fault | undefined;

/** A port's own time limit ends a call that hangs. A lease lasts for less. */
const longestMs = 90_000;

export function createGate(
  world: { readonly timeline: Timeline; readonly takeFault: TakeFault; readonly trace: Trace },
  process: Process,
  chance: Chance,
  killed: () => void,
): Gate {
  const { timeline, takeFault, trace } = world;
  const kill = () => {
    process.kill();
    killed();
  };
  return <T>(call: Call<T>) =>
    new Promise<T>((resolve, reject) => {
      if (process.isDead) return;
      const { signal, isAtomic } = call;
      if (signal?.aborted) return reject(signal.reason);
      const fault = takeFault(process.replica, call.name);
      const { what, forMs = 0 } = fault ?? {};
      trace(process, call.name, call.about, what);
      let isOver = false;
      let isDone = false;
      const end = (settle: () => void) => {
        if (isOver) return;
        isOver = true;
        forgetAbort();
        settle();
      };
      const abort = () => {
        if (isDone && isAtomic) return;
        end(() => reject(signal?.reason));
      };
      const forgetAbort = signal ? onAbort(signal, abort) : () => {};
      const ms = chance.between(...call.ms);
      const lateMs = Math.min(forMs, longestMs);
      if (what === 'kill-before') return kill();
      if (what === 'fail') return void process.later(ms, () => end(() => reject(call.failure())));
      if (what === 'hang' && call.lost) return void process.later(lateMs, () => end(() => reject(call.failure())));
      const isFrozen = what === 'freeze-before' || what === 'freeze-and-kill';
      if (isFrozen) process.freeze(forMs);
      // Most answers need no time of their own: few things that others do meanwhile matter.
      const backMs = fault || chance() < 0.25 ? ms / 2 : 0;
      // What was about to be sent goes out before the process notices how late it is.
      const sentMs = isFrozen ? forMs : ms - backMs + (what === 'slow' || what === 'hang' ? lateMs : 0);
      timeline.later(sentMs, async () => {
        // A connection ends with its process, and with an abort.
        if (isOver || process.isDead) return;
        isDone = true;
        const answer = await settled(call.effect);
        if (what === 'kill-after' || what === 'freeze-and-kill') return kill();
        if (what === 'freeze-after') process.freeze(forMs);
        const { lost } = call;
        const settle =
          what === 'lose' && lost
            ? () => reject(lost())
            : 'error' in answer
              ? () => reject(answer.error)
              : () => resolve(answer.value);
        if (backMs === 0 && !process.isFrozen && !process.isDead) end(settle);
        else process.later(backMs, () => end(settle));
      });
    });
}

async function settled<T>(effect: () => T | Promise<T>): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await effect() };
  } catch (error) {
    return { error };
  }
}

/** @param spanMs for how long faults strike */
export function createFaults(faults: readonly Fault[], sinceMs: () => number, spanMs: number): TakeFault {
  const left = new Set(faults);
  return (replica, call) => {
    const nowMs = sinceMs();
    if (nowMs > spanMs) return undefined;
    for (const fault of left) {
      if (fault.atMs > nowMs || fault.replica !== replica || !call.startsWith(fault.call)) continue;
      left.delete(fault);
      return fault;
    }
    return undefined;
  };
}
