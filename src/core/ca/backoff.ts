import type { Retry } from '../errors/error-entry.ts';

const minute = 60_000;
const day = 1440 * minute;

/** Let's Encrypt's integration guide: 1 min, 10 min, 100 min, then once a day. */
const steps = [minute, 10 * minute, 100 * minute, day] as const;

/**
 * How long `renew` leaves a failing certificate alone, in ms: at least a minute, and at most a tenth of the remaining
 * validity, or a six-day certificate would expire after a few tries. Once it has expired, that cap ends, so that an
 * abandoned domain is tried once a day and not at every pass. An error with retry `never` is tried once a day, too.
 *
 * @param failures how many tries in a row have failed, at least 1
 * @param validityLeftMs of the current certificate; undefined if there is none
 */
export function backoffMs(failures: number, validityLeftMs: number | undefined, retry: Retry): number {
  if (retry === 'never') return day;
  const step = steps[Math.min(failures, steps.length) - 1] ?? minute;
  const cap = validityLeftMs === undefined || validityLeftMs <= 0 ? step : validityLeftMs / 10;
  return Math.max(minute, Math.min(step, cap));
}
