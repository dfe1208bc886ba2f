import type { Output } from './context.ts';

/** Where a line is typed; `process.stdin` is one. */
export interface Input {
  once(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  off(event: 'data' | 'end', handler: (chunk?: unknown) => void): unknown;
  resume(): unknown;
  pause(): unknown;
}

/** Asks one question at a terminal, which hands over whole lines. Rejects with the signal's reason. */
export function askAt(input: Input, output: Output, question: string, signal: AbortSignal): Promise<string> {
  signal.throwIfAborted();
  output.write(question);
  return new Promise((resolve, reject) => {
    const end = (done: () => void) => {
      input.off('data', answer);
      input.off('end', answer);
      signal.removeEventListener('abort', stop);
      input.pause(); // a terminal that is read keeps the process alive
      done();
    };
    // Ctrl-D is no answer.
    const answer = (chunk?: unknown) => end(() => resolve(String(chunk ?? '').trim()));
    const stop = () => end(() => reject(signal.reason));
    input.once('data', answer);
    input.once('end', answer);
    signal.addEventListener('abort', stop);
    input.resume();
  });
}
