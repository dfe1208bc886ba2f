import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort, untilAny } from './on-abort.ts';

describe('onAbort', () => {
  it('calls every waiter with one listener', () => {
    const controller = new AbortController();
    const called: number[] = [];
    const forget = Array.from({ length: 100 }, (_, n) => onAbort(controller.signal, () => called.push(n)));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    for (const one of forget.slice(2)) one();
    controller.abort();
    expect(called).toEqual([0, 1]);
  });

  it('leaves no listener behind, and begins anew after that', () => {
    const controller = new AbortController();
    const same = () => called++;
    let called = 0;
    const [first, second] = [onAbort(controller.signal, same), onAbort(controller.signal, same)];
    first();
    first();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    second();
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0);
    onAbort(controller.signal, same);
    // Forgotten long ago: it must not take the new one's listener away.
    first();
    controller.abort();
    expect(called).toBe(1);
  });
});

describe('untilAny', () => {
  it('aborts with the first of its signals, for its reason', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const seen = untilAny([one.signal, undefined, two.signal], async (signal) => {
      two.abort('second');
      one.abort('first');
      return signal.reason as unknown;
    });
    expect(await seen).toBe('second');
    expect(await untilAny([one.signal], async (signal) => signal.reason as unknown)).toBe('first');
  });

  it('leaves nothing behind, however it ends', async () => {
    const { signal } = new AbortController();
    await untilAny([signal], async (any) => expect(any.aborted).toBe(false));
    await expect(untilAny([signal], () => Promise.reject(new Error('x')))).rejects.toThrow('x');
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});
