import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { chanceOf } from '../../../test/simulation/world/chance.ts';
import { createWakes } from './wakes.ts';

it('the wakes that are due are those that a search through all names finds', () => {
  const chance = chanceOf(1);
  const wakes = createWakes();
  const times = new Map<string, number>();
  let taken = 0;
  for (let nowMs = 0; nowMs < 3_000; nowMs += 1) {
    const name = `c${chance.whole(0, 40)}`;
    const atMs = chance() < 0.2 ? undefined : nowMs + chance.whole(-20, 200);
    wakes.set(name, atMs);
    if (atMs === undefined) times.delete(name);
    else times.set(name, atMs);
    expect(wakes.firstMs()).toBe(times.size > 0 ? Math.min(...times.values()) : undefined);
    if (chance() < 0.5) continue;
    const due = [...times].filter(([, ms]) => ms <= nowMs).map(([one]) => one);
    expect([...wakes.takeDue(nowMs)].sort()).toEqual(due.sort());
    for (const one of due) times.delete(one);
    taken += due.length;
  }
  expect(taken).toBeGreaterThan(500);
});

/** What is garbage depends on what else has run on this thread. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

it('a wake that is set again and again takes no more room', () => {
  const wakes = createWakes();
  for (const name of ['a', 'b']) wakes.set(name, 1e12);
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  for (let n = 1; n <= 1_000_000; n += 1) wakes.set('a', 1e12 + n);
  collectGarbage();
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 1024 * 1024);
  expect([wakes.firstMs(), wakes.takeDue(1e12), wakes.takeDue(1e12 + 999_999)]).toEqual([1e12, ['b'], []]);
  expect(wakes.takeDue(1e12 + 1_000_000)).toEqual(['a']);
});
