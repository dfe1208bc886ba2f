import { createTurns } from '../../core/async/turns.ts';
import type { Clock } from '../../ports/clock.ts';

/** Begins a call at most once each `everyMs`, and has at most `atOnce` of them open. */
export function createPace(clock: Clock, { everyMs, atOnce }: { readonly everyMs: number; readonly atOnce: number }) {
  const turns = createTurns(atOnce);
  let nextMs = 0;
  return <T>(call: () => Promise<T>, signal: AbortSignal): Promise<T> =>
    turns.run(async () => {
      const nowMs = clock.monotonicMs();
      const beginMs = Math.max(nowMs, nextMs);
      nextMs = beginMs + everyMs;
      if (beginMs > nowMs) await clock.sleep(beginMs - nowMs, signal);
      return call();
    }, signal);
}
