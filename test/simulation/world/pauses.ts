import type { Lineage } from '../../../src/core/lineage/lineage.ts';
import type { Command } from './asks.ts';
import type { Chance } from './chance.ts';
import { dayMs, hourMs } from './scenario.ts';

/** A pass that is under way when a certificate is paused may still deliver to targets of its own node. */
const underWayMs = 3 * hourMs;

/** What is paused in a world. A person who has paused a certificate comes back, and resumes it. */
export interface Pauses {
  /** The document of a certificate may have changed. */
  look(name: string): void;
  /** Reports whether a certificate was paused at some time since then. */
  since(name: string, fromMs: number): boolean;
  /** Reports whether no process should still be delivering it without a lease. */
  isLasting(name: string): boolean;
}

export function createPauses(world: {
  readonly nowMs: () => number;
  readonly later: (ms: number, run: () => void) => void;
  readonly chance: Chance;
  /** When the world comes to rest. */
  readonly endMs: number;
  readonly lifetimeMs: number;
  readonly nodes: readonly string[];
  readonly lineageOf: (name: string) => Lineage | undefined;
  readonly request: (command: Command) => void;
}): Pauses {
  const { nowMs, lineageOf, lifetimeMs, nodes } = world;
  /** Since when a certificate is paused, and until when it was. */
  const paused = new Map<string, { readonly fromMs: number; untilMs: number }>();

  function comeBack(name: string): void {
    const own = world.chance.fork(`${name} ${nowMs()}`);
    const longestMs = own.one([10 * hourMs, dayMs, 0.4 * lifetimeMs]);
    const afterMs = Math.max(hourMs, Math.min(own.between(0, longestMs), world.endMs - nowMs()));
    const resume = () => {
      if (!lineageOf(name)?.paused) return;
      world.request({
        asked: { ask: 'resume', certificate: name },
        node: own.one(nodes),
        tries: 3,
        patienceMs: undefined,
      });
      // The process may have been struck in all its tries.
      world.later(3 * hourMs, resume);
    };
    world.later(Math.floor(afterMs), resume);
  }

  return {
    look(name) {
      const isPaused = lineageOf(name)?.paused !== undefined;
      const known = paused.get(name);
      if (isPaused === (known?.untilMs === Number.POSITIVE_INFINITY)) return;
      if (known && !isPaused) {
        known.untilMs = nowMs();
        return;
      }
      paused.set(name, { fromMs: nowMs(), untilMs: Number.POSITIVE_INFINITY });
      comeBack(name);
    },
    since: (name, fromMs) => (paused.get(name)?.untilMs ?? Number.NEGATIVE_INFINITY) >= fromMs,
    isLasting(name) {
      const { fromMs = nowMs(), untilMs = 0 } = paused.get(name) ?? {};
      return untilMs === Number.POSITIVE_INFINITY && nowMs() - fromMs > underWayMs;
    },
  };
}
