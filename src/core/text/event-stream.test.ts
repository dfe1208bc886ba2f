import { expect, it } from 'vitest';
import { streamOf, textsFor } from './event-stream.ts';
import { present } from './present.ts';

const { signal } = new AbortController();

/** What a reader gets if something comes each second, of which `said` is to be said. */
async function readAll(said: readonly (string | undefined)[], isStill: () => Promise<boolean>, longestMs?: number) {
  let second = 0;
  async function* all() {
    for (; second < said.length; second++) yield said[second];
  }
  const reader = { clock: { monotonicMs: () => second * 1_000 }, isStill, ...present({ longestMs }) };
  const texts: string[] = [];
  for await (const text of textsFor(reader, all(), (one) => one)) texts.push(text);
  return texts;
}

it('says what comes, and that it is there while nothing does', async () => {
  const said = Array.from({ length: 60 }, (_, second) => ({ 0: 'a', 30: 'b' })[second]);
  expect(await readAll(said, async () => true)).toEqual(['a', ': still here\n\n', 'b', ': still here\n\n']);
});

it.each<[string, () => Promise<boolean>, string]>([
  ['the login', async () => false, '01'],
  ['the longest time', async () => true, '012345'],
  ['the longest time, also if the store cannot tell', () => Promise.reject(new Error('gone')), '012345'],
])('ends with %s of the reader', async (_, isStill, expected) => {
  expect(await readAll([...'0123456789'], isStill, 5_000)).toEqual([...expected]);
});

it('ends what is behind a stream that has ended, or whose reader has gone', async () => {
  let over = signal;
  async function* texts(until: AbortSignal) {
    over = until;
    yield 'a';
  }
  expect(await new Response(streamOf(texts, signal)).text()).toBe('a');
  expect(over.aborted).toBe(true);
  const openUntil = async (gone: AbortSignal) => {
    const reader = streamOf(async function* (until) {
      yield* texts(until);
      await new Promise(() => {});
    }, gone).getReader();
    await reader.read();
    expect(over.aborted).toBe(false);
    return reader;
  };
  await (await openUntil(signal)).cancel();
  expect(over.aborted).toBe(true);
  const gone = new AbortController();
  await openUntil(gone.signal);
  gone.abort();
  expect(over.aborted).toBe(true);
});

it('ends what waits for a slow reader, once that has gone', async () => {
  for (const leave of [
    (reader: ReadableStreamDefaultReader) => reader.cancel(),
    async (_reader: unknown, gone: AbortController) => gone.abort(),
  ]) {
    const gone = new AbortController();
    let end = () => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const reader = streamOf(async function* () {
      try {
        for (;;) yield 'a';
      } finally {
        end();
      }
    }, gone.signal).getReader();
    await reader.read();
    await leave(reader, gone);
    await ended;
  }
});
