import { expect, it } from 'vitest';
import { createRecent } from './recent.ts';

const { signal } = new AbortController();

it('reads again what is too old or forgotten, and shares one read between overlapping calls', async () => {
  let nowMs = 0;
  let reads = 0;
  const recent = createRecent({ monotonicMs: () => nowMs }, async () => ++reads);
  expect(await Promise.all([recent.get(10, signal), recent.get(10, signal)])).toEqual([1, 1]);
  nowMs = 9;
  expect(await recent.get(10, signal)).toBe(1);
  nowMs = 10;
  expect(await recent.get(10, signal)).toBe(2);
  expect(await recent.get(0, signal)).toBe(3);
  recent.forget();
  expect(await recent.get(10, signal)).toBe(4);
  recent.change((value) => -value);
  expect(await recent.get(10, signal)).toBe(-4);
  recent.forget();
  recent.change((value) => -value);
  expect(await recent.get(10, signal)).toBe(5);
});

it('does not keep what was read before it was forgotten', async () => {
  const reads: ((value: string) => void)[] = [];
  const recent = createRecent({ monotonicMs: () => 0 }, () => new Promise<string>((done) => reads.push(done)));
  const before = recent.get(10, signal);
  recent.forget();
  const after = recent.get(10, signal);
  reads[0]?.('before');
  reads[1]?.('after');
  expect(await Promise.all([before, after, recent.get(10, signal)])).toEqual(['before', 'after', 'after']);
});
