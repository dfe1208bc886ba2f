import { expect, test } from 'vitest';
import { fakeClock } from './fake-clock.ts';

const signal = new AbortController().signal;

test('wakes sleepers in order, each at its own time, even those that sleep again meanwhile', async () => {
  const clock = fakeClock(new Date('2026-01-01T00:00:00Z'));
  const log: string[] = [];
  const sleeper = async (name: string, ms: number, times: number) => {
    for (let i = 0; i < times; i++) {
      await clock.sleep(ms, signal);
      log.push(`${name}@${clock.monotonicMs()}`);
    }
  };
  void sleeper('a', 300, 3);
  void sleeper('b', 500, 1);
  await clock.advance(700);
  expect(log).toEqual(['a@300', 'b@500', 'a@600']);
  expect(clock.now().toISOString()).toBe('2026-01-01T00:00:00.700Z');
  await clock.advance(200);
  expect(log.at(-1)).toBe('a@900');
  expect(clock.waiting).toBe(0);
});

test('deadlines expire, follow their parent, and are released', async () => {
  const clock = fakeClock();
  const parent = new AbortController();
  const [first, second, third] = [
    clock.deadline(10, parent.signal),
    clock.deadline(50, parent.signal),
    clock.deadline(50),
  ];
  third.done();
  await clock.advance(10);
  expect([first.expired, first.signal.reason.name, second.signal.aborted]).toEqual([true, 'TimeoutError', false]);
  parent.abort(new Error('stop'));
  expect([second.expired, second.signal.reason.message]).toEqual([false, 'stop']);
  expect(clock.waiting).toBe(0);
});

test('an abort ends a sleep; auto needs no advance; set moves only the wall clock', async () => {
  const controller = new AbortController();
  const clock = fakeClock(undefined, { auto: true });
  await clock.sleep(60_000, controller.signal);
  expect([clock.monotonicMs(), clock.sleeps]).toEqual([60_000, [60_000]]);
  clock.set(new Date('2030-01-01T00:00:00Z'));
  expect([clock.now().getUTCFullYear(), clock.monotonicMs()]).toEqual([2030, 60_000]);
  const still = fakeClock();
  const sleeping = still.sleep(5, controller.signal);
  controller.abort(new Error('stop'));
  await expect(sleeping).rejects.toThrow('stop');
  expect(still.waiting).toBe(0);
});

test('passes while something runs, through sleeps of several, and no further', async () => {
  const clock = fakeClock();
  const woken: string[] = [];
  const sleep = async (ms: number) => {
    await clock.sleep(ms, signal);
    woken.push(`${ms}@${clock.monotonicMs()}`);
  };
  const over = Promise.all([sleep(3_000), sleep(1_000).then(() => sleep(500))]).then(() => 'over');
  void sleep(60_000);
  expect(await clock.passWhile(over)).toBe('over');
  expect(woken).toEqual(['1000@1000', '500@1500', '3000@3000']);
  await expect(clock.passWhile(Promise.reject(new Error('failed')))).rejects.toThrow('failed');
  expect(clock.monotonicMs()).toBe(3_000);
});
