import { getEventListeners } from 'node:events';
import { describe, expect, test } from 'vitest';
import { createNonces } from './nonces.ts';

const signal = new AbortController().signal;

function fetches() {
  const open: { resolve(nonce: string): void; reject(error: Error): void; readonly signal: AbortSignal }[] = [];
  const nonces = createNonces((s) => new Promise((resolve, reject) => open.push({ resolve, reject, signal: s })));
  return { open, nonces };
}

describe('nonces', () => {
  test('uses stored nonces first, the newest first, each once', async () => {
    const { open, nonces } = fetches();
    nonces.give('a');
    nonces.give('b');
    expect([await nonces.take(signal), await nonces.take(signal)]).toEqual(['b', 'a']);
    expect(open).toHaveLength(0);
    void nonces.take(signal);
    expect(open).toHaveLength(1);
  });

  test('asks at most four times at once, and uses nonces of other answers', async () => {
    const { open, nonces } = fetches();
    const takes = Array.from({ length: 20 }, () => nonces.take(new AbortController().signal));
    expect(open).toHaveLength(4);
    for (let i = 0; i < 16; i++) nonces.give(`given${i}`);
    for (const [i, fetch] of open.entries()) fetch.resolve(`fetched${i}`);
    const taken = await Promise.all(takes);
    expect(new Set(taken).size).toBe(20);
    expect(open).toHaveLength(4);
  });

  test('fails only the caller that asked; the others ask again', async () => {
    const { open, nonces } = fetches();
    const takes = Array.from({ length: 5 }, () => nonces.take(signal));
    open[0]!.reject(new Error('down'));
    await expect(takes[0]).rejects.toThrow('down');
    await Promise.resolve();
    expect(open).toHaveLength(5);
    for (const [i, fetch] of open.slice(1).entries()) fetch.resolve(`n${i}`);
    expect(await Promise.all(takes.slice(1))).toHaveLength(4);
  });

  test('an abort ends one wait', async () => {
    const { open, nonces } = fetches();
    const controller = new AbortController();
    const take = nonces.take(controller.signal);
    const other = nonces.take(signal);
    controller.abort(new Error('stop'));
    await expect(take).rejects.toThrow('stop');
    open[1]!.resolve('x');
    expect(await other).toBe('x');
    await expect(nonces.take(AbortSignal.abort(new Error('before')))).rejects.toThrow('before');
  });

  test('a hundred waits on one signal share one listener', async () => {
    const { open, nonces } = fetches();
    const controller = new AbortController();
    const takes = Array.from({ length: 100 }, () => nonces.take(controller.signal));
    expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
    for (let i = 0; i < 99; i++) nonces.give(`n${i}`);
    controller.abort(new Error('stop'));
    await expect(takes.pop()).rejects.toThrow('stop');
    expect(await Promise.all(takes)).toHaveLength(99);
    expect(open.length).toBeLessThanOrEqual(4);
  });

  test('stores at most 32, and only valid nonces', async () => {
    const { open, nonces } = fetches();
    nonces.give(undefined);
    nonces.give('not base64url!');
    for (let i = 0; i < 100; i++) nonces.give(`n${i}`);
    const taken = await Promise.all(Array.from({ length: 32 }, () => nonces.take(signal)));
    expect(taken[0]).toBe('n99');
    expect(taken.at(-1)).toBe('n68');
    void nonces.take(signal);
    expect(open).toHaveLength(1);
  });
});
