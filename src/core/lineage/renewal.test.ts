import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs } from '../ca/backoff.ts';
import { present } from '../text/present.ts';
import {
  endOfRollback,
  renewalByLifetime,
  renewalByWindow,
  renewalMs,
  renewalOfImported,
  renewalWithoutAnswer,
} from './renewal.ts';
import { testLineage } from './test-lineages.ts';

const day = 86_400_000;
const facts = (days: number) => ({
  notBefore: '2026-01-01T00:00:00.000Z',
  notAfter: new Date(Date.parse('2026-01-01T00:00:00.000Z') + days * day).toISOString(),
});
/** Issued when it began. */
const versionOf = (days: number) => ({ facts: facts(days), issuedAt: at(0) });
const at = (days: number) => new Date(Date.parse('2026-01-01T00:00:00.000Z') + days * day).toISOString();
const now = new Date('2026-01-10T00:00:00Z');
const window = { start: at(59), end: at(61), explanationUrl: undefined, retryAfterMs: 3_600_000 };

describe('renewal by lifetime', () => {
  it.each([
    [90, 60],
    [45, 30],
    [10, 20 / 3],
    [160 / 24, 80 / 24],
  ])('a certificate of %f days is renewed on day %f', (lifetime, expected) => {
    expect(renewalByLifetime(versionOf(lifetime)).at).toBe(at(expected));
  });
});

describe('renewal of a certificate whose dates were chosen', () => {
  // Issued on day 30: its notBefore is long before.
  it.each([
    ['its notBefore is long before its issue', 40, 30 + 10 / 3],
    ['it has only hours', 30 + 1 / 12, 30 + 1 / 36],
    ['it has long enough', 90, 60],
  ])('is not at once: %s', (_what, end, expected) => {
    expect(renewalByLifetime({ facts: facts(end), issuedAt: at(30) }).at).toBe(at(expected));
  });
});

describe('the end of a rollback', () => {
  const hour = 1 / 24;
  it.each([
    ['when the newer one would have been renewed', 90, 40, 70, 70],
    ['when two thirds of the rest have passed', 90, 60, 120, 80],
    ['when two thirds of the rest have passed, if the newer one is due as well', 90, 60, 59, 80],
    ['when its last day begins', 90, 88, 120, 89],
    ['when the last tenth of a short lifetime begins', 6, 5, 9, 5.4],
    ['after an hour on its last day', 90, 89.5, 120, 89.5 + hour],
    ['after an hour if the newer one is due sooner', 90, 40, 40 + hour / 2, 40 + hour],
    ['after a third of the last hours', 6, 6 - 2 * hour, 9, 6 - (4 / 3) * hour],
  ])('comes %s', (_what, lifetime, rolledBack, newer, expected) => {
    const renewal = { at: at(newer), source: 'lifetime' } as const;
    expect(endOfRollback(facts(lifetime), renewal, new Date(at(rolledBack)))).toBe(at(expected));
  });
});

describe('renewal of an imported certificate', () => {
  const certbot = { renewsByLifetime: true } as const;
  it.each([
    ['90 days', 90, {}, 60],
    ['a year', 365, {}, 335],
    ['6 days', 6, {}, 3],
    ['90 days, told 20 days', 90, { renewBeforeMs: 20 * day }, 70],
    ['90 days, told 100 days', 90, { renewBeforeMs: 100 * day }, 60],
    ['90 days, of certbot', 90, certbot, 60],
    ['a year, of certbot', 366, certbot, 244],
    ['6 days, of certbot', 6, certbot, 3],
    ['90 days, told 10 days, of certbot', 90, { ...certbot, renewBeforeMs: 10 * day }, 60],
    ['90 days, told 40 days, of certbot', 90, { ...certbot, renewBeforeMs: 40 * day }, 50],
    ['90 days, told 100 days, of certbot: at once', 90, { ...certbot, renewBeforeMs: 100 * day }, -10],
  ])('of %s', (_what, days, told, expected) => {
    expect(renewalOfImported(facts(days), told)).toEqual({ at: at(expected), source: 'lifetime' });
  });
});

