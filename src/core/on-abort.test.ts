import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { onAbort } from './on-abort.ts';

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
