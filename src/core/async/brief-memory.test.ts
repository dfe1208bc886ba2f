import { expect, it } from 'vitest';
import { createBriefMemory } from './brief-memory.ts';

it('forgets a value some time after it was last set, and keeps no more than that time brings', () => {
  let now = 0;
  const memory = createBriefMemory<number>(() => now, 100);
  memory.set('a', 1);
  now = 60;
  memory.set('a', 2);
  now = 159;
  expect(memory.get('a')).toBe(2);
  now = 160;
  expect(memory.get('a')).toBeUndefined();
  for (; now < 100_000; now += 1) memory.set(`key ${now}`, now);
  expect(memory.size).toBeLessThanOrEqual(101);
  memory.delete('key 99999');
  expect(memory.get('key 99999')).toBeUndefined();
});
