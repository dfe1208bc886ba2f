import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createBell } from './bell.ts';

/** A bell, a sleep of an hour, and whether that has ended. */
function sleeping(before: (ring: () => void, stop: () => void) => void) {
  const clock = fakeClock();
  const bell = createBell();
  const stop = new AbortController();
  before(bell.ring, () => stop.abort());
  let isAwake = false;
  const sleep = bell.orAfter(3_600_000, clock, stop.signal).then(() => (isAwake = true));
  return { clock, bell, stop, sleep, isAwake: () => isAwake };
}

it.each<[string, (at: ReturnType<typeof sleeping>) => unknown]>([
  ['its time', ({ clock }) => clock.advance(3_600_000)],
  ['a ring', ({ bell }) => bell.ring()],
  ['an abort', ({ stop }) => stop.abort()],
])('a sleep ends at %s, and not before', async (_what, end) => {
  const at = sleeping(() => {});
  await at.clock.advance(3_599_999);
  expect(at.isAwake()).toBe(false);
  await end(at);
  await at.sleep;
});

it('a ring while nothing sleeps ends the next sleep, and only that', async () => {
  const at = sleeping((ring) => ring());
  await at.sleep;
  let isAwake = false;
  const next = at.bell.orAfter(1_000, at.clock, at.stop.signal).then(() => (isAwake = true));
  await at.clock.advance(999);
  expect(isAwake).toBe(false);
  await at.clock.advance(1);
  await next;
});

it('after an abort, no sleep begins', async () => {
  await sleeping((_ring, stop) => stop()).sleep;
});
