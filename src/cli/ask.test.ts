import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { askAt, askHiddenAt, type Input } from './ask.ts';

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

describe('a secret', () => {
  function terminal() {
    const emitter = new EventEmitter();
    const raw: boolean[] = [];
    const input = Object.assign(emitter, {
      setRawMode: (isRaw: boolean) => raw.push(isRaw),
      resume: () => undefined,
      pause: () => undefined,
    });
    let shown = '';
    const output = { write: (text: string) => (shown += text) };
    const stop = new AbortController();
    const interrupted = () => stop.abort(new Error('stopped'));
    const asked = askHiddenAt(input, output, 'Password: ', { signal: stop.signal, interrupted });
    return { input, raw, asked, shown: () => shown };
  }

  it.each([
    ['typed at once', ['s3cret\r'], 's3cret'],
    ['typed one by one, with a correction', ['s', '3', 'x', '\u007f', 'c\n'], 's3c'],
    ['ended by Ctrl-D', ['abc\u0004'], 'abc'],
    ['edited with the arrow keys', ['ac', '\u001b[D', 'b', '\u001b[C', '\u001b[A', '\u001b[B', 'd\r'], 'abcd'],
    ['begun again with Ctrl-U', ['wrong', '\u0015', 'right\r'], 'right'],
    [
      'with letters of more than one byte',
      [Buffer.from('é').subarray(0, 1), Buffer.from('é').subarray(1), '漢\r'],
      'é漢',
    ],
  ])('%s is not shown', async (_how, chunks, expected) => {
    const { input, raw, asked, shown } = terminal();
    for (const chunk of chunks) input.emit('data', chunk);
    expect(await asked).toBe(expected);
    expect([shown(), raw, input.listenerCount('data')]).toEqual(['Password: \n', [true, false], 0]);
  });

  it('is given up with Ctrl-C', async () => {
    const { input, raw, asked } = terminal();
    input.emit('data', 'abc\u0003');
    await expect(asked).rejects.toThrow('stopped');
    expect(raw).toEqual([true, false]);
  });
});
