import { onAbort } from '../core/on-abort.ts';

/** Nonces kept: more than requests run at once, few enough that the oldest is still good when its turn comes. */
const mostKept = 32;
/** newNonce requests at once: Let's Encrypt takes a burst of 10 from one address (and 20 a second). */
const mostFetches = 4;

export interface Nonces {
  /** A nonce to sign with: a kept one, else the next that any answer brings, else one of newNonce. */
  take(signal: AbortSignal): Promise<string>;
  /** Keeps the Replay-Nonce of an answer, or hands it to who waits. */
  give(nonce: string | undefined): void;
}

interface Waiter {
  readonly signal: AbortSignal;
  readonly resolve: (nonce: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Nonces (RFC 8555 §6.5): each answer brings one, and it is used again. newNonce is asked only when there is none;
 * a hundred orders that start together do not ask a hundred times, but wait for what the first answers bring.
 * The newest goes out first, since CAs forget the old ones.
 */
export function createNonces(fetch: (signal: AbortSignal) => Promise<string>): Nonces {
  const kept: string[] = [];
  const waiters = new Set<Waiter>();
  const beingServed = new Set<Waiter>();

  const give = (nonce: string | undefined): void => {
    if (nonce === undefined || !/^[A-Za-z0-9_-]+$/.test(nonce)) return;
    const [waiter] = waiters;
    if (waiter) {
      waiters.delete(waiter);
      waiter.resolve(nonce);
      return;
    }
    kept.push(nonce);
    if (kept.length > mostKept) kept.shift();
  };

  const serve = (): void => {
    for (const waiter of waiters) {
      if (beingServed.size >= mostFetches) return;
      if (beingServed.has(waiter)) continue;
      beingServed.add(waiter);
      fetch(waiter.signal)
        .then(give, (error: unknown) => {
          // It may have been given another's nonce meanwhile; then nothing is lost.
          if (waiters.delete(waiter)) waiter.reject(error);
        })
        .finally(() => {
          beingServed.delete(waiter);
          serve();
        });
    }
  };

  return {
    give,
    take(signal) {
      const nonce = kept.pop();
      if (nonce !== undefined) return Promise.resolve(nonce);
      return new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const waiter: Waiter = {
          signal,
          resolve: (value) => {
            forget();
            resolve(value);
          },
          reject: (error) => {
            forget();
            reject(error);
          },
        };
        const forget = onAbort(signal, () => {
          if (waiters.delete(waiter)) reject(signal.reason);
        });
        waiters.add(waiter);
        serve();
      });
    },
  };
}
