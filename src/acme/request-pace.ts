import { createTurns, type Turns } from '../core/async/turns.ts';
import { look, spent } from '../core/limits/gcra.ts';
import { type RequestRate, requestRatesOf } from '../core/limits/request-rates.ts';
import type { Clock } from '../ports/clock.ts';

/**
 * Resolves when a request to this URL may be sent, so that one process never exceeds the request rates of its CA.
 * Requests leave in the order in which they came. Returns undefined if the CA has no known rate.
 */
export type RequestPace = (url: string, signal: AbortSignal) => Promise<void> | undefined;

interface Line {
  readonly turns: Turns;
  arrivalMs: number | undefined;
}

/** Creates the pace of a process: all issuers share it, because a CA counts by address. */
export function createRequestPace(clock: Pick<Clock, 'monotonicMs' | 'sleep'>): RequestPace {
  const lines = new Map<RequestRate, Line>();
  // Whole, so that the arithmetic is exact.
  const wholeMs = () => Math.floor(clock.monotonicMs());

  const lineOf = (rate: RequestRate): Line => {
    const line = lines.get(rate) ?? { turns: createTurns(1), arrivalMs: undefined };
    lines.set(rate, line);
    return line;
  };

  // The head of a line stays there until it has passed the lines of the wider rates, too.
  const pass = async ([rate, ...wider]: readonly RequestRate[], signal: AbortSignal): Promise<void> => {
    if (!rate) return;
    const line = lineOf(rate);
    await line.turns.run(async () => {
      for (;;) {
        const nowMs = wholeMs();
        const { nextAtMs } = look(line.arrivalMs, rate, nowMs);
        if (nextAtMs <= nowMs) break;
        await clock.sleep(nextAtMs - nowMs, signal);
      }
      await pass(wider, signal);
      line.arrivalMs = spent(line.arrivalMs, rate, wholeMs());
    }, signal);
  };

  return (url, signal) => {
    const rates = requestRatesOf(url);
    return rates.length === 0 ? undefined : pass(rates, signal);
  };
}
