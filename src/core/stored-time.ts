/** How far a clock may be off that certfleet works with at all (`acme/clock-skew` beyond). */
const clockErrorMs = 90 * 60_000;

// Times in the store are of the clock of the pass that wrote them. One pass with a clock that was ahead by years must
// not put a certificate to sleep until then: what it wrote is told by lying further ahead than it ever can.

/** Whether something that was stored as past really lies ahead: nothing that was stored with it counts. */
export const isFromTheFuture = (at: string, now: Date): boolean => Date.parse(at) > now.getTime() + clockErrorMs;

/** Whether it happened within the last `ms`. */
export const happenedWithin = (ms: number, at: string, now: Date): boolean =>
  !isFromTheFuture(at, now) && now.getTime() - Date.parse(at) < ms;

/** Whether a time that is never set more than `mostMs` ahead is still to come. */
export const isToCome = (time: string, mostMs: number, now: Date): boolean => {
  const aheadMs = Date.parse(time) - now.getTime();
  return aheadMs > 0 && aheadMs <= mostMs + clockErrorMs;
};
