/** How far a clock may be wrong; beyond that, certfleet refuses to order (`acme/clock-skew`). */
const clockErrorMs = 90 * 60_000;

// One pass with a clock that is years ahead must not keep a certificate from being renewed until then. A time that such
// a pass stored is recognised because it is further in the future than a correct clock can have written.

/** Whether the time of a past event is in the future: its clock was wrong, so ignore everything stored with it. */
export const isFromTheFuture = (at: string, now: Date): boolean => Date.parse(at) > now.getTime() + clockErrorMs;

/** Whether something happened within the last `ms`. */
export const happenedWithin = (ms: number, at: string, now: Date): boolean =>
  !isFromTheFuture(at, now) && now.getTime() - Date.parse(at) < ms;

/** Whether a time is in the future, but at most `mostMs`: further ahead, a wrong clock wrote it. */
export const isToCome = (time: string, mostMs: number, now: Date): boolean => {
  const aheadMs = Date.parse(time) - now.getTime();
  return aheadMs > 0 && aheadMs <= mostMs + clockErrorMs;
};