describe('renewal by the CA’s window', () => {
  it('draws a point of the window and keeps window and look-again time with it', () => {
    expect(renewalByWindow(versionOf(90), window, undefined, now, 0.25)).toEqual({
      at: at(59.5),
      source: 'ari',
      window: { start: at(59), end: at(61) },
      checkAfter: '2026-01-10T01:00:00.000Z',
    });
  });

  it('keeps the drawn instant while the window stays, and draws anew when it moves', () => {
    const first = renewalByWindow(versionOf(90), window, undefined, now, 0.25);
    expect(renewalByWindow(versionOf(90), window, first, now, 0.9).at).toBe(first.at);
    expect(renewalByWindow(versionOf(90), { ...window, start: at(5), end: at(6) }, first, now, 0.5).at).toBe(at(5.5));
  });

  // RFC 9773 §4.2. A CA's mistake must neither let the certificate expire nor buy one at every pass.
  it.each([
    ['starts after the end of the validity', 100, 101, 0],
    ['leads into its last tenth', 80, 89, 0.5],
    ['ends before the validity begins', -2, -1, 0.5],
    ['ends as the validity begins', -1, 0, 0.5],
    ['ends before it starts', 61, 59, 0.5],
    ['is an instant', 59, 59, 0.5],
    ['is no time at all', Number.NaN, Number.NaN, 0.5],
  ])(
    'does not believe a window that %s: the lifetime decides, and the CA is asked again',
    (_what, from, to, random) => {
      const text = (days: number) => (Number.isNaN(days) ? 'soon' : at(days));
      const wrong = { ...window, start: text(from), end: text(to) };
      expect(renewalByWindow(versionOf(90), wrong, undefined, now, random)).toEqual({
        at: at(60),
        source: 'lifetime',
        checkAfter: '2026-01-10T01:00:00.000Z',
      });
    },
  );

  it.each([
    ['ended before now, as for a revoked certificate', 5, 6],
    ['began before the validity', -1, 1],
  ])('believes a window that %s', (_what, from, to) => {
    const past = { ...window, start: at(from), end: at(to) };
    expect(renewalByWindow(versionOf(90), past, undefined, now, 0.75)).toMatchObject({
      at: at(from + (to - from) * 0.75),
      source: 'ari',
    });
  });

  it.each([
    ['an hour after the issue', 9, at(9 + 1 / 24)],
    ['at once where the issue is longer ago', 5, at(6)],
    ['at once where a clock that was ahead wrote the time of the issue', 400, at(6)],
  ])('never follows an issue within the hour: a window in the past is kept %s', (_what, issued, expected) => {
    const past = { ...window, start: at(6), end: at(7) };
    const version = { facts: facts(90), issuedAt: at(issued) };
    const renewal = renewalByWindow(version, past, undefined, now, 0);
    expect(renewal.at).toBe(expected);
    expect(renewalByWindow(version, past, renewal, now, 0.9).at).toBe(expected);
  });

  it.each([
    ['40 s after the issue of one of 120 s', 0],
    ['at the drawn instant if that is later', 0.75],
  ])('renews a certificate that lasts for less than hours before it expires: %s', (_what, random) => {
    const minute = 1 / 1440;
    const whole = { ...window, start: at(0), end: at(2 * minute) };
    const { source, at: renewAt } = renewalByWindow(versionOf(2 * minute), whole, undefined, new Date(at(0)), random);
    expect([source, renewAt]).toEqual(['ari', at(2 * minute * Math.max(1 / 3, random))]);
  });

  it('never plans a renewal past the expiry, whatever the dates, the window and what was stored', () => {
    const ms = fc.integer({ min: -400 * day, max: 400 * day });
    const lifetimes = fc.integer({ min: 1_000, max: 400 * day });
    const input = { lifetime: lifetimes, issued: ms, start: ms, end: ms, today: ms, drawn: ms, random: fc.double() };
    const text = (value: number) => at(value / day);
    fc.assert(
      fc.property(fc.record(input), fc.boolean(), ({ lifetime, issued, start, end, today, drawn, random }, same) => {
        const version = { facts: { notBefore: at(0), notAfter: text(lifetime) }, issuedAt: text(issued) };
        const answer = { ...window, start: text(start), end: text(end) };
        const before = same
          ? ({ at: text(drawn), source: 'ari', window: { start: text(start), end: text(end) } } as const)
          : undefined;
        const share = Math.abs(random % 1) || 0;
        const byWindow = renewalByWindow(version, answer, before, new Date(text(today)), share);
        const imported = renewalOfImported(version.facts, {
          renewBeforeMs: drawn,
          ...present({ renewsByLifetime: same || undefined }),
        });
        for (const renewal of [renewalByLifetime(version), byWindow, imported])
          expect(Date.parse(renewal.at)).toBeLessThanOrEqual(Date.parse(version.facts.notAfter));
      }),
    );
  });

  it('believes a window that ends late, where the instant does not lie there', () => {
    const late = { ...window, start: at(80), end: at(89) };
    expect(renewalByWindow(versionOf(90), late, undefined, now, 0)).toMatchObject({ at: at(80), source: 'ari' });
  });

  it.each([
    ['a busy CA, when it says', 10, false, 10],
    ['a busy CA, after six hours at the latest', 1_000, false, 360],
    ['a busy CA, after a minute at the soonest', 0, false, 1],
    ['a CA that limits, when it says', 1_000, true, 1_000],
  ])('asks again: %s', (_what, minutes, isLimit, expected) => {
    const named = { retryAt: new Date(now.getTime() + minutes * 60_000), isLimit };
    const { checkAfter } = renewalWithoutAnswer(versionOf(90), undefined, now, named);
    expect((Date.parse(checkAfter ?? '') - now.getTime()) / 60_000).toBe(expected);
  });

  it('falls back to what is known, asking again in six hours', () => {
    const kept = renewalWithoutAnswer(versionOf(90), undefined, now);
    expect(kept).toEqual({ at: at(60), source: 'lifetime', checkAfter: '2026-01-10T06:00:00.000Z' });
    const drawn = renewalByWindow(versionOf(90), window, undefined, now, 0);
    expect(renewalWithoutAnswer(versionOf(90), drawn, now).at).toBe(drawn.at);
  });
});

