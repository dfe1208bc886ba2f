import { isFailure } from '../core/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Issuer } from '../ports/issuer.ts';
import type { Engine } from './engine.ts';

/** Who asks which CA; a run of an order is one. */
export interface Asker {
  readonly engine: Pick<Engine, 'clock' | 'memory'>;
  readonly issuer: Pick<Issuer, 'directoryUrl'>;
  readonly signal: AbortSignal;
}

/** The longest Retry-After that is waited for inside a run; a longer one is kept in the lineage for a later run. */
const patienceMs = 60_000;
/** Between two tries where the CA names no time, or names one again and again: doubled from the first to the longest. */
const pausesMs = { first: 1_000, longest: 8_000 };
/** Before the second try after an answer was lost, and twice that before the third. */
const lostAnswerPauseMs = 250;

/**
 * Sends the CA one request, and sends it again where that is safe and short: after the pause that the CA named, and,
 * `repeats` times, after an answer that was lost (`repeatAfter` says which errors mean that). The call must be harmless to repeat that often, or its error must
 * prove that it had no effect (a limit, a busy server with Retry-After). The only place that repeats a request.
 */
export async function ask<T>(
  { engine, issuer, signal }: Asker,
  call: () => Promise<T>,
  {
    budgetMs = patienceMs,
    repeats = 0,
    repeatAfter = isLost,
    isKnown = false,
  }: {
    readonly budgetMs?: number;
    readonly repeats?: number;
    readonly repeatAfter?: (error: unknown) => boolean;
    /** It may be answered from memory, which tells nothing of the CA's speed. */
    readonly isKnown?: boolean;
  } = {},
): Promise<T> {
  const { clock, memory } = engine;
  const pace = memory.paces(issuer.directoryUrl);
  const endMs = clock.monotonicMs() + budgetMs;
  const tried = { lost: 0, refused: 0 };
  for (;;) {
    const sentMs = clock.monotonicMs();
    try {
      const answer = await call();
      if (!isKnown) pace.answered(sentMs);
      return answer;
    } catch (error) {
      if (isFailure(error, 'acme/rate-limited', 'acme/busy')) pace.strained(sentMs);
      const pauseMs = repeatAfter(error)
        ? pauseAfterLost(tried.lost++, repeats)
        : pauseNamed(error, tried.refused++, clock);
      if (pauseMs === undefined || clock.monotonicMs() + pauseMs > endMs || pace.state() === 'down') throw error;
      await clock.sleep(pauseMs, signal);
    }
  }
}

const pauseAfterLost = (before: number, repeats: number): number | undefined =>
  before < repeats ? lostAnswerPauseMs * (before + 1) : undefined;

function pauseNamed(error: unknown, before: number, clock: Pick<Clock, 'now'>): number | undefined {
  if (!isFailure(error, 'acme/rate-limited', 'acme/busy') || !error.retryAt) return undefined;
  const named = error.retryAt.getTime() - clock.now().getTime();
  const pause = Math.min(pausesMs.first * 2 ** before, pausesMs.longest);
  // A short time is believed once (test CAs name some ms); `Retry-After: 0` says nothing.
  return before === 0 && named > 0 ? named : Math.max(named, pause);
}

/** No answer, or a 5xx that names no time: the request may have had its effect. */
export const isLost = (error: unknown): boolean =>
  isFailure(error, 'acme/unreachable') || (isFailure(error, 'acme/busy') && !error.retryAt);
