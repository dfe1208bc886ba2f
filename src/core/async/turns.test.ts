import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createTurns, createTurnsByKey } from './turns.ts';

describe('createTurns', () => {
  it('lets through at most so many at once, in the order in which they came, and passes over who left', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.constantFrom('works', 'fails', 'leaves'), { maxLength: 20 }),
        fc.scheduler(),
        async (max, callers, scheduler) => {
          const turns = createTurns(max);
          const begun: number[] = [];
          let active = 0;
          const all = callers.map((what, n) => {
            const stop = new AbortController();
            const call = turns.run(async () => {
              begun.push(n);
              active += 1;
              expect(active).toBeLessThanOrEqual(max);
              await scheduler.schedule(Promise.resolve());
              active -= 1;
              if (what === 'fails') throw new Error('failed');
              return n;
            }, stop.signal);
            if (what === 'leaves') stop.abort(new Error('left'));
            return call;
          });
          expect(turns.waiting).toBe(callers.slice(max).filter((what) => what !== 'leaves').length);
          const outcomes = Promise.allSettled(all);
          await scheduler.waitFor(outcomes);
          for (const [n, outcome] of (await outcomes).entries()) {
            const ran = n < max || callers[n] !== 'leaves';
            const expected = callers[n] === 'fails' ? 'failed' : ran ? undefined : 'left';
            expect(outcome.status === 'rejected' ? (outcome.reason as Error).message : undefined).toBe(expected);
            expect(begun.includes(n)).toBe(ran);
          }
          expect(begun).toEqual([...begun].sort((a, b) => a - b));
          expect([active, turns.waiting]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('takes no place for a caller that is aborted already', async () => {
    const turns = createTurns(1);
    await expect(turns.take(AbortSignal.abort(new Error('stopped')))).rejects.toThrow('stopped');
    const giveBack = await turns.take();
    expect(turns.waiting).toBe(0);
    giveBack();
  });
});

it('createTurnsByKey lets different keys through together, and the same key one at a time', async () => {
  const inTurn = createTurnsByKey();
  const order: string[] = [];
  const ends: (() => void)[] = [];
  const call = (name: string, key: string) =>
    inTurn(key, () => {
      order.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const all = [call('a1', 'a'), call('b1', 'b'), call('a2', 'a')];
  await Promise.resolve();
  expect(order).toEqual(['a1', 'b1']);
  for (const end of ends.splice(0)) end();
  await all[0];
  await Promise.resolve();
  for (const end of ends.splice(0)) end();
  await Promise.all(all);
  expect(order).toEqual(['a1', 'b1', 'a2']);
});
