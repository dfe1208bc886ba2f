import { expect, it } from 'vitest';
import { createPathfinders } from './pathfinders.ts';

const { signal } = new AbortController();

/** Sends requests for these buckets at once, to a CA that refuses `bad`. Returns what it got, round by round. */
async function rounds(requests: readonly string[]): Promise<readonly string[]> {
  const send = createPathfinders();
  let waiting: (() => void)[] = [];
  const sent: string[] = [];
  const refused: string[] = [];
  const all = Promise.all(
    requests.map((keys) =>
      send(
        {
          keys: keys.split(' '),
          send: () =>
            new Promise<void>((resolve, reject) => {
              sent.push(keys);
              waiting.push(() => (keys.includes('bad') ? reject(new Error('bad')) : resolve()));
            }),
          learn: async ({ message }) => message,
        },
        signal,
      ).catch(() => void refused.push(keys)),
    ),
  );
  const found: string[] = [];
  do {
    await new Promise((resolve) => setImmediate(resolve));
    const now = waiting;
    waiting = [];
    found.push(sent.splice(0).join(', '));
    for (const answer of now) answer();
  } while (found.at(-1) !== '');
  await all;
  return [...found.slice(0, -1), `refused: ${refused.join(', ')}`];
}

it.each<[string, readonly string[], readonly string[]]>([
  ['of one bucket, the first is sent ahead', ['a', 'a', 'a'], ['a', 'a, a', 'refused: ']],
  ['those of other buckets are sent with it', ['a', 'b', 'a'], ['a, b', 'a', 'refused: ']],
  ['a refusal is the answer for all that need the bucket', ['bad', 'bad', 'bad'], ['bad', 'refused: bad, bad, bad']],
  ['and not for the others', ['x bad', 'x', 'x bad', 'x'], ['x bad', 'x, x', 'refused: x bad, x bad']],
  ['each bucket has a first one', ['x a', 'x b', 'x b'], ['x a', 'x b', 'x b', 'refused: ']],
])('%s', async (_title, requests, expected) => {
  expect(await rounds(requests)).toEqual(expected);
});

it('does not wait after an abort', async () => {
  const send = createPathfinders();
  const [keys, learn] = [['a'], async () => undefined];
  void send({ keys, send: () => new Promise(() => {}), learn }, signal);
  const lost = new AbortController();
  const second = send({ keys, send: async () => 'sent', learn }, lost.signal);
  lost.abort(new Error('lost'));
  await expect(second).rejects.toThrow('lost');
});
