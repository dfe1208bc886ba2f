import { onAbort } from '../core/async/on-abort.ts';

/** How many nonces to store: more than concurrent requests, and few enough that the oldest is still valid when used. */
const mostKept = 32;
/** How many newNonce requests run at once. Let's Encrypt accepts a burst of 10 from one address, and 20 per second. */
const mostFetches = 4;

export interface Nonces {
  /** Returns a stored nonce, the next one that any response contains, or one from newNonce. */
  take(signal: AbortSignal): Promise<string>;
  /** Stores the Replay-Nonce of a response, or passes it to a waiting caller. */
  give(nonce: string | undefined): void;
}

interface Waiter {
  readonly signal: AbortSignal;
  readonly resolve: (nonce: string) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Manages nonces (RFC 8555 §6.5). Each response contains one for the next request, so newNonce is requested only if
 * there is none. A hundred orders that start together do not request a hundred nonces, but wait for those in the first
 * responses. The newest is used first, because CAs forget old ones.
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
          // The caller may have received another nonce meanwhile. If so, this one is stored.
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
