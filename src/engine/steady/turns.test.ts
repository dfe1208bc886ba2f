import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createTurns } from './turns.ts';

/** When it is the turn of a process for a certificate, in ms from now on. */
function createTurn(before: number) {
  const clock = fakeClock();
  const facts = { before };
  const turns = createTurns(clock, () => facts.before);
  const inMs = (dueInMs: number) => {
    const nowMs = clock.now().getTime();
    return turns.of('abc', nowMs + dueInMs) - nowMs;
  };
  return { clock, facts, turns, inMs };
}

it.each([
  [0, 0],
  [1, 15_000],
  [2, 30_000],
  [4, 60_000],
  [99, 60_000],
])('lets %i nodes begin before this one: 15 s each, a minute in all', async (before, ms) => {
  const { clock, inMs } = createTurn(before);
  expect(inMs(5_000)).toBe(5_000);
  expect(inMs(0)).toBe(ms);
  await clock.advance(ms);
  // A document that is read again is due from then on.
  expect(inMs(0)).toBe(0);
});

it('counts anew once it was not due, and not at all once it is its own', async () => {
  const { clock, facts, turns, inMs } = createTurn(1);
  expect(inMs(0)).toBe(15_000);
  await clock.advance(10_000);
  expect([inMs(0), turns.isOthers('abc')]).toEqual([5_000, true]);
  expect(inMs(1_000)).toBe(1_000);
  expect(inMs(0)).toBe(15_000);
  facts.before = 0;
  expect([inMs(0), turns.isOthers('abc')]).toEqual([0, false]);
});

it('calls late what its node has left for a minute', async () => {
  const { clock, turns, inMs } = createTurn(1);
  expect(turns.isLate('abc')).toBe(false);
  inMs(0);
  await clock.advance(59_999);
  expect([inMs(0), turns.isLate('abc')]).toEqual([0, false]);
  await clock.advance(1);
  expect(turns.isLate('abc')).toBe(true);
  turns.forget('abc');
  expect(turns.isLate('abc')).toBe(false);
});
