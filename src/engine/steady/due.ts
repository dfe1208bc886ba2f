import { scoreOf } from '../../core/node/rendezvous.ts';
import type { Clock } from '../../ports/clock.ts';
import type { SeenLineages } from './seen.ts';
import { createWakes } from './wakes.ts';

/** When each certificate has something to do. */
export interface Due {
  /** Works out anew when a certificate has something to do. */
  set(name: string): void;
  /** Leaves a certificate to a pass, until it is set again. */
  leave(name: string): void;
  /** Returns the first time of all. */
  firstMs(): number | undefined;
  /**
   * Takes what is due, the soonest expiry first, but not more than so many. The rest stays due.
   *
   * @param most.isFree whether this process has begun all that is its own; otherwise, it takes what others should have
   *   begun only if they leave it for long
   */
  take(most: Readonly<Record<keyof Taken, number>> & { readonly isFree: boolean }): Taken;
}

/** Questions for renewal windows, and everything else. */
interface Taken {
  readonly jobs: readonly string[];
  /** What other nodes should have begun, in an order that each node has for itself. */
  readonly others: readonly string[];
  readonly questions: readonly string[];
}

/** When to look again whether others have begun what is theirs. */
const othersMs = 5_000;

export function createDue({ clock, node }: { readonly clock: Clock; readonly node: string }, seen: SeenLineages): Due {
  const wakes = createWakes();
  const expiryOf = (name: string) => seen.notAfterMs(name) || Number.POSITIVE_INFINITY;

  function mostUrgent(names: readonly string[], most: number): readonly string[] {
    if (names.length <= most) return names;
    const sorted = names.toSorted((a, b) => expiryOf(a) - expiryOf(b) || 0);
    for (const name of sorted.slice(most)) wakes.set(name, clock.now().getTime());
    return sorted.slice(0, most);
  }

  /** Nodes that help each other must not meet, nor an owner that goes on in its own order. */
  function someOfOthers(names: readonly string[], most: number): readonly string[] {
    const scores = new Map(names.map((name) => [name, scoreOf(name, node)]));
    const sorted = names.toSorted((a, b) => scores.get(b)! - scores.get(a)!);
    for (const name of sorted.slice(most)) wakes.set(name, clock.now().getTime() + othersMs);
    return sorted.slice(0, most);
  }

  return {
    set: (name) => wakes.set(name, seen.dueOf(name)),
    leave: (name) => wakes.set(name, undefined),
    firstMs: wakes.firstMs,
    take(most) {
      const nowMs = clock.now().getTime();
      const jobs: string[] = [];
      const questions: string[] = [];
      const others: string[] = [];
      for (const name of wakes.takeDue(nowMs)) {
        // A rest, or another process that asks, may have put it off meanwhile.
        const dueMs = seen.dueOf(name);
        // What is due at once is due from now on, which moves on while this goes through many.
        if (dueMs === undefined || dueMs > clock.now().getTime()) wakes.set(name, dueMs);
        else (seen.question(name) ? questions : seen.isOthers(name) ? others : jobs).push(name);
      }
      const isFree = most.isFree && jobs.length === 0;
      const late = isFree ? others : others.filter(seen.isLate);
      if (!isFree) for (const name of others) if (!seen.isLate(name)) wakes.set(name, nowMs + othersMs);
      return {
        jobs: mostUrgent(jobs, most.jobs),
        others: someOfOthers(late, most.others),
        questions: mostUrgent(questions, most.questions),
      };
    },
  };
}
