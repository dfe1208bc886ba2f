import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { createGathering } from './gathering.ts';

const { signal: never } = new AbortController();

type Gathering = ReturnType<typeof createGathering>;

function come(gathering: Gathering, name: string): void {
  gathering.gone(name);
  gathering.came();
}

function oneAndB(gathering: Gathering): void {
  gathering.expect('b');
  gathering.came();
}

/** When it is ready, in ms, and what happens until then. */
async function readyAt(steps: readonly (readonly [ms: number, (gathering: Gathering) => void])[]) {
  const clock = fakeClock();
  const gathering = createGathering(clock);
  let atMs: number | undefined;
  const [first, ...more] = steps;
  first?.[1](gathering);
  gathering.ready(never).then(
    () => {
      atMs = clock.monotonicMs();
    },
    () => undefined,
  );
  await clock.advance(0);
  for (const [ms, step] of more) {
    await clock.advance(ms - clock.monotonicMs());
    step(gathering);
    await clock.advance(0);
  }
  await clock.advance(5_000);
  expect(clock.waiting).toBe(0);
  return atMs;
}

it.each<[string, Parameters<typeof readyAt>[0], number]>([
  ['one that comes alone', [[0, (g) => g.came()]], 0],
  [
    'one that waits for another',
    [
      [0, oneAndB],
      [300, (g) => come(g, 'b')],
    ],
    300,
  ],
  [
    'one that waits for another that fails',
    [
      [0, oneAndB],
      [400, (g) => g.gone('b')],
    ],
    400,
  ],
  [
    'one whose company is late',
    [
      [0, oneAndB],
      [2_000, (g) => g.gone('b')],
    ],
    1_000,
  ],
  [
    'twenty-five of thirty',
    [
      [0, (g) => Array.from({ length: 30 }, (_, at) => g.expect(`${at}`))],
      [200, (g) => Array.from({ length: 25 }, (_, at) => come(g, `${at}`))],
    ],
    200,
  ],
])('%s', async (_what, steps, ms) => expect(await readyAt(steps)).toBe(ms));
