import { onAbort } from '../core/async/on-abort.ts';

/**
 * Returns a promise that rejects when the signal aborts, and then calls the function that `begin` returned. Cheaper
 * than the option `signal` of node:http, which also watches for the end of the streams (30 µs per request).
 */
export function abortable<T>(
  signal: AbortSignal,
  begin: (resolve: (value: T) => void, reject: (error: unknown) => void) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let stop = () => {};
    const forget = onAbort(signal, () => {
      reject(signal.reason);
      stop();
    });
    stop = begin(
      (value) => {
        forget();
        resolve(value);
      },
      (error) => {
        forget();
        reject(error);
      },
    );
  });
}
