import { expect, it } from 'vitest';
import type { Files } from '../../ports/files.ts';
import type { Cursor } from '../../ports/store.ts';
import { createChanges } from './changes.ts';

const { signal } = new AbortController();
const nowMs = Date.parse('2026-03-01T00:00:00Z');

it.each([
  ['long unchanged', 86_400_000, [1, 0, 0, 0]],
  ['just changed', 100, [1, 1, 1, 0]],
  ['changed by a clock that is ahead', -60_000, [1, 1, 1, 0]],
])('lists a shard that was %s until a change would show', async (_what, ageMs, expected) => {
  let [monotonicMs, listings] = [0, 0];
  const changedMs = nowMs - ageMs;
  const files = {
    stat: () => Promise.resolve({ modifiedMs: changedMs, changedMs }),
    list(folder: string) {
      if (folder === '/store/lineage') return Promise.resolve(['ab']);
      listings += 1;
      return Promise.resolve(['www@1']);
    },
  } as unknown as Files;
  const clock = { now: () => new Date(nowMs + monotonicMs), monotonicMs: () => monotonicMs };
  const trust = { folder: () => Promise.resolve(), forget() {}, file: {} };
  const changes = createChanges('/store', { files, clock }, trust, (_signal, run) => run(), {
    entryOf: () => Promise.resolve(undefined),
  });
  const found: number[] = [];
  let cursor: Cursor | undefined;
  for (let at = 0; at < 4; at += 1) {
    listings = 0;
    ({ cursor } = await changes('lineage', cursor, signal));
    found.push(listings);
    monotonicMs += 1_500;
  }
  expect(found).toEqual(expected);
});
