import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createZoneMemory } from './zone-memory.ts';

const { signal } = new AbortController();

it('forgets the oldest result once it has thousands, and never keeps a large one', async () => {
  const remember = createZoneMemory(fakeClock());
  let found = 0;
  const ask = (key: string, isLarge = false) =>
    remember(key, signal, async () => ({ value: ++found, ttl: 3_600, isLarge }));
  for (let at = 0; at < 4_096; at++) await ask(`n${at}`);
  expect(await ask('n0')).toBe(1);
  await ask('one more');
  expect(await ask('n1')).toBe(2);
  expect(await ask('n0')).toBe(4_098);
  expect([await ask('large', true), await ask('large', true)]).toEqual([4_099, 4_100]);
});
