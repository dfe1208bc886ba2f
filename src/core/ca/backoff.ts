import type { Retry } from '../errors/error-entry.ts';

const minute = 60_000;
const day = 1440 * minute;

/** Let's Encrypt's integration guide: 1 min, 10 min, 100 min, then once a day. */
const steps = [minute, 10 * minute, 100 * minute, day] as const;

/**
 * Returns how long `renew` waits after a failure, in ms: at least a minute, and at most a tenth of the remaining
 * validity, because a six-day certificate would otherwise expire after a few tries. The cap no longer applies once the
 * certificate has expired, so an abandoned domain is tried once a day and not at every pass. An error with retry
 * `never` is also tried once a day.
 *
 * @param failures the number of consecutive failures, at least 1
 * @param validityLeftMs of the current certificate; undefined if there is none
 */
export function backoffMs(failures: number, validityLeftMs: number | undefined, retry: Retry): number {
  if (retry === 'never') return day;
  const step = steps[Math.min(failures, steps.length) - 1] ?? minute;
  const cap = validityLeftMs === undefined || validityLeftMs <= 0 ? step : validityLeftMs / 10;
  return Math.max(minute, Math.min(step, cap));
}

/**
 * Returns how long `renew` waits before it fetches an issued certificate again: as long as it has tried already, at least
 * a minute and at most an hour. The certificate has used up its share of the CA's limits, and can be fetched only while
 * its order lasts, which is 7 hours for some profiles of Let's Encrypt.
 */
export const fetchPauseMs = (triedForMs: number): number => Math.min(Math.max(triedForMs, minute), 60 * minute);
