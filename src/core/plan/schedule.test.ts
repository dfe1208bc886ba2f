import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Lineage } from '../lineage/lineage.ts';
import { renewalByLifetime, renewalByWindow } from '../lineage/renewal.ts';
import { testLineage, testSpec, withSolver } from '../lineage/test-lineages.ts';
import type { AdapterTraits } from '../spec/spec.ts';
import { planLineage } from './plan.ts';
import { atOnceMs, holds, lifetimeMsOf, longestIntervalMs, tooSlow, whyEarly } from './schedule.ts';
import { describeLineage } from './status.ts';

const [hour, day] = [3_600_000, 86_400_000];
const start = Date.parse('2026-03-01T00:00:00Z');
const at = (days: number) => new Date(start + days * day).toISOString();
const rules = { obeyBackoff: true, force: false };

/** A certificate issued on day 0 by a CA that backdates it by an hour, as Let's Encrypt does. */
function issuedFor(days: number, renewal: Partial<Lineage['renewal']> = {}, onDay = 0): Lineage {
  const facts = {
    ...testLineage.current.facts,
    notBefore: at(onDay - 1 / 24),
    notAfter: new Date(start + (onDay + days - 1 / 24) * day - 1_000).toISOString(),
  };
  return {
    ...testLineage,
    current: { ...testLineage.current, facts, issuedAt: at(onDay) },
    renewal: { ...renewalByLifetime({ facts, issuedAt: facts.notBefore }), ...renewal },
  };
}

describe('within the CA’s window', () => {
  const minutes = (count: number) => new Date(start + 3 * day + count * 60_000);
  /** A window and a time in it, in minutes from now. */
  const renewal = (from: number, drawn: number, to: number) => ({
    at: minutes(drawn).toISOString(),
    source: 'ari' as const,
    window: { start: minutes(from).toISOString(), end: minutes(to).toISOString() },
    checkAfter: at(4),
  });
  const plan = (lineage: Lineage, nextRunMs?: number) =>
    planLineage(testSpec, lineage, minutes(0), { ...rules, nextRunMs }).action;
  it.each([
    ['a window that will be over by then', renewal(-120, 20, 60), 'renew'],
    ['one that ends a few minutes later, since timers are late', renewal(-120, 20, 64), 'renew'],
    ['a short one that begins and ends before it', renewal(20, 25, 30), 'renew'],
    ['one that the next run is in', renewal(-120, 20, 72), 'none'],
    ['a time that was put off to an hour after the issue', renewal(-120, 50, 40), 'none'],
    ['no window', { ...renewal(-120, 20, 60), window: undefined }, 'none'],
  ])('without --next-run, the next run is an hour away: %s', (_what, now, expected) => {
    expect(plan(issuedFor(160 / 24, now as Partial<Lineage['renewal']>))).toBe(expected);
  });

  it.each([
    ['waits for its instant', renewal(-120, 20, 60), 'none'],
    ['renews at its instant', renewal(-120, 0, 60), 'renew'],
    ['leaves an order its time before the end', renewal(-120, 10, 14), 'renew'],
    ['waits until a short window has begun', renewal(1, 5, 20), 'none'],
    ['renews in the first half of a short window', renewal(-5, 4, 5), 'renew'],
    ['waits for an instant after the window, an hour after the issue', renewal(-120, 50, -10), 'none'],
  ])('a process that keeps running %s', (_what, now, expected) => {
    expect(plan(issuedFor(160 / 24, now), atOnceMs)).toBe(expected);
  });

  it('but a certificate that is younger than an hour waits', () => {
    expect(plan(issuedFor(160 / 24, renewal(-120, 20, 60), 3 - 0.5 / 24))).toBe('none');
  });
});

