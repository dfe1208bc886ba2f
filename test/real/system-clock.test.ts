import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { systemRandom } from '../../src/lib/random.ts';

// The timers are vitest's, so that nothing here takes time. Not among the unit tests, which share a process: what another
// file left running would count the forty days in its own small steps.
beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] }));
afterEach(() => void vi.useRealTimers());

const dayMs = 86_400_000;

describe('sleep', () => {
  test('lasts longer than a timer can count', async () => {
    let awake = false;
    const sleeping = systemClock.sleep(40 * dayMs, new AbortController().signal).then(() => (awake = true));
    await vi.advanceTimersByTimeAsync(39 * dayMs);
    expect(awake).toBe(false);
    await vi.advanceTimersByTimeAsync(dayMs);
    await sleeping;
    expect(awake).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('rejects with the reason of an abort, at once, and leaves no timer', async () => {
    const controller = new AbortController();
    const sleeping = systemClock.sleep(1000, controller.signal);
    controller.abort(new Error('stop'));
    await expect(sleeping).rejects.toThrow('stop');
    await expect(systemClock.sleep(1000, controller.signal)).rejects.toThrow('stop');
    expect(vi.getTimerCount()).toBe(0);
  });

  test('of nothing, or less, ends', async () => {
    const sleeping = Promise.all([0, -5].map((ms) => systemClock.sleep(ms, new AbortController().signal)));
    await vi.advanceTimersByTimeAsync(1);
    await sleeping;
  });
});

describe('deadline', () => {
  test('aborts by time', async () => {
    const deadline = systemClock.deadline(30 * dayMs);
    await vi.advanceTimersByTimeAsync(30 * dayMs - 1000);
    expect(deadline.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1000);
    expect([deadline.signal.aborted, deadline.expired]).toEqual([true, true]);
    expect(deadline.signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  test('aborts with its parent, whose reason it takes; done leaves no timer', () => {
    const parent = new AbortController();
    const [ended, done] = [systemClock.deadline(1000, parent.signal), systemClock.deadline(1000, parent.signal)];
    done.done();
    parent.abort(new Error('stop'));
    expect([ended.signal.reason.message, ended.expired]).toEqual(['stop', false]);
    expect(done.signal.aborted).toBe(false);
    expect(systemClock.deadline(1000, parent.signal).signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('random numbers lie in [0, 1), bytes have their length', () => {
  for (let i = 0; i < 1000; i++) {
    const number = systemRandom.number();
    expect(number >= 0 && number < 1).toBe(true);
  }
  expect(systemRandom.bytes(16)).toHaveLength(16);
  expect(systemRandom.bytes(16)).not.toEqual(systemRandom.bytes(16));
});
