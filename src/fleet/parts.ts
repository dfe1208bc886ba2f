import { untilAny } from '../core/async/on-abort.ts';
import { healthOf } from '../daemon/health.ts';
import type { Vitals } from '../engine/steady/vitals.ts';
import type { RunningFleet } from './run.ts';

/** Returns what the parts need that tell others how the process is. */
export function edgesOf<Fleet extends Pick<RunningFleet, 'composed'>>(
  fleet: Fleet,
  vitals: Vitals,
  stopping: AbortSignal,
) {
  const { clock, node, reporter } = fleet.composed.process;
  const health = () => healthOf(vitals, clock.monotonicMs(), stopping.aborted);
  return { ...fleet, vitals, health, node, reporter, stopping };
}

/** Runs the loop and the parts beside it. The end of the loop ends the parts; a part that fails ends the loop. */
export async function withParts(
  parts: readonly ((over: AbortSignal) => Promise<void>)[],
  loop: (until: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const over = new AbortController();
  const failed = new AbortController();
  const running = parts.map((part) => part(over.signal));
  for (const part of running) part.catch((error: unknown) => failed.abort(error));
  try {
    await untilAny([signal, failed.signal], loop);
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
  await Promise.all(running);
}
