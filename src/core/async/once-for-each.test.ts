import { expect, it } from 'vitest';
import { onceForEach } from './once-for-each.ts';

it('reads once for each key, also while a read runs and after one that failed', async () => {
  const asked: string[] = [];
  const read = onceForEach(
    (name: string) => name.toLowerCase(),
    async (name) => {
      asked.push(name);
      if (name === 'bad') throw new Error('unreadable');
      return `${name} is read`;
    },
  );
  expect(await Promise.all([read('a'), read('A'), read('b')])).toEqual(['a is read', 'a is read', 'b is read']);
  await expect(read('bad')).rejects.toThrow('unreadable');
  await expect(read('bad')).rejects.toThrow('unreadable');
  expect(asked).toEqual(['a', 'b', 'bad']);
});
