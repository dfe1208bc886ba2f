import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { askAt, type Input } from './ask.ts';

function terminal() {
  const input: EventEmitter & Input & { reading: boolean } = Object.assign(new EventEmitter(), {
    reading: false,
    resume: () => Object.assign(input, { reading: true }),
    pause: () => Object.assign(input, { reading: false }),
  });
  const shown: string[] = [];
  const stop = new AbortController();
  const answer = askAt(input, { write: (text) => shown.push(text) }, 'Go on? ', stop.signal);
  return { input, stop, answer, shown: () => shown.join('') };
}

describe('a question at a terminal', () => {
  it.each([
    ['data', Buffer.from(' yes\n'), 'yes'],
    ['end', undefined, ''],
  ])('is answered by %s', async (event, chunk, expected) => {
    const { input, answer, shown } = terminal();
    expect([shown(), input.reading]).toEqual(['Go on? ', true]);
    input.emit(event, chunk);
    expect(await answer).toBe(expected);
    expect([input.reading, input.listenerCount('data'), input.listenerCount('end')]).toEqual([false, 0, 0]);
  });

  it('ends with the signal', async () => {
    const { input, stop, answer } = terminal();
    stop.abort(new Error('stopped'));
    await expect(answer).rejects.toThrow('stopped');
    expect([input.reading, input.listenerCount('data')]).toEqual([false, 0]);
  });
});