describe('back-off', () => {
  it.each([
    [1, undefined, 60_000],
    [2, undefined, 600_000],
    [3, undefined, 6_000_000],
    [4, undefined, day],
    [50, undefined, day],
    [4, 2 * day, 0.2 * day],
    [4, 600_000, 60_000],
    // Expired: no validity is left to be in time for, and the steps hold.
    [1, -day, 60_000],
    [4, 0, day],
    [4, -day, day],
    [1, 30 * day, 60_000],
  ])('after %i failures with %s ms left it is %i ms', (failures, left, expected) => {
    expect(backoffMs(failures, left, 'later')).toBe(expected);
    expect(backoffMs(failures, left, 'never')).toBe(24 * 3_600_000);
  });
});

describe('the renewal time on a clock that is ahead of the CA’s', () => {
  const minute = 1 / 1440;
  const short = { facts: facts(2 / 24), issuedAt: at(0) };
  const inWindow = (days: number) => ({ at: at(days), source: 'ari', window: { start: at(0), end: at(61) } }) as const;
  it.each([
    ['is later', versionOf(90), inWindow(60), 20, 60 + 20 * minute],
    ['is earlier if the clock is behind', versionOf(90), inWindow(60), -20, 60 - 20 * minute],
    ['is the same if the clock is right', versionOf(90), inWindow(60), 0, 60],
    ['is the same without a window', versionOf(90), { at: at(60), source: 'lifetime' } as const, 20, 60],
    ['is the same after the window', versionOf(90), inWindow(62), -20, 62],
    ['leaves the last tenth for failed tries', short, inWindow(100 * minute), 60, 108 * minute],
    ['does not come sooner after the issue than the shortest pause', short, inWindow(50 * minute), -60, 40 * minute],
    ['is not put off by that pause', short, inWindow(30 * minute), -60, 30 * minute],
  ])('%s', (_what, version, renewal, minutes, expected) => {
    const current = { ...testLineage.current, ...version, facts: { ...testLineage.current.facts, ...version.facts } };
    const ms = renewalMs({ renewal, current }, minutes * 60_000)!;
    expect(Math.abs(ms - Date.parse(at(expected)))).toBeLessThan(2);
  });
});
