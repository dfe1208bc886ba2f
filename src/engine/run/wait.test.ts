import { describe, expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { lingering, retryAtOf, together, waitFor } from './wait.ts';

const options = (signal = new AbortController().signal) => ({ budgetMs: 1_000, firstMs: 10, mostMs: 100, signal });

describe('the waiting loop', () => {
  it('looks at once, then after pauses that grow by half up to the most', async () => {
    const clock = fakeClock(new Date(0), { auto: true });
    const looks: number[] = [];
    const result = await waitFor(clock, options(), async () => {
      looks.push(clock.monotonicMs());
      return looks.length === 9 ? { done: 'seen' } : { reason: 'not yet' };
    });
    expect(result).toEqual({ value: 'seen' });
    const pauses = looks.slice(1).map((at, i) => at - (looks[i] ?? 0));
    expect(pauses.map(Math.round)).toEqual([10, 15, 23, 34, 51, 76, 100, 100]);
  });

  it('keeps the time the other side asked for', async () => {
    const clock = fakeClock(new Date(0), { auto: true });
    const looks: number[] = [];
    await waitFor(clock, options(), async () => {
      looks.push(clock.monotonicMs());
      return looks.length === 3 ? { done: 1 } : { reason: 'busy', retryAfterMs: 300 };
    });
    expect(looks.map((at) => at - (looks[0] ?? 0))).toEqual([0, 300, 600]);
  });

  it('never asks without a pause, also where the time named is over', async () => {
    const clock = fakeClock(new Date(0), { auto: true });
    let looks = 0;
    await waitFor(clock, options(), async () => {
      looks += 1;
      return looks === 9 ? { done: 1 } : { reason: 'busy', retryAfterMs: 0 };
    });
    expect(clock.sleeps.map(Math.round)).toEqual([10, 15, 23, 34, 51, 76, 100, 100]);
  });

  it('waits before the first look where it is known already that it is too early, as long as was named', async () => {
    const clock = fakeClock(new Date(0), { auto: true });
    const seenAt = async (first: { reason: string; retryAfterMs?: number }) => {
      const from = clock.monotonicMs();
      return waitFor(clock, { ...options(), first }, async () => ({ done: clock.monotonicMs() - from }));
    };
    expect(await seenAt({ reason: 'asked just now' })).toEqual({ value: 10 });
    expect(await seenAt({ reason: 'asked just now', retryAfterMs: 300 })).toEqual({ value: 300 });
    const tooLate = { reason: 'asked just now', retryAfterMs: 3_000 };
    expect(await seenAt(tooLate)).toEqual({ timedOut: tooLate.reason, retryAfterMs: 3_000 });
  });

  it('gives the last reason when the next look would come after the budget', async () => {
    const clock = fakeClock(new Date(0), { auto: true });
    let n = 0;
    const look = async () => {
      n += 1;
      return { reason: `look ${n}`, retryAfterMs: 400 };
    };
    const waited = await waitFor(clock, options(), look);
    expect(waited).toEqual({ timedOut: 'look 3', retryAfterMs: 400 });
    // The time that was too far off for this wait still holds.
    expect('timedOut' in waited && retryAtOf(clock, waited)).toEqual({ retryAt: new Date(800 + 400) });
    expect(retryAtOf(clock, { timedOut: 'nobody named a time' })).toEqual({});
  });

  it('rejects with the signal’s reason', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    const waiting = waitFor(clock, options(stop.signal), async () => ({ reason: 'never' }));
    const reason = new Error('stopped');
    stop.abort(reason);
    await expect(waiting).rejects.toBe(reason);
  });
});

describe('together', () => {
  it('answers in order, and throws the first failure only when all have ended', async () => {
    expect(await together([Promise.resolve(1), Promise.resolve(2)])).toEqual([1, 2]);
    let ended = false;
    let end = () => {};
    const slow = new Promise<void>((resolve) => {
      end = resolve;
    }).then(() => {
      ended = true;
    });
    const both = together([Promise.reject(new Error('first')), slow]);
    end();
    await expect(both).rejects.toThrow('first');
    expect(ended).toBe(true);
  });
});

describe('lingering', () => {
  const never = new AbortController().signal;
  const untilAborted = (signal: AbortSignal) =>
    new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }));

  it('gives what it runs the grace after an abort, and no more', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    let aborted = false;
    const running = lingering(clock, { signal: stop.signal, now: never, graceMs: 2_000 }, async (signal) => {
      signal.addEventListener('abort', () => (aborted = true));
      return untilAborted(signal);
    });
    running.catch(() => undefined);
    stop.abort(new Error('SIGTERM'));
    await clock.advance(1_999);
    expect(aborted).toBe(false);
    await clock.advance(1);
    await expect(running).rejects.toThrow('SIGTERM');
    expect(clock.waiting).toBe(0);
  });

  it('ends as soon as the work does; the abort is thrown anyway', async () => {
    const clock = fakeClock();
    const stop = new AbortController();
    const running = lingering(clock, { signal: stop.signal, now: never, graceMs: 2_000 }, async () => {
      stop.abort(new Error('SIGTERM'));
      return 'done';
    });
    await expect(running).rejects.toThrow('SIGTERM');
    expect(clock.waiting).toBe(0);
  });

  it('ends at once by the other signal, and begins nothing when it is too late', async () => {
    const clock = fakeClock();
    const now = new AbortController();
    const running = lingering(clock, { signal: never, now: now.signal, graceMs: 2_000 }, untilAborted);
    now.abort(new Error('the lease is lost'));
    await expect(running).rejects.toThrow('the lease is lost');
    const late = AbortSignal.abort(new Error('SIGINT'));
    await expect(lingering(clock, { signal: late, now: never, graceMs: 1 }, async () => 1)).rejects.toThrow('SIGINT');
    expect(await lingering(clock, { signal: never, now: never, graceMs: 1 }, async () => 1)).toBe(1);
  });
});
