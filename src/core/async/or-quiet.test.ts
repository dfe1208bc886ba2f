import { expect, it } from 'vitest';
import { fakeClock } from '../../testing/fake-clock.ts';
import { endedBy, streamOf } from '../text/event-stream.ts';
import { orQuiet } from './or-quiet.ts';

it('yields what comes, and undefined while nothing does, until the signal aborts', async () => {
  const clock = fakeClock();
  const over = new AbortController();
  let come = (_value: number) => {};
  const all = (async function* () {
    while (!over.signal.aborted)
      yield await new Promise<number>((resolve) => {
        come = resolve;
        over.signal.addEventListener('abort', () => resolve(-1));
      });
  })();
  const texts = orQuiet(all, 1_000, clock, over.signal);
  const first = texts.next();
  await clock.advance(1_000);
  expect(await first).toEqual({ value: undefined, done: false });
  const second = texts.next();
  come(7);
  expect(await second).toEqual({ value: 7, done: false });
  const third = texts.next();
  over.abort();
  expect(await third).toEqual({ value: undefined, done: true });
});

it('ends what is behind a stream that has ended', async () => {
  const over = endedBy(new AbortController().signal);
  const stream = streamOf(
    (async function* () {
      yield 'a';
    })(),
    over,
  );
  expect(await new Response(stream).text()).toBe('a');
  expect(over.signal.aborted).toBe(true);
});
