/**
 * How far this machine's clock may be off the CA's. Further off, no CA is asked: every comparison of dates would be
 * wrong. Within it every certificate must be taken, also from a CA that does not backdate; else it is bought in vain.
 */
export const longestSkewMs = 90 * 60_000;
