import { expect, it } from 'vitest';
import { createBatches } from './batches.ts';

const { signal } = new AbortController();

/** Batches that end when the test says so. */
function held() {
  const batches: { readonly asks: readonly string[]; readonly signal: AbortSignal; end(error?: Error): void }[] = [];
  const ask = createBatches<string, string>(
    (asks, over) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error) => (error ? reject(error) : resolve(asks.map((one) => one.toUpperCase())));
        batches.push({ asks, signal: over, end });
      }),
  );
  return { batches, ask };
}
const settle = () => new Promise((resolve) => setImmediate(resolve));

it('shares the next batch among what is asked during one', async () => {
  const { batches, ask } = held();
  const first = ask('a', signal);
  const others = Promise.all([ask('b', signal), ask('c', signal)]);
  await settle();
  batches[0]?.end();
  expect(await first).toBe('A');
  await settle();
  batches[1]?.end();
  expect(await others).toEqual(['B', 'C']);
  expect(batches.map(({ asks }) => asks)).toEqual([['a'], ['b', 'c']]);
});

it('fails every caller of a batch with its error, and goes on with the next', async () => {
  const { batches, ask } = held();
  const first = ask('a', signal);
  const second = ask('b', signal);
  await settle();
  batches[0]?.end(new Error('no'));
  await expect(first).rejects.toThrow('no');
  await settle();
  batches[1]?.end();
  expect(await second).toBe('B');
});

it('leaves out a caller that aborts in the queue at once, and stops a batch only when all of its callers have aborted', async () => {
  const { batches, ask } = held();
  const [one, two, three] = [new AbortController(), new AbortController(), new AbortController()];
  const first = ask('a', signal);
  const rest = [ask('b', one.signal), ask('c', two.signal), ask('d', three.signal)];
  three.abort(new Error('left the queue'));
  await expect(rest[2]).rejects.toThrow('left the queue');
  await settle();
  batches[0]?.end();
  await first;
  await settle();
  expect(batches[1]?.asks).toEqual(['b', 'c']);
  one.abort(new Error('one'));
  expect(batches[1]?.signal.aborted).toBe(false);
  two.abort(new Error('two'));
  expect(batches[1]?.signal.aborted).toBe(true);
  batches[1]?.end(new Error('stopped'));
  await expect(rest[0]).rejects.toThrow('one');
  await expect(rest[1]).rejects.toThrow('two');
});

it('takes into a batch what is asked until it may begin', async () => {
  const done: string[][] = [];
  let begin = () => {};
  const ready = () =>
    new Promise<void>((resolve) => {
      begin = resolve;
    });
  const ask = createBatches<string, void>(async (asks) => {
    done.push([...asks]);
    return [];
  }, ready);
  const both = [ask('a', signal)];
  await settle();
  both.push(ask('b', signal));
  begin();
  await Promise.all(both);
  expect(done).toEqual([['a', 'b']]);
});
