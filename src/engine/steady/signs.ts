import { type Running, silenceMs } from '../../core/node/running.ts';
import type { EngineProcess } from '../engine.ts';

/** What this process has seen of others that keep running. */
export interface Signs {
  /** Takes note of what the store says of a process, and returns what that means. */
  see(name: string, running: Running | undefined): Seen;
}

/**
 * - `gone`: it ended in order, is provably dead, or gave no sign of life for long enough.
 * - `silent`: it is on this machine and exists, but gives no sign of life: it is stopped, or cannot write.
 * - `lives`: it is on this machine, or gave a sign of life since the first look.
 * - `unsure`: it is elsewhere, and has given none yet.
 */
export type Seen = 'gone' | 'silent' | 'lives' | 'unsure';

/** Times are of this process's own monotonic clock, because the clocks of two machines may differ. */
export function createSigns({ clock, processes }: Pick<EngineProcess, 'clock' | 'processes'>): Signs {
  const seen = new Map<string, { readonly sign: string; readonly sinceMs: number; readonly hasMoved: boolean }>();
  return {
    see(name, running) {
      const { lease } = running ?? {};
      if (!running || !lease) {
        seen.delete(name);
        return 'gone';
      }
      const nowMs = clock.monotonicMs();
      const sign = `${lease.id} ${lease.beat}`;
      const before = seen.get(name);
      if (before?.sign !== sign) seen.set(name, { sign, sinceMs: nowMs, hasMoved: before !== undefined });
      const state = processes.look(lease.holder);
      if (state === 'dead') return 'gone';
      const { sinceMs, hasMoved } = seen.get(name)!;
      if (nowMs - sinceMs > silenceMs(running)) return state === 'alive' ? 'silent' : 'gone';
      return state === 'alive' || hasMoved ? 'lives' : 'unsure';
    },
  };
}
