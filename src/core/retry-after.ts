const dayMs = 86_400_000;

/**
 * The longest wait taken from a Retry-After: the longest limit of a public CA lasts 7 days (Let's Encrypt), and a
 * mistyped or hostile number must not put a certificate to sleep beyond its life.
 */
export const longestRetryAfterMs = 8 * dayMs;

export interface RetryAfterLimits {
  readonly minMs?: number;
  /** {@link longestRetryAfterMs} unless given. */
  readonly maxMs?: number;
}

/**
 * How long a Retry-After header (RFC 9110 §10.2.3) asks to wait, in ms from `now`: seconds or an HTTP date, clamped;
 * a date in the past is `minMs` (0). undefined where there is no header, or none that can be read.
 */
export function retryAfterMs(
  header: string | undefined,
  now: Date,
  { minMs = 0, maxMs = longestRetryAfterMs }: RetryAfterLimits = {},
): number | undefined {
  const text = header?.trim() ?? '';
  // A fraction is against the grammar, but some proxies send one; it is rounded up.
  const waits = /^\d+(\.\d+)?$/.test(text) ? Math.ceil(Number(text) * 1000) : dateMs(text, now) - now.getTime();
  return Number.isNaN(waits) ? undefined : Math.min(Math.max(waits, minMs), maxMs);
}

/** The instant of a Retry-After header, or undefined where there is none that can be read. */
export function retryAfterDate(header: string | undefined, now: Date): Date | undefined {
  const waits = retryAfterMs(header, now);
  return waits === undefined ? undefined : new Date(now.getTime() + waits);
}

/** What a busy CA may ask for whatever is left: it is down now, and asking it every minute helps nobody. */
const shortestCapMs = 3_600_000;

/**
 * Until when a certificate is held by an answer's Retry-After. A rate limit holds as it was named: the CA refuses
 * until then. Any other answer (a CA that is busy, a balancer before it with a number of its own) holds for half the
 * validity that is left at most, so that one answer is never the reason for an expiry; the next one halves the rest.
 *
 * @param validityLeftMs of the current certificate, negative once it has expired; undefined when there is none
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

/** An HTTP date (RFC 9110 §5.6.7, all three forms) as milliseconds since 1970, or NaN. */
export function dateMs(text: string, now: Date): number {
  const fixed = imfFixdate.exec(text);
  if (fixed) return utc(fixed[3]!, fixed[2]!, fixed[1]!, fixed.slice(4));
  const old = rfc850.exec(text);
  if (old) {
    // Two digits: the year with them that is at most 50 years ahead.
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
  // 60 is a leap second, which Date counts as the next minute's first.
  if (month < 0 || hours > 23 || minutes > 59 || seconds > 60) return Number.NaN;
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month, Number(day));
  date.setUTCHours(hours, minutes, seconds);
  // 31 February rolls over into March; that is no date.
  const [d, sameMonth] = [Number(day), seconds === 60 ? month : date.getUTCMonth()];
  return d >= 1 && d <= 31 && sameMonth === month ? date.getTime() : Number.NaN;
}
