import { expect, it } from 'vitest';
import { nextLookMs, pauseAfterBad, usualLookTimes } from './look-times.ts';

it.each([
  [0, 1_000, 0, 1_000],
  [0, 1_000, 0.25, 250],
  [249, 1_000, 0.25, 250],
  [250, 1_000, 0.25, 1_250],
  [5_900, 1_000, 0.95, 5_950],
  [5_990, 1_000, 0.95, 6_950],
  [1_000, 7, 0.999_999, 1_001],
])('at %i, the next look every %i ms at the share %f is at %i', (nowMs, everyMs, share, atMs) => {
  expect(nextLookMs(nowMs, everyMs, share)).toBe(atMs);
});

it('looks again within minutes after a bad look, and at last once an hour', () => {
  const pauses = [1, 2, 3, 6, 7, 8, 5_000].map((looks) => pauseAfterBad(usualLookTimes, looks) / 60_000);
  expect(pauses).toEqual([1, 2, 4, 32, 60, 60, 60]);
});
