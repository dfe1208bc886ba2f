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
  /** Takes what is due, the soonest expiry first, but not more than so many. The others stay due. */
  take(most: Readonly<Record<keyof Taken, number>>): Taken;
}

/** Questions for renewal windows, and everything else. */
interface Taken {
  readonly jobs: readonly string[];
  readonly questions: readonly string[];
}

export function createDue(clock: Clock, seen: SeenLineages): Due {
  const wakes = createWakes();
  const expiryOf = (name: string) => seen.notAfterMs(name) || Number.POSITIVE_INFINITY;

  function mostUrgent(names: readonly string[], most: number): readonly string[] {
    if (names.length <= most) return names;
    const sorted = names.toSorted((a, b) => expiryOf(a) - expiryOf(b) || 0);
    for (const name of sorted.slice(most)) wakes.set(name, clock.now().getTime());
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
      for (const name of wakes.takeDue(nowMs)) {
        // A rest, or another process that asks, may have put it off meanwhile.
        const dueMs = seen.dueOf(name);
        if (dueMs === undefined || dueMs > nowMs) wakes.set(name, dueMs);
        else (seen.question(name) ? questions : jobs).push(name);
      }
      return { jobs: mostUrgent(jobs, most.jobs), questions: mostUrgent(questions, most.questions) };
    },
  };
}
