import { expect, it } from 'vitest';
import { isBefore, parseSnapshot, sees } from './snapshot.ts';

it.each<[snapshot: string, seen: readonly number[], unseen: readonly number[]]>([
  ['10:10:', [9], [10, 11]],
  ['10:20:10,14', [1, 11, 13, 15, 19], [10, 14, 20, 21]],
  ['', [], [0, 1]],
])('%s sees what had ended', (text, seen, unseen) => {
  const snapshot = parseSnapshot(text);
  expect(seen.filter((id) => !sees(snapshot, BigInt(id)))).toEqual([]);
  expect(unseen.filter((id) => sees(snapshot, BigInt(id)))).toEqual([]);
});

it.each([
  ['10:20:10', '10:21:10', true],
  ['10:20:10,11', '11:20:11', true],
  ['10:20:10', '10:20:10', false],
  // Another server, or a restored one, counts from where it was.
  ['10:20:10', '5:6:', false],
])('%s was taken before %s: %s', (one, other, expected) => {
  expect(isBefore(parseSnapshot(one), parseSnapshot(other))).toBe(expected);
});
