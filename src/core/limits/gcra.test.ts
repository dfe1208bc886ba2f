import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { look, type Rate, refilledUntil, refunded, spent } from './gcra.ts';

const now = Date.UTC(2026, 10, 29);
const orders: Rate = { burst: 300, intervalMs: 36_000 };

/** The arrival time after so many spends at one instant. */
const afterSpends = (count: number, rate: Rate, atMs = now): number => {
  let arrival: number | undefined;
  for (let i = 0; i < count; i++) arrival = spent(arrival, rate, atMs);
  return arrival ?? atMs;
};

describe('look', () => {
  const empty = afterSpends(300, orders);
  it.each<[what: string, arrival: number | undefined, atMs: number, left: number, next: number, full: number]>([
    ['never used', undefined, 0, 300, -299 * 36_000, 0],
    ['full again long ago', now - 1, 0, 300, -299 * 36_000, 0],
    ['one spent', afterSpends(1, orders), 0, 299, -298 * 36_000, 36_000],
    ['the last one left', afterSpends(299, orders), 0, 1, 0, 299 * 36_000],
    ['empty', empty, 0, 0, 36_000, 300 * 36_000],
    ['a millisecond too early', empty, 35_999, 0, 36_000, 300 * 36_000],
    ['at its instant', empty, 36_000, 1, 36_000, 300 * 36_000],
    ['between two tokens', empty, 71_999, 1, 36_000, 300 * 36_000],
    ['one spend in 300 more', afterSpends(600, orders), 0, 0, 36_000, 300 * 36_000],
    ['a clock that was far ahead', now + 9e9, 0, 0, 9e9 - 299 * 36_000, 9e9],
  ])('%s', (_what, arrival, atMs, left, next, full) => {
    expect(look(arrival, orders, now + atMs)).toEqual({ left, nextAtMs: now + next, fullAtMs: now + full });
  });

  it('gives whole milliseconds, none too early, for 7 an hour', () => {
    const rate = { burst: 7, intervalMs: 514_285 + 731 / 1024 };
    const empty = afterSpends(7, rate);
    expect(look(undefined, rate, now).left).toBe(7);
    expect(look(empty, rate, now)).toMatchObject({ left: 0, nextAtMs: now + 514_286 });
    expect(look(empty, rate, now + 514_285).left).toBe(0);
    expect(look(empty, rate, now + 514_286).left).toBe(1);
    expect(look(empty, rate, now + 3_600_000).left).toBe(7);
  });
});

it('drops a spend that the bucket cannot pay in full', () => {
  const almost = afterSpends(298, orders);
  expect(spent(almost, orders, now, 2)).toBe(now + 300 * 36_000);
  expect(spent(almost, orders, now, 3)).toBe(almost);
});

it('gives a token back, but no more than a full bucket has', () => {
  expect(refunded(afterSpends(2, orders), orders, now)).toBe(afterSpends(1, orders));
  expect(refunded(afterSpends(1, orders), orders, now + 1000)).toBe(now + 1000);
  expect(refunded(undefined, orders, now)).toBe(now);
});

it('takes the next token’s instant from the CA', () => {
  const rates = [orders, { burst: 1, intervalMs: 5 }, { burst: 7, intervalMs: 514_285 + 731 / 1024 }];
  for (const rate of rates) {
    const level = look(refilledUntil(rate, now + 1234), rate, now);
    expect(level).toMatchObject({ left: 0, nextAtMs: now + 1234 });
  }
});

it('allows any burst within its rate, and says the instant of the next token', () => {
  const rates = fc.record({
    burst: fc.integer({ min: 1, max: 40 }),
    intervalMs: fc.integer({ min: 1, max: 1e11 }).map((fractions) => fractions / 1024),
  });
  const waits = fc.array(fc.oneof(fc.constant(0), fc.double({ min: 0, max: 3, noNaN: true })), { maxLength: 80 });
  fc.assert(
    fc.property(rates, waits, (rate, steps) => {
      let arrival: number | undefined;
      let atMs = now;
      const taken: number[] = [];
      for (const step of steps) {
        atMs = Math.round(atMs + step * rate.intervalMs);
        const { left, nextAtMs } = look(arrival, rate, atMs);
        expect(left > 0).toBe(nextAtMs <= atMs);
        if (left === 0) {
          expect(look(arrival, rate, nextAtMs).left).toBeGreaterThan(0);
          expect(look(arrival, rate, nextAtMs - 1).left).toBe(0);
          continue;
        }
        taken.push(atMs);
        arrival = spent(arrival, rate, atMs);
        expect(look(arrival, rate, atMs).left).toBe(left - 1);
      }
      // No span of time gave more than a full bucket and what came back in it.
      for (const [i, from] of taken.entries())
        for (const [j, to] of taken.slice(i).entries())
          expect(j + 1).toBeLessThanOrEqual(rate.burst + (to - from) / rate.intervalMs);
    }),
  );
});