describe('an interval holds a lifetime if twice the interval is below it', () => {
  it.each([
    [31, 90, true],
    [31, 64, true],
    [31, 62, false],
    [31, 45, false],
    [7, 45, true],
    [1, 45, true],
    [1, 160 / 24, true],
    [0.5, 160 / 24, true],
    [3, 160 / 24, true],
    [7, 160 / 24, false],
  ])('%d days, lifetime %d days: %s', (interval, lifetime, expected) => {
    expect(holds(interval * day, lifetime * day)).toBe(expected);
  });

  it.each([
    [90, 44 * day],
    [64, 31 * day],
    [45, 22 * day],
    [160 / 24, 3 * day],
    [2, 23 * hour],
    [0.5, 5 * hour],
    [1 / 24, 29 * 60_000],
    [0, 60_000],
  ])('a lifetime of %d days needs an interval of %d ms', (lifetime, expected) => {
    expect(longestIntervalMs(lifetime * day)).toBe(expected);
    if (lifetime > 0) expect(holds(expected, lifetime * day)).toBe(true);
  });

  it('names the certificate, its lifetime and an interval that would do', () => {
    expect(tooSlow('abc', 31 * day, lifetimeMsOf(issuedFor(64).current!.facts))).toBeUndefined();
    const slow = tooSlow('abc', 31 * day, lifetimeMsOf(issuedFor(45).current!.facts));
    expect(slow?.longestMs).toBe(22 * day);
    expect(slow?.error).toMatchObject({
      code: 'schedule/too-slow',
      exitCode: 8,
      message:
        'a run every 31 days cannot keep abc valid: its lifetime of 45 days is not more than twice that interval',
      hint: 'Run `renew` at least every 22 days (with `--next-run 22d`), or better once an hour without --next-run.',
    });
    expect(tooSlow('abc', 12 * hour, 20 * hour)?.error.hint).toContain('every 9 hours (with `--next-run 9h`)');
  });
});

it.each<[AdapterTraits, boolean]>([
  [{ rule: 'removed' }, true],
  [{ rule: 'kept' }, false],
  [{}, false],
])('a killed run with a solver of %j must be swept soon: %s', (traits, expected) => {
  const described = describeLineage('abc', {
    wanted: { spec: withSolver(testSpec, { type: 'any' }, 'any', traits), origin: 'configuration' },
    ...{ lineage: testLineage, corrupt: undefined, now: new Date(start), isWorking: false },
  });
  expect(described.needsSweep).toBe(expected ? true : undefined);
});

