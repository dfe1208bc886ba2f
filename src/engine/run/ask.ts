import { isFailure } from '../../core/errors/errors.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Issuer } from '../../ports/issuer.ts';
import { type Engine, report } from '../engine.ts';

/** What is required to send requests to a CA; an {@link import('./run.ts').OrderRun} is one. */
export interface Asker {
  readonly engine: Pick<Engine, 'clock' | 'memory' | 'pass'>;
  readonly issuer: Pick<Issuer, 'directoryUrl'>;
  readonly signal: AbortSignal;
}

/** The longest Retry-After to wait for within a run. A longer one is stored, and a later run tries again. */
const patienceMs = 60_000;
/** The pause before another try if the CA gives no time, or gives one repeatedly. It doubles up to the longest. */
const pausesMs = { first: 1_000, longest: 8_000 };
/** The pause before the second try after a lost response; before the third, it is twice as long. */
const lostAnswerPauseMs = 250;

/**
 * Sends one request to the CA, and repeats it if that is safe: after a short Retry-After, whose error proves that the
 * request had no effect, and up to `repeats` times after a lost response (`repeatAfter` says which errors mean that).
 * No other function repeats a request.
 */
export async function ask<T>(
  { engine, issuer, signal }: Asker,
  call: () => Promise<T>,
  {
    budgetMs = patienceMs,
    repeats = 0,
    repeatAfter = isLost,
    isKnown = false,
    waitsForLimit = true,
  }: {
    readonly budgetMs?: number;
    readonly repeats?: number;
    readonly repeatAfter?: (error: unknown) => boolean;
    /** The request may be answered from memory, which says nothing about the CA's speed. */
    readonly isKnown?: boolean;
    /** Set to false if the caller has other work until a rate limit ends. */
    readonly waitsForLimit?: boolean;
  } = {},
): Promise<T> {
  const { clock, memory, pass } = engine;
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
      if (isFailure(error, 'acme/rate-limited', 'acme/busy') && !namesLimit(error.problem)) pace.strained(sentMs);
      if (!waitsForLimit && isFailure(error, 'acme/rate-limited')) throw error;
      const pauseMs = repeatAfter(error)
        ? pauseAfterLost(tried.lost++, repeats)
        : pauseNamed(error, tried.refused++, clock);
      if (
        pauseMs === undefined ||
        clock.monotonicMs() + pauseMs > endMs ||
        pass.cas(issuer.directoryUrl).state() === 'down'
      )
        throw error;
      await clock.sleep(pauseMs, signal);
    }
  }
}

/** Reports whether a refusal is about what one account or name has used up, and not about how busy the CA is. */
const namesLimit = (problem: unknown): boolean =>
  (problem as { readonly limit?: unknown } | undefined)?.limit !== undefined;

const pauseAfterLost = (before: number, repeats: number): number | undefined =>
  before < repeats ? lostAnswerPauseMs * (before + 1) : undefined;

function pauseNamed(error: unknown, before: number, clock: Pick<Clock, 'now'>): number | undefined {
  if (!isFailure(error, 'acme/rate-limited', 'acme/busy') || !error.retryAt) return undefined;
  const named = error.retryAt.getTime() - clock.now().getTime();
  const pause = Math.min(pausesMs.first * 2 ** before, pausesMs.longest);
  // Obey a very short time only once (test CAs give a few ms). `Retry-After: 0` says nothing.
  return before === 0 && named > 0 ? named : Math.max(named, pause);
}

/** Reports whether there was no response, or a 5xx without Retry-After: the request may have taken effect. */
export const isLost = (error: unknown): boolean =>
  isFailure(error, 'acme/unreachable') || (isFailure(error, 'acme/busy') && !error.retryAt);

/** Records that the CA is down, if the error of a new order, or of what comes before it, shows that. */
export function noteIfDown(
  engine: Engine,
  { name, directoryUrl }: Pick<Issuer, 'name' | 'directoryUrl'>,
  error: unknown,
) {
  if (!isLost(error) && !isFailure(error, 'acme/directory-unreachable')) return;
  if (!engine.pass.cas(directoryUrl).failed()) return;
  const message = `${name} does not answer; waiting, and trying it with one certificate a minute, at most three times`;
  report(engine, { level: 'warn', event: 'log', message });
}
