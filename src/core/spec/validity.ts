import { fail } from '../errors/errors.ts';
import { present } from '../text/present.ts';
import { durationMs, durationPattern, longestDays } from '../text/span.ts';
import type { Wishes } from './spec.ts';

type Validity = NonNullable<Wishes['validity']>;

const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/i;

/**
 * Parses a duration from `now` (`90d`, `-1h`) or a time in RFC 3339 into milliseconds since 1970. Returns undefined for
 * any other text.
 */
function instantOf(text: string, now: number): number | undefined {
  const [, sign, length = ''] = /^([+-]?)(.*)$/.exec(text) ?? [];
  if (durationPattern.test(length)) return now + durationMs(length) * (sign === '-' ? -1 : 1);
  const at = time.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? undefined : at;
}

/** Returns why a text is not a date of {@link Wishes.validity}, or undefined if it is one. */
export function dateProblem(text: string): string | undefined {
  const at = instantOf(text, 0);
  if (at === undefined) return 'expected a duration from now, such as 30d or -1h, or a time like 2027-01-31T00:00:00Z';
  const isTooLong = isRelative(text) && Math.abs(at) > longestDays * 86_400_000;
  return isTooLong ? `a duration is at most ${longestDays}d (100 years)` : undefined;
}

const isRelative = (text: string): boolean => !time.test(text);

/** Returns the dates that are durations from now, which are right or wrong at any time. */
export const relativeOf = ({ notBefore, notAfter }: Validity): Validity => {
  const relative = (text: string | undefined) => (text !== undefined && isRelative(text) ? text : undefined);
  return present({ notBefore: relative(notBefore), notAfter: relative(notAfter) });
};

/** Leaves time for a renewal: the CA's window counts only an hour after the certificate was issued. */
const shortestMs = 2 * 3_600_000;

/**
 * Returns the dates to order now, in RFC 3339. Fails with `config/validity` if the certificate would not be valid yet,
 * because it is delivered at once, or could not be renewed in time.
 */
export function datesToOrder({ notBefore, notAfter }: Validity, now: Date): Validity {
  const at = now.getTime();
  const [from, end] = [notBefore, notAfter].map((text) => (text === undefined ? undefined : instantOf(text, at)));
  const refuse = (given: string, reason: string) => fail('config/validity', { given, reason });
  if (from !== undefined && from > at)
    throw refuse(`notBefore ${notBefore}`, 'the certificate is delivered at once, and would not be valid yet');
  if (end !== undefined && end < at + shortestMs)
    throw refuse(`notAfter ${notAfter}`, end <= at ? 'that time has passed' : 'it must be at least two hours ahead');
  return present({
    notBefore: from === undefined ? undefined : inSeconds(from),
    notAfter: end === undefined ? undefined : inSeconds(end),
  });
}

/** Formats a time in whole seconds, as in certificates. */
const inSeconds = (ms: number): string => new Date(Math.floor(ms / 1000) * 1000).toISOString().replace('.000Z', 'Z');
