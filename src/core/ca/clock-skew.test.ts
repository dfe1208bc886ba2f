import { expect, it } from 'vitest';
import { isOtherSkew, shiftMsOf } from './clock-skew.ts';

it.each([
  ['not known', undefined, 0],
  ['what an answer takes', 4_000, 0],
  ['some seconds ahead', 6_000, 60_000],
  ['some seconds behind', -6_000, 0],
  ['20 minutes ahead', 1_200_000, 1_200_000],
  ['20 minutes behind, less a second', -1_199_000, -1_140_000],
  ['so far that nothing is ordered', 91 * 60_000, 0],
])('shifts the times of a CA by whole minutes, never to too early: %s', (_what, skewMs, expected) => {
  expect(shiftMsOf(skewMs) + 0).toBe(expected);
});

it('takes a skew for another one only if it differs by more than answers do', () => {
  expect([isOtherSkew(0, undefined), isOtherSkew(4_000, 0), isOtherSkew(-6_000, 0)]).toEqual([true, false, true]);
});
