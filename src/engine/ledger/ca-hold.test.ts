import { describe, expect, it } from 'vitest';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { endOfCaHold } from './ca-hold.ts';

const since = new Date('2026-11-24T12:00:00Z');
const hoursOn = (hours: number) => new Date(since.getTime() + hours * 3_600_000);
const hold = { since: since.toISOString(), until: hoursOn(100).toISOString() };
const endingIn = (hours: number) => ({ current: { facts: { notAfter: hoursOn(hours).toISOString() } } }) as Lineage;

describe('endOfCaHold', () => {
  it('holds as long as the CA said, where there is nothing to lose', () => {
    expect(endOfCaHold(hold, undefined, hoursOn(1))).toBe(hold.until);
    expect(endOfCaHold(hold, endingIn(2_000), hoursOn(99))).toBe(hold.until);
    expect(endOfCaHold(hold, undefined, hoursOn(100))).toBeUndefined();
    expect(endOfCaHold(undefined, undefined, since)).toBeUndefined();
  });

  it('takes no more than half of the validity that was left', () => {
    expect(endOfCaHold(hold, endingIn(60), hoursOn(29))).toBe(hoursOn(30).toISOString());
    expect(endOfCaHold(hold, endingIn(60), hoursOn(30))).toBeUndefined();
  });

  it('is not believed when a clock that was ahead has written it', () => {
    expect(endOfCaHold(hold, undefined, hoursOn(-24))).toBeUndefined();
  });
});