describe('before the next run', () => {
  const window = { start: at(59), end: at(61) };
  it.each<[string, { days: number; onDay: number; nextRun: number; renewal?: Partial<Lineage['renewal']> }, boolean]>([
    ['90 days, monthly: not on the day of the issue', { days: 90, onDay: 0.1, nextRun: 31 }, false],
    ['90 days, monthly: on day 28 not yet', { days: 90, onDay: 27.9, nextRun: 31 }, false],
    ['90 days, monthly: due on day 60, before day 62', { days: 90, onDay: 31, nextRun: 31 }, true],
    ['90 days, weekly: on day 49 not yet', { days: 90, onDay: 49, nextRun: 7 }, false],
    ['90 days, weekly: due before day 63', { days: 90, onDay: 56, nextRun: 7 }, true],
    ['64 days, monthly: expires before the run after the next one', { days: 64, onDay: 3, nextRun: 31 }, true],
    ['64 days, monthly: on the day of the issue it does not', { days: 64, onDay: 0.5, nextRun: 31 }, false],
    ['45 days, monthly: on the day of the issue a new one would not help', { days: 45, onDay: 0, nextRun: 31 }, false],
    ['45 days, monthly: the next month it does', { days: 45, onDay: 31, nextRun: 31 }, true],
    ['6 days, daily: on day 2 not yet', { days: 160 / 24, onDay: 2, nextRun: 1 }, false],
    ['6 days, daily: due on day 3.3, before day 4', { days: 160 / 24, onDay: 3, nextRun: 1 }, true],
    ['6 days, twice a day: on day 2.5 not yet', { days: 160 / 24, onDay: 2.5, nextRun: 0.5 }, false],
    ['6 days, twice a day: due before day 3.5', { days: 160 / 24, onDay: 3, nextRun: 0.5 }, true],
    ['a window that ends late', { days: 90, onDay: 20, nextRun: 31, renewal: { at: at(80), window } }, false],
    [
      'it would expire before the run after the next one, whatever the window says',
      { days: 90, onDay: 29, nextRun: 31, renewal: { at: at(80), source: 'ari', window } },
      true,
    ],
  ])('%s', (_what, { days, onDay, nextRun, renewal }, expected) => {
    const lineage = issuedFor(days, renewal);
    const now = new Date(start + onDay * day);
    const plan = planLineage(testSpec, lineage, now, { ...rules, nextRunMs: nextRun * day });
    expect(plan.action === 'renew').toBe(expected);
    // Without the flag nothing is early.
    const isDue = Date.parse(lineage.renewal!.at) <= now.getTime();
    expect(planLineage(testSpec, lineage, now, rules).action === 'renew').toBe(isDue);
    expect(plan.early !== undefined).toBe(expected && !isDue);
  });

  it('says where that is outside the CA’s window, and only there', () => {
    const early = (onDay: number, nextRun: number, renewal: Partial<Lineage['renewal']>) =>
      whyEarly(issuedFor(90, renewal), new Date(start + onDay * day), nextRun * day);
    const drawn = { at: at(60), source: 'ari', window } as const;
    expect(early(31, 31, drawn)).toEqual({
      reason: `it is due at ${at(60)}, before the next run (in 31 days); that is outside the CA’s window (${at(59)} to ${at(61)}), so the CA’s rate limits count it`,
      outside: window,
    });
    expect(early(59.5, 1, drawn)).toEqual({ reason: `it is due at ${at(60)}, before the next run (in 24 hours)` });
    expect(early(31, 31, { source: 'lifetime' })?.outside).toBeUndefined();
    expect(early(29, 31, { ...drawn, at: at(61.5) })?.reason).toMatch(
      /^it expires at 2026-05-29T22:59:59.000Z, before the run after the next one \(in 62 days\); that is outside/,
    );
  });

  it('waits with an early renewal while the CA or the back-off says so', () => {
    const failure = { count: 1, at: at(31), code: 'acme/busy', message: 'busy', hint: '', retryAt: at(32) };
    const failed: Lineage = { ...issuedFor(90), failure };
    const planned = (onDay: number, more = {}) =>
      planLineage(testSpec, failed, new Date(start + onDay * day), { ...rules, nextRunMs: 31 * day, ...more });
    expect(planned(31)).toMatchObject({ action: 'none', wait: { why: 'back-off' } });
    expect(planned(32)).toMatchObject({ action: 'renew', early: {} });
    expect(planned(31, { obeyBackoff: false })).toMatchObject({ action: 'renew' });
  });

  it('believes no time of issue that a wrong clock wrote', () => {
    const lineage = issuedFor(90);
    const ahead = { ...lineage, current: { ...lineage.current!, issuedAt: at(400) } };
    expect(whyEarly(ahead, new Date(start + 31 * day), 31 * day)).toBeDefined();
  });

  it('has nothing to renew where there is no certificate', () => {
    const { current: _none, ...missing } = testLineage;
    expect(whyEarly(missing, new Date(start), 31 * day)).toBeUndefined();
  });
});

