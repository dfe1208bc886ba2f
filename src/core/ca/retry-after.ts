const dayMs = 86_400_000;

/**
 * The longest Retry-After to obey. The longest limit of a public CA lasts 7 days (Let's Encrypt), and a wrong or
 * hostile number must not prevent a renewal.
 */
export const longestRetryAfterMs = 8 * dayMs;

export interface RetryAfterLimits {
  readonly minMs?: number;
  /** Defaults to {@link longestRetryAfterMs}. */
  readonly maxMs?: number;
}

/**
 * Returns how long a Retry-After header (RFC 9110 §10.2.3), in seconds or as an HTTP date, asks us to wait, in ms from
 * `now`, clamped. A date in the past counts as `minMs`. Returns undefined if the header is missing or cannot be read.
 */
export function retryAfterMs(
  header: string | undefined,
  now: Date,
  { minMs = 0, maxMs = longestRetryAfterMs }: RetryAfterLimits = {},
): number | undefined {
  const text = header?.trim() ?? '';
  // A fraction is not allowed, but some proxies send one; it is rounded up.
  const waits = /^\d+(\.\d+)?$/.test(text) ? Math.ceil(Number(text) * 1000) : dateMs(text, now) - now.getTime();
  return Number.isNaN(waits) ? undefined : Math.min(Math.max(waits, minMs), maxMs);
}

/** Returns the instant that a Retry-After header names, or undefined if the header is missing or cannot be read. */
export function retryAfterDate(header: string | undefined, now: Date): Date | undefined {
  const waits = retryAfterMs(header, now);
  return waits === undefined ? undefined : new Date(now.getTime() + waits);
}

/**
 * A busy CA's Retry-After is obeyed for up to this long even if the certificate expires sooner: asking every minute
 * would not help.
 */
const shortestCapMs = 3_600_000;

/**
 * Returns until when a Retry-After holds a certificate. A rate limit is obeyed in full, because the CA refuses until
 * then. Any other Retry-After (a busy CA, a load balancer in front of it) is obeyed for at most half of the remaining
 * validity, so that no certificate expires because of it.
 *
 * @param validityLeftMs of the current certificate, negative once it has expired; undefined if there is none
 */
export function endOfHold(
  retryAt: Date,
  facts: { readonly now: Date; readonly validityLeftMs: number | undefined; readonly isLimit: boolean },
): Date {
  const { now, validityLeftMs, isLimit } = facts;
  if (isLimit || validityLeftMs === undefined) return retryAt;
  const cap = now.getTime() + Math.max(validityLeftMs / 2, shortestCapMs);
  return new Date(Math.min(retryAt.getTime(), cap));
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const time = String.raw`(\d{2}):(\d{2}):(\d{2})`;
// RFC 9110 §5.6.7: IMF-fixdate, and the obsolete forms of RFC 850 and asctime that a recipient MUST accept.
const imfFixdate = new RegExp(String.raw`^[a-z]{3}, (\d{2}) ([a-z]{3}) (\d{4}) ${time} GMT$`, 'i');
const rfc850 = new RegExp(String.raw`^[a-z]{6,9}, (\d{2})-([a-z]{3})-(\d{2}) ${time} GMT$`, 'i');
const asctime = new RegExp(String.raw`^[a-z]{3} ([a-z]{3}) ([ \d]\d) ${time} (\d{4})$`, 'i');

/** Parses an HTTP date (RFC 9110 §5.6.7, all three forms) into milliseconds since 1970, or NaN. */
export function dateMs(text: string, now: Date): number {
  const fixed = imfFixdate.exec(text);
  if (fixed) return utc(fixed[3]!, fixed[2]!, fixed[1]!, fixed.slice(4));
  const old = rfc850.exec(text);
  if (old) {
    // A two-digit year means the latest such year that is at most 50 years ahead (RFC 9110 §5.6.7).
    const latest = now.getUTCFullYear() + 50;
    const year = latest - ((latest - Number(old[3])) % 100);
    return utc(String(year), old[2]!, old[1]!, old.slice(4));
  }
  const c = asctime.exec(text);
  if (c) return utc(c[6]!, c[1]!, c[2]!, c.slice(3, 6));
  return Number.NaN;
}

function utc(year: string, monthName: string, day: string, clock: readonly (string | undefined)[]): number {
  const month = months.indexOf(monthName.toLowerCase());
  const [hours, minutes, seconds] = clock.map(Number) as [number, number, number];
  // 60 is a leap second, which Date reads as the first second of the next minute.
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 60) return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month, Number(day));
  date.setUTCHours(hours, minutes, seconds);
  // Date turns 31 February into a day in March; reject it.
  const [d, sameMonth] = [Number(day), seconds === 60 ? month : date.getUTCMonth()];
  return d >= 1 && d <= 31 && sameMonth === month ? date.getTime() : Number.NaN;
}
