// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { createInterface, type Key } from 'node:readline';
// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { PassThrough, Writable } from 'node:stream';
import type { Output } from './context.ts';

/** The source of typed lines: the part of `process.stdin` that certfleet uses. */
export interface Input {
  on(event: 'data' | 'end' | 'error', handler: (chunk?: unknown) => void): unknown;
  off(event: 'data' | 'end' | 'error', handler: (chunk?: unknown) => void): unknown;
  unshift(chunk: Uint8Array): unknown;
  resume(): unknown;
  pause(): unknown;
  setRawMode(isRaw: boolean): unknown;
}

/**
 * Asks a question at a terminal, and resolves with the line typed, which the person can edit. A hidden answer is not
 * shown. Ctrl-D ends the line, and a closed terminal gives an empty line. Rejects with the signal's reason. A raw
 * terminal does not turn Ctrl-C into a signal, so Ctrl-C calls `interrupted`.
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
  // readline leaves a listener on its input, which would keep the process alive if the input were the terminal itself.
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
      // Writes one byte at a time, because readline takes bytes that arrive together for a paste, and appends them to
      // the line.
      while (!isEnded && at < bytes.length) keys.write(bytes.subarray(at, ++at));
      if (bytes[at - 1] === 0x0d && bytes[at] === 0x0a) at++;
      // Leaves whatever was pasted or typed after the line to the next question.
      if (at < bytes.length) input.unshift(bytes.subarray(at));
    };
    line.on('SIGINT', interrupted);
    line.once('line', (typed) => (isHidden ? endLine : end)(() => resolve(isHidden ? typed : typed.trim())));
    // Unhandled, this key would make readline delete a character.
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
