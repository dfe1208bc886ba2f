import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { askAt } from './ask.ts';

function terminal(isHidden: boolean, columns = 80) {
  const raw: boolean[] = [];
  const rest: string[] = [];
  const input = Object.assign(new EventEmitter(), {
    reading: false,
    setRawMode: (isRaw: boolean) => raw.push(isRaw),
    unshift: (bytes: Uint8Array) => rest.push(Buffer.from(bytes).toString()),
    resume: () => Object.assign(input, { reading: true }),
    pause: () => Object.assign(input, { reading: false }),
  });
  let shown = '';
  const output = { write: (text: string) => (shown += text), columns };
  const stop = new AbortController();
  const interrupted = () => stop.abort(new Error('stopped'));
  const asked = askAt(input, output, 'Go on? ', { signal: stop.signal, interrupted, isHidden });
  const left = () => ['data', 'end', 'error'].map((event) => input.listenerCount(event));
  return { input, raw, rest, stop, asked, left, shown: () => shown };
}

const first = Buffer.from('é').subarray(0, 1);
const second = Buffer.from('é').subarray(1);
const lines = [
  ['typed at once', ['s3cret\r'], 's3cret'],
  ['typed one by one, with a correction', ['s', '3', 'x', '\u007f', 'c\n'], 's3c'],
  ['ended by Ctrl-D', ['abc\u0004'], 'abc'],
  ['empty, ended by Ctrl-D', ['\u0004'], ''],
  ['edited with the arrow keys', ['ac', '\u001b[D', 'b', '\u001b[C', '\u001b[A', '\u001b[B', 'd\r'], 'abcd'],
  ['edited with keys that come at once', ['ac\u001b[Db\u001b[Cd\u0015abc\u001b[D\u007fd\r'], 'adc'],
  ['begun again with Ctrl-U', ['wrong', '\u0015', 'right\r'], 'right'],
  ['with letters of more than one byte', [first, second, '漢\r'], 'é漢'],
] as const;

describe.each([
  ['a question', false],
  ['a secret', true],
] as const)('%s at a terminal', (_what, isHidden) => {
  it.each(lines)('is a line %s', async (_how, chunks, expected) => {
    const { input, raw, asked, left, shown } = terminal(isHidden);
    for (const chunk of chunks) input.emit('data', chunk);
    expect(await asked).toBe(expected);
    expect([raw, input.reading, left()]).toEqual([[true, false], false, [0, 0, 0]]);
    if (isHidden) expect(shown()).toBe('Go on? \n');
    else expect(shown()).toMatch(/Go on\? [\s\S]*\n$/);
  });

  it.each([
    ['yes\rsecond\r', 'second\r'],
    ['yes\r\nsecond\n', 'second\n'],
    ['yes\n\n', '\n'],
    ['yes\u0004more', 'more'],
  ])('leaves what is behind %j for the next one', async (typed, behind) => {
    const { input, rest, asked } = terminal(isHidden);
    input.emit('data', Buffer.from(typed));
    expect([await asked, rest]).toEqual(['yes', [behind]]);
  });

  it.each(['end', 'error'])('is empty if the terminal is closed (%s)', async (event) => {
    const { input, raw, asked, left } = terminal(isHidden);
    input.emit('data', 'y');
    input.emit(event, new Error('EIO'));
    expect([await asked, raw, left()]).toEqual(['', [true, false], [0, 0, 0]]);
  });

  it('is given up with Ctrl-C, and with the signal', async () => {
    const typed = terminal(isHidden);
    typed.input.emit('data', 'abc\u0003');
    await expect(typed.asked).rejects.toThrow('stopped');
    const stopped = terminal(isHidden);
    stopped.stop.abort(new Error('stopped'));
    await expect(stopped.asked).rejects.toThrow('stopped');
    for (const { input, raw, left } of [typed, stopped])
      expect([raw, input.reading, left()]).toEqual([[true, false], false, [0, 0, 0]]);
  });
});

it('shows a line that is typed, without the spaces around it in the answer', async () => {
  const { input, asked, shown } = terminal(false);
  input.emit('data', ' yes \r');
  expect(await asked).toBe('yes');
  expect(shown()).toContain(' yes ');
});
