import { setMaxListeners } from 'node:events';
import type { Clock, Deadline } from '../ports/clock.ts';

/** setTimeout takes a signed 32-bit number; longer delays fire at once. */
const longestTimerMs = 2 ** 31 - 1;

// Hundreds of orders may wait on one signal, and Node warns on stderr about more than ten listeners.
const allowed = new WeakSet<AbortSignal>();
const allowMany = (signal: AbortSignal): void => {
  if (allowed.has(signal)) return;
  allowed.add(signal);
  setMaxListeners(0, signal);
};

/**
 * The machine's clock. `monotonicMs` is CLOCK_MONOTONIC: it keeps counting while the process is stopped (SIGSTOP), but
 * not while the machine is suspended. After that a lease looks younger than it is, and its compare-and-set decides.
 */
export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),

  sleep(ms, signal) {
    return new Promise<void>((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      allowMany(signal);
      const end = performance.now() + ms;
      let timer: NodeJS.Timeout;
      const wait = () => {
        const left = end - performance.now();
        // A timer may fire up to a millisecond early, which is close enough.
        if (left < 1) {
          signal.removeEventListener('abort', abort);
          return resolve();
        }
        timer = setTimeout(wait, Math.min(left, longestTimerMs));
      };
      const abort = () => {
        clearTimeout(timer);
        reject(signal.reason);
      };
      signal.addEventListener('abort', abort, { once: true });
      timer = setTimeout(wait, Math.min(Math.max(ms, 0), longestTimerMs));
    });
  },

  deadline(ms, parent): Deadline {
    const controller = new AbortController();
    const end = performance.now() + ms;
    let expired = false;
    let timer: NodeJS.Timeout | undefined;
    const wait = () => {
      const left = end - performance.now();
      if (left >= 1) {
        timer = setTimeout(wait, Math.min(left, longestTimerMs));
        return;
      }
      expired = true;
      parent?.removeEventListener('abort', abort);
      controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
    };
    const abort = () => {
      clearTimeout(timer);
      controller.abort(parent?.reason);
    };
    if (parent?.aborted) abort();
    else {
      if (parent) allowMany(parent);
      parent?.addEventListener('abort', abort, { once: true });
      timer = setTimeout(wait, Math.min(Math.max(ms, 0), longestTimerMs));
    }
    return {
      signal: controller.signal,
      get expired() {
        return expired;
      },
      done() {
        clearTimeout(timer);
        parent?.removeEventListener('abort', abort);
      },
    };
  },
};
