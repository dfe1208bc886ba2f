/**
 * How far this machine's clock may differ from the CA's. Beyond that, certfleet does not order, because every
 * comparison of dates would be wrong. Within it, every certificate must be accepted, even from a CA that does not
 * backdate.
 */
export const longestSkewMs = 90 * 60_000;
