import { expect, it } from 'vitest';
import type { KnownCertificate } from '../engine/steady/vitals.ts';
import { expiriesOf, isOverdue } from './expiries.ts';

const now = new Date('2026-03-01T00:00:00Z');
const at = (days: number) => now.getTime() + days * 86_400_000;

/** A certificate of 90 days that has some left. */
const one = (leftDays: number, more: Partial<KnownCertificate> = {}): KnownCertificate => ({
  ...{ name: 'a', isUndeclared: false, notAfterMs: at(leftDays), isFailing: false, isPaused: false, isPending: false },
  ...{ renewMs: at(leftDays - 30), overdueMs: at(leftDays - 20) },
  ...more,
});

it.each<[string, KnownCertificate, boolean]>([
  ['due, with time left', one(21), false],
  ['due for long', one(20), true],
  ['undeclared', one(-1, { isUndeclared: true }), false],
  ['missing, or revoked for good', one(0, { overdueMs: Number.NaN }), false],
])('knows whether a certificate is overdue: %s', (_what, certificate, expected) => {
  expect(isOverdue(certificate, now.getTime())).toBe(expected);
});

it('counts certificates by state, and names those that expire first', () => {
  const many = Array.from({ length: 500 }, (_, index) => one(((index * 7_919) % 500) + 40, { name: `n${index}` }));
  const { byState, soonest, overdue } = expiriesOf(
    [
      ...many.slice(0, 250),
      one(5, { name: 'first' }),
      one(-3, { name: 'test', isUndeclared: true }),
      one(8, { name: 'failing', isFailing: true }),
      one(0, { name: 'new', notAfterMs: Number.NaN, overdueMs: Number.NaN }),
      one(60, { name: 'pending', isPending: true }),
      one(70, { name: 'paused', isPaused: true, isFailing: true }),
      one(20, { name: 'due' }),
      ...many.slice(250),
      one(-1, { name: 'expired' }),
    ],
    now,
    10,
  );
  expect(Object.fromEntries(byState)).toEqual({
    ...{ valid: 500, due: 2, pending: 1, failing: 1, paused: 1, expired: 1, missing: 1, undeclared: 1 },
  });
  expect(soonest.map(({ name }) => name).slice(0, 4)).toEqual(['expired', 'first', 'failing', 'due']);
  const order = soonest.map(({ notAfterMs }) => notAfterMs);
  expect([order.length, order]).toEqual([10, order.toSorted((a, b) => a - b)]);
  expect(soonest.at(-1)?.notAfterMs).toBe(at(45));
  expect(overdue).toBe(4);
});
