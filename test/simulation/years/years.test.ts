import { describe, expect, it } from 'vitest';
import { limitsOf } from '../../../src/core/limits/rate-limits.ts';
import { planAhead } from '../../../src/core/plan/ahead.ts';
import { daysOf } from './days.ts';
import { liveYears, registeredDomain, shops, startMs } from './years.ts';

const dayMs = 86_400_000;

// `npm run simulate -- --years` does the same with 10,000 certificates.
describe('400 certificates over two years, 40 of them below ten domains', () => {
  const specs = shops(400);
  const years = liveYears(specs, { days: 730 });
  const days = daysOf(years);
  const most = (numbers: readonly number[]) => Math.max(...numbers);

  it('are never refused, and none expires', () => expect(years.violations).toEqual([]));

  it('are all issued as soon as the limit of the account allows it', () => {
    expect(years.issuedAtMs.size).toBe(specs.length);
    expect(years.hours.slice(0, 4).map(({ firsts }) => firsts)).toEqual([301, 99, 0, 0]);
  });

  it('take tokens only for their first certificates', () => {
    expect(years.hours.slice(0, 3).map(({ left }) => left)).toEqual([0, 0, 100]);
    expect(days.slice(1).every(({ left }) => left === 300)).toBe(true);
  });

  it('are renewed on more and more days', () => {
    const firstDay = days[0]!.firsts;
    const quarters = [60, 160, 330, 700].map((day) => most(days.slice(day - 20, day + 20).map((one) => one.renewals)));
    expect(quarters[0]).toBeLessThan(0.7 * firstDay);
    expect(quarters[2]).toBeLessThan(0.5 * firstDay);
  });

  it('are issued when the plan says so, up to the next hourly run', () => {
    const known = { limits: limitsOf(specs[0]!.issuer.settings.directory), arrivals: new Map(), skewMs: 0 };
    const ahead = planAhead(
      specs.map((wanted) => ({ name: wanted.name, wanted, lineage: undefined, account: 'https://ca.test/a/1' })),
      {
        now: new Date(startMs),
        untilMs: startMs + 30 * dayMs,
        limitsAt: () => known,
        registeredDomain,
        declared: specs,
      },
    );
    for (const { certificate, steps } of ahead.certificates) {
      const lateMs = years.issuedAtMs.get(certificate)! - Date.parse(steps[0]!.at!);
      expect(lateMs, certificate).toBeGreaterThanOrEqual(-60_000);
      expect(lateMs, certificate).toBeLessThanOrEqual(3_600_000);
    }
  });
});
