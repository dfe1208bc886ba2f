// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { createInterface, type Key } from 'node:readline';
// biome-ignore lint/style/noRestrictedImports: the command line is the process's edge, so it reads the terminal
import { PassThrough, Writable } from 'node:stream';
import type { Output } from './context.ts';

/** Where lines are typed: the part of `process.stdin` that is used. */
export interface Input {
  once(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  off(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Asks one question at a terminal, and resolves with the line typed. Rejects with the signal's reason. */
export function askAt(input: Input, output: Output, question: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  output.write(question);
  return new Promise((resolve, reject) => {
    const end = (done: () => void) => {
      input.off('data', answer);
      input.off('end', answer);
      signal.removeEventListener('abort', stop);
      input.pause(); // reading from the terminal would keep the process alive
      done();
    };
    // Ctrl-D counts as an empty answer.
    const answer = (chunk?: unknown) => end(() => resolve(String(chunk ?? '').trim()));
    const stop = () => end(() => reject(signal.reason));
    input.once('data', answer);
    input.once('end', answer);
    signal.addEventListener('abort', stop);
    input.resume();
  });
}

/** The part of `process.stdin` that is used to read without showing what is typed. */
export interface RawInput {
  on(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  off(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  resume(): unknown;
  pause(): unknown;
  setRawMode(isRaw: boolean): unknown;
}

/**
 * Asks for a secret at a terminal, which shows nothing of it; it can be edited as any line. Rejects with the signal's
 * reason; Ctrl-C, which a raw terminal does not turn into a signal, calls `interrupted`.
 */
export function askHiddenAt(
  input: RawInput,
  output: Output,
  question: string,
  { signal, interrupted }: { readonly signal: AbortSignal; readonly interrupted: () => void },
): Promise<string> {
  signal.throwIfAborted();
  output.write(question);
  input.setRawMode(true);
  // readline leaves a listener at its input, which would keep the process alive at the terminal itself.
  const keys = new PassThrough();
  const nowhere = new Writable({ write: (_text, _encoding, done) => done() });
  const line = createInterface({ input: keys, output: nowhere, terminal: true, historySize: 0 });
  return new Promise((resolve, reject) => {
    const end = (done: () => void) => {
      input.off('data', read);
      input.off('end', close);
      signal.removeEventListener('abort', stop);
      line.close();
      input.setRawMode(false);
      input.pause(); // reading from the terminal would keep the process alive
      output.write('\n');
      done();
    };
    const close = () => {
      const typed = line.line;
      end(() => resolve(typed));
    };
    const stop = () => end(() => reject(signal.reason));
    const read = (chunk?: unknown) => void keys.write(chunk);
    line.on('SIGINT', interrupted);
    line.once('line', (typed) => end(() => resolve(typed)));
    // Ctrl-D ends the line, as at any terminal; readline would delete a letter.
    keys.prependListener('keypress', (_text: unknown, key?: Key) => {
      if (key?.ctrl === true && key.name === 'd') close();
    });
    input.on('data', read);
    input.on('end', close);
    signal.addEventListener('abort', stop);
    input.resume();
  });
}
