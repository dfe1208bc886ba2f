import { describe, expect, it } from 'vitest';
import { happenedWithin, isFromTheFuture, isToCome } from './stored-time.ts';

const now = new Date('2026-06-01T12:00:00Z');
const minute = 60_000;
const hour = 60 * minute;
const ahead = (ms: number) => new Date(now.getTime() + ms).toISOString();

describe('a stored time', () => {
  it('of the past may lie ahead by as much as clocks may differ', () => {
    expect(isFromTheFuture(ahead(-hour), now)).toBe(false);
    expect(isFromTheFuture(ahead(90 * minute), now)).toBe(false);
    expect(isFromTheFuture(ahead(91 * minute), now)).toBe(true);
  });

  it('happened within the last hour, or did not, or was written by a clock that was ahead', () => {
    expect(happenedWithin(hour, ahead(-59 * minute), now)).toBe(true);
    expect(happenedWithin(hour, ahead(10 * minute), now)).toBe(true);
    expect(happenedWithin(hour, ahead(-hour), now)).toBe(false);
    expect(happenedWithin(hour, ahead(24 * hour), now)).toBe(false);
  });

  it('to come is believed no further ahead than it can have been set', () => {
    expect(isToCome(ahead(-1), 24 * hour, now)).toBe(false);
    expect(isToCome(ahead(0), 24 * hour, now)).toBe(false);
    expect(isToCome(ahead(1), 24 * hour, now)).toBe(true);
    expect(isToCome(ahead(25 * hour), 24 * hour, now)).toBe(true);
    expect(isToCome(ahead(26 * hour), 24 * hour, now)).toBe(false);
  });

  it('that cannot be read holds nothing up', () => {
    expect([isFromTheFuture('', now), happenedWithin(hour, '', now), isToCome('', hour, now)]).toEqual([
      false,
      false,
      false,
    ]);
  });
});