describe('a year of runs', () => {
  /** Any CA: with a window somewhere, or without one; windows may move at each look. */
  const years = fc.record({
    days: fc.constantFrom(90, 64, 45, 160 / 24),
    intervalHours: fc.integer({ min: 6, max: 40 * 24 }),
    /** Each run comes up to 2 % late or early, and a window lies between these shares of the lifetime. */
    runs: fc.array(
      fc.record({
        drift: fc.double({ min: -0.02, max: 0, noNaN: true }),
        from: fc.double({ min: 0.3, max: 0.8, noNaN: true }),
        length: fc.double({ min: 0.01, max: 0.1, noNaN: true }),
        hasWindow: fc.boolean(),
        random: fc.double({ min: 0, max: 0.999, noNaN: true }),
      }),
      { minLength: 50, maxLength: 50 },
    ),
  });

  type Year = typeof years extends fc.Arbitrary<infer T> ? T : never;

  interface Told {
    readonly renewals: number;
    readonly idle: number;
    readonly expired: number;
  }

  /** Plays runs at the interval with `--next-run`; the run of number `failing` fails. */
  function play({ days, intervalHours, runs }: Year, failing?: number): Told {
    const nextRunMs = intervalHours * hour;
    let lineage = issuedFor(days);
    let [renewals, idle, expired] = [0, 0, 0];
    let now = start;
    for (let run = 0; now < start + 366 * day; run += 1) {
      const { drift, from, length, hasWindow, random } = runs[run % runs.length]!;
      now += nextRunMs * (1 + drift);
      const day0 = (now - start) / day;
      if (Date.parse(lineage.current!.facts.notAfter) <= now) expired += 1;
      if (run === failing) continue;
      const plan = planLineage(testSpec, lineage, new Date(now), { ...rules, nextRunMs });
      if (plan.action !== 'renew') {
        idle += 1;
        const ageMs = now - Date.parse(lineage.current!.issuedAt!);
        // It does nothing only if it can wait: for the next run, and for the one after it.
        const canWait = ageMs < nextRunMs / 4 || Date.parse(lineage.renewal!.at) > now + nextRunMs;
        if (!canWait) expect.fail(`the run at ${new Date(now).toISOString()} does nothing for ${ageMs} ms`);
        continue;
      }
      const isDue = Date.parse(lineage.renewal!.at) <= now;
      expect(plan.early === undefined).toBe(isDue);
      renewals += 1;
      lineage = issuedFor(days, {}, day0);
      if (!hasWindow) continue;
      const [begin, whole] = [Date.parse(lineage.current!.facts.notBefore), lifetimeMsOf(lineage.current!.facts)];
      const window = {
        start: new Date(begin + whole * from).toISOString(),
        end: new Date(begin + whole * (from + length)).toISOString(),
      };
      const answer = { ...window, explanationUrl: undefined, retryAfterMs: day };
      lineage = { ...lineage, renewal: renewalByWindow(lineage.current!, answer, undefined, new Date(now), random) };
    }
    return { renewals, idle, expired };
  }

  it('never lets a certificate expire if the interval holds its lifetime, even if one run fails', () => {
    fc.assert(
      fc.property(years, fc.nat(12), (year, failing) => {
        const { days, intervalHours } = year;
        // A certificate is backdated by an hour.
        fc.pre(holds(intervalHours * hour, days * day - hour));
        expect(play(year).expired).toBe(0);
        expect(play(year, failing).expired).toBe(0);
      }),
      { numRuns: process.env['CERTFLEET_LONG'] ? 1_500 : 25 },
    );
  });

  it.each([
    // interval, lifetime, renewals in a year
    [31, 90, 12],
    [31, 64, 12],
    [7, 90, 6],
    [7, 64, 8],
    [7, 45, 13],
    [1, 90, 6],
    [1, 64, 8],
    [1, 45, 12],
    [1, 160 / 24, 122],
    [0.5, 160 / 24, 122],
  ])('every %d days, a lifetime of %d days is renewed %d times', (interval, days, expected) => {
    const runs = [{ drift: 0, from: 0.65, length: 0.02, hasWindow: false, random: 0.5 }];
    const { renewals, idle, expired } = play({ days, intervalHours: interval * 24, runs });
    expect({ renewals, expired, hasIdle: idle > 0 }).toEqual({
      renewals: expected,
      expired: 0,
      hasIdle: interval < 31,
    });
  });
});
