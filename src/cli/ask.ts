// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { createInterface, type Key } from 'node:readline';
// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { PassThrough, Writable } from 'node:stream';
import type { Output } from './context.ts';

/** Where lines are typed: the part of `process.stdin` that is used. */
export interface Input {
  on(event: 'data' | 'end' | 'error', handler: (chunk?: unknown) => void): unknown;
  off(event: 'data' | 'end' | 'error', handler: (chunk?: unknown) => void): unknown;
  unshift(chunk: Uint8Array): unknown;
  resume(): unknown;
  pause(): unknown;
  setRawMode(isRaw: boolean): unknown;
}

/**
 * Asks at a terminal, and resolves with the line typed, which can be edited; what is hidden is not shown. Ctrl-D ends the
 * line, and a terminal that is closed gives an empty one. Rejects with the signal's reason; Ctrl-C, which a raw terminal
 * does not turn into a signal, calls `interrupted`.
 */
export function askAt(
  input: Input,
  output: Output,
  question: string,
  {
    signal,
    interrupted,
    isHidden = false,
  }: { readonly signal: AbortSignal; readonly interrupted: () => void; readonly isHidden?: boolean },
): Promise<string> {
  signal.throwIfAborted();
  // readline leaves a listener at its input, which would keep the process alive at the terminal itself.
  const keys = Object.assign(new PassThrough(), { setRawMode: (isRaw: boolean) => input.setRawMode(isRaw) });
  const shown = new Writable({
    decodeStrings: false,
    write: (text, _encoding, done) => {
      if (!isHidden) output.write(text);
      done();
    },
  });
  const screen = Object.assign(shown, output.columns === undefined ? {} : { columns: output.columns });
  const line = createInterface({ input: keys, output: screen, terminal: true, historySize: 0, prompt: question });
  if (isHidden) output.write(question);
  line.prompt();
  return new Promise((resolve, reject) => {
    let isEnded = false;
    const end = (done: () => void) => {
      isEnded = true;
      input.off('data', read);
      input.off('end', closed);
      input.off('error', closed);
      signal.removeEventListener('abort', stop);
      line.close();
      input.pause(); // reading from the terminal would keep the process alive
      done();
    };
    const endLine = (done: () => void) => {
      output.write('\n');
      end(done);
    };
    const closed = () => endLine(() => resolve(''));
    const stop = () => endLine(() => reject(signal.reason));
    const read = (chunk?: unknown) => {
      const bytes = Buffer.from(chunk as Uint8Array);
      let at = 0;
      // One by one, because readline takes what comes at once for a paste and puts it at the line's end.
      while (!isEnded && at < bytes.length) keys.write(bytes.subarray(at, ++at));
      if (bytes[at - 1] === 0x0d && bytes[at] === 0x0a) at++;
      // What was pasted or typed behind the line is for the next question.
      if (at < bytes.length) input.unshift(bytes.subarray(at));
    };
    line.on('SIGINT', interrupted);
    line.once('line', (typed) => (isHidden ? endLine : end)(() => resolve(isHidden ? typed : typed.trim())));
    // readline would delete a letter.
    keys.prependListener('keypress', (_text: unknown, key?: Key) => {
      const typed = line.line;
      if (key?.ctrl === true && key.name === 'd') endLine(() => resolve(isHidden ? typed : typed.trim()));
    });
    input.on('data', read);
    input.on('end', closed);
    input.on('error', closed);
    signal.addEventListener('abort', stop);
    input.resume();
  });
}
