/**
 * How far this machine's clock may differ from the CA's. Beyond that, certfleet does not order, because every
 * comparison of dates would be wrong. Within it, every certificate must be accepted, even from a CA that does not
 * backdate.
 */
export const longestSkewMs = 90 * 60_000;

/** An answer takes its time, and a `Date` has whole seconds: below that, a clock is right. */
const noSkewMs = 5_000;
const minuteMs = 60_000;

/**
 * Returns by how much to shift a time of the CA's clock to have it on this machine's clock, in whole minutes, so that it
 * seldom changes: never too early, and less than a minute late. 0 if the skew is not known, or no order is possible.
 */
export const shiftMsOf = (skewMs = 0): number =>
  Math.abs(skewMs) <= noSkewMs || Math.abs(skewMs) > longestSkewMs ? 0 : Math.ceil(skewMs / minuteMs) * minuteMs;

/** Reports whether a skew differs from the one that is known by more than answers differ. */
export const isOtherSkew = (skewMs: number, knownMs: number | undefined): boolean =>
  knownMs === undefined || Math.abs(skewMs - knownMs) > noSkewMs;
