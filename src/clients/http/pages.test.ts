import { expect, it } from 'vitest';
import { type Page, readPages } from './pages.ts';

const read = (page: (cursor: string, at: number) => Page<number, string>) => {
  let at = 0;
  const reading = readPages(
    (reason) => new Error(reason),
    'first',
    async (cursor) => page(cursor, at++),
  );
  return { reading, calls: () => at };
};

it('gives all entries of a list in pages', async () => {
  const { reading } = read((cursor, at) => ({ found: [at], next: at < 3 ? `${cursor}+` : undefined }));
  expect(await reading).toEqual([0, 1, 2, 3]);
});

it.each<[string, (cursor: string, at: number) => Page<number, string>, string, number]>([
  ['always has a next page', (_cursor, at) => ({ found: [at], next: `c${at}` }), 'more than 200 pages', 200],
  ['has empty pages', (_cursor, at) => ({ found: [], next: `c${at}` }), 'more than 200 pages', 200],
  ['names the page that was read', () => ({ found: [1], next: 'first' }), 'leads back', 1],
  ['goes in a circle', (_cursor, at) => ({ found: [1], next: `c${at % 3}` }), 'leads back', 4],
  ['has too many entries', (_cursor, at) => ({ found: Array(60_000).fill(at), next: `c${at}` }), '100000 entries', 2],
])('refuses a list that %s', async (_what, page, reason, calls) => {
  const { reading, calls: made } = read(page);
  await expect(reading).rejects.toThrow(reason);
  expect(made()).toBe(calls);
});
