/** How far a clock may be off. Beyond that, certfleet refuses to order (`acme/clock-skew`). */
const clockErrorMs = 90 * 60_000;

// One pass with a clock that is years ahead must not prevent renewals until then. A time stored by such a pass is
// recognised because it is further in the future than a correct clock can have written.

/**
 * Reports whether the time of a past event is in the future: the clock was wrong, so ignore everything stored with it.
 */
export const isFromTheFuture = (at: string, now: Date): boolean => Date.parse(at) > now.getTime() + clockErrorMs;

/** Reports whether something happened within the last `ms`. */
export const happenedWithin = (ms: number, at: string, now: Date): boolean =>
  !isFromTheFuture(at, now) && now.getTime() - Date.parse(at) < ms;

/**
 * Reports whether a time is in the future, but at most by `mostMs`. A time further ahead was written with a wrong
 * clock.
 */
export const isToCome = (time: string, mostMs: number, now: Date): boolean =>
  isToComeMs(Date.parse(time), mostMs, now.getTime());

/** The same, of times in ms since 1970. */
export function isToComeMs(timeMs: number, mostMs: number, nowMs: number): boolean {
  const aheadMs = timeMs - nowMs;
  return aheadMs > 0 && aheadMs <= mostMs + clockErrorMs;
}
