import { shiftMsOf } from '../../core/ca/clock-skew.ts';
import type { NamedIssuer } from '../../core/spec/spec.ts';
import type { EngineProcess } from '../engine.ts';
import { aheadMsOf, isJump } from './wall-clock.ts';

/** Follows this machine's clock, and those of the CAs. */
export interface Clocks {
  /** Looks again at everything once the wall clock has jumped: what a wrong clock has put off may be due at once. */
  follow(): Promise<void>;
  /** Finds out how far this clock is from those of the CAs, and works out anew when to renew in their windows. */
  followCas(cas: ReadonlyMap<string, NamedIssuer>): Promise<void>;
}

export function createClocks(
  { clock, memory }: Pick<EngineProcess, 'clock' | 'memory'>,
  loop: {
    /** Begins to ask a CA for its time. */
    ask(issuer: NamedIssuer): void;
    /** Looks again at everything. */
    lookAgain(): Promise<void>;
  },
): Clocks {
  /** The CAs that were asked for their time, and how far this clock is ahead of theirs, by directory URL. */
  const asked = new Set<string>();
  const shifts = new Map<string, number>();
  /** How far the wall clock was ahead of the monotonic one. */
  let aheadBeforeMs = aheadMsOf(clock);
  return {
    async follow() {
      const aheadMs = aheadMsOf(clock);
      if (isJump(aheadBeforeMs, aheadMs)) {
        memory.skews.clear();
        asked.clear();
        await loop.lookAgain();
      }
      aheadBeforeMs = aheadMs;
    },
    async followCas(cas) {
      let isNews = false;
      for (const [directory, issuer] of cas) {
        const skewMs = memory.skews.get(directory);
        if (skewMs === undefined && !asked.has(directory)) {
          asked.add(directory);
          loop.ask(issuer);
        }
        isNews ||= shiftMsOf(skewMs) !== (shifts.get(directory) ?? 0);
        shifts.set(directory, shiftMsOf(skewMs));
      }
      if (isNews) await loop.lookAgain();
    },
  };
}
