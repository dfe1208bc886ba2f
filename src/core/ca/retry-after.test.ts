import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { endOfHold, longestRetryAfterMs, retryAfterDate, retryAfterMs } from './retry-after.ts';

const now = new Date('2026-11-24T12:00:00Z');
const instants = fc.date({ min: new Date('1990-01-01Z'), max: new Date('2060-01-01Z'), noInvalidDate: true });

const pad = (n: number) => String(n).padStart(2, '0');
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const clock = (d: Date) => `${pad(d.getUTCHours())}:${pad(d.getUTCMinutes())}:${pad(d.getUTCSeconds())}`;
const rfc850 = (d: Date) =>
  `${days[d.getUTCDay()]}, ${pad(d.getUTCDate())}-${months[d.getUTCMonth()]}-${pad(d.getUTCFullYear() % 100)} ${clock(d)} GMT`;
const asctime = (d: Date) =>
  `${days[d.getUTCDay()]!.slice(0, 3)} ${months[d.getUTCMonth()]} ${String(d.getUTCDate()).padStart(2)} ${clock(d)} ${d.getUTCFullYear()}`;

describe('retryAfterMs', () => {
  test('seconds', () => {
    fc.assert(
      fc.property(fc.nat({ max: 8 * 86_400 }), (seconds) => {
        expect(retryAfterMs(String(seconds), now)).toBe(seconds * 1000);
      }),
    );
    expect(retryAfterMs(' 3 ', now)).toBe(3000);
    expect(retryAfterMs('1.5', now)).toBe(1500);
  });

  test('all three forms of an HTTP date mean the same instant', () => {
    fc.assert(
      fc.property(instants, fc.integer({ min: 0, max: 8 * 86_400 }), (from, seconds) => {
        const then = new Date(Math.floor(from.getTime() / 1000) * 1000 + seconds * 1000);
        const start = new Date(then.getTime() - seconds * 1000);
        for (const form of [then.toUTCString(), rfc850(then), asctime(then)])
          expect(retryAfterMs(form, start)).toBe(seconds * 1000);
      }),
    );
  });

  test('the examples of RFC 9110', () => {
    const then = new Date('1994-11-06T08:49:07Z');
    expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', then)).toBe(30_000);
    expect(retryAfterMs('Sunday, 06-Nov-94 08:49:37 GMT', then)).toBe(30_000);
    expect(retryAfterMs('Sun Nov  6 08:49:37 1994', then)).toBe(30_000);
    const lastOfTheCentury = new Date('1999-12-31T23:59:30Z');
    expect(retryAfterMs('Saturday, 01-Jan-00 00:00:00 GMT', lastOfTheCentury)).toBe(30_000);
  });

  test('a date in the past means now; limits hold', () => {
    expect(retryAfterMs('Sun, 06 Nov 1994 08:49:37 GMT', now)).toBe(0);
    expect(retryAfterMs('99999999999999999999999', now)).toBe(longestRetryAfterMs);
    expect(retryAfterMs('Fri, 31 Dec 9999 23:59:59 GMT', now)).toBe(longestRetryAfterMs);
    expect(retryAfterMs('1', now, { minMs: 60_000 })).toBe(60_000);
    expect(retryAfterMs('90000', now, { maxMs: 86_400_000 })).toBe(86_400_000);
  });

  test.each([
    undefined,
    '',
    '-5',
    'soon',
    '1e3',
    '0x10',
    'Sun, 31 Feb 2027 08:49:37 GMT',
    'Sun, 06 Nov 2027 25:00:00 GMT',
    '2026-11-24T12:00:00Z',
    'Sun, 06 Nov 2027 08:49:37 CET',
  ])('%s is none', (header) => expect(retryAfterMs(header, now)).toBeUndefined());

  test('any text gives a sane wait or none', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const waits = retryAfterMs(text, now);
        if (waits === undefined) return;
        expect(waits).toBeGreaterThanOrEqual(0);
        expect(waits).toBeLessThanOrEqual(longestRetryAfterMs);
      }),
    );
  });
});

test('retryAfterDate is that much after now', () => {
  expect(retryAfterDate('120', now)).toEqual(new Date('2026-11-24T12:02:00Z'));
  expect(retryAfterDate('x', now)).toBeUndefined();
});

describe('endOfHold', () => {
  const hour = 3_600_000;
  const held = (hours: number, left: number | undefined, isLimit = false) => {
    const retryAt = new Date(now.getTime() + hours * hour);
    const validityLeftMs = left === undefined ? undefined : left * hour;
    return (endOfHold(retryAt, { now, validityLeftMs, isLimit }).getTime() - now.getTime()) / hour;
  };

  test.each([
    ['what was named, well within the validity', 2, 79, 2],
    ['half of what is left, of a 160-hour certificate at its hour 81', 192, 79, 39.5],
    ['an hour, shortly before the end', 192, 0.5, 1],
    ['an hour, after the end', 192, -100, 1],
    ['what was named, where there is no certificate yet', 192, undefined, 192],
  ])('%s', (_what, named, left, expected) => expect(held(named, left)).toBe(expected));

  test('a rate limit holds as it was named', () => expect(held(168, 79, true)).toBe(168));
});
