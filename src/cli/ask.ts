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
