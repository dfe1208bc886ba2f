import { onAbort } from './on-abort.ts';

/** A limited number of slots. Further callers wait in order of arrival. */
export interface Turns {
  /** How many callers are waiting. */
  readonly waiting: number;
  /**
   * Takes a slot and returns a function that releases it. Rejects with the signal's reason if the signal aborts first.
   */
  take(signal?: AbortSignal): Promise<() => void>;
  /** Runs `work` while holding a slot. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Admits waiting callers after `max` has grown. */
  admit(): void;
}

export function createTurns(max: number | (() => number)): Turns {
  const queue = new Set<() => void>();
  let taken = 0;

  const isFree = (): boolean => taken < (typeof max === 'number' ? max : max());
  const admit = (): void => {
    for (const begin of queue) {
      if (!isFree()) return;
      // Taken for the caller before it runs, so that a new caller cannot take the slot first.
      taken += 1;
      begin();
    }
  };
  const giveBack = (): void => {
    taken -= 1;
    admit();
  };

  const queued = (signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const begin = () => {
        queue.delete(begin);
        forget();
        resolve();
      };
      const leave = () => {
        queue.delete(begin);
        reject(signal?.reason);
      };
      const forget = signal ? onAbort(signal, leave) : () => {};
      queue.add(begin);
    });

  const take: Turns['take'] = async (signal) => {
    signal?.throwIfAborted();
    if (queue.size === 0 && isFree()) taken += 1;
    else await queued(signal);
    return giveBack;
  };

  return {
    get waiting() {
      return queue.size;
    },
    take,
    admit,
    async run(work, signal) {
      const done = await take(signal);
      try {
        return await work();
      } finally {
        done();
      }
    },
  };
}

/** Runs `max` calls at a time for each key. Keys without callers take no memory. */
export function createTurnsByKey(
  max = 1,
): <T>(key: string, work: () => Promise<T>, signal?: AbortSignal) => Promise<T> {
  const keys = new Map<string, { readonly turns: Turns; callers: number }>();
  return async (key, work, signal) => {
    const entry = keys.get(key) ?? { turns: createTurns(max), callers: 0 };
    keys.set(key, entry);
    entry.callers += 1;
    try {
      return await entry.turns.run(work, signal);
    } finally {
      entry.callers -= 1;
      if (entry.callers === 0) keys.delete(key);
    }
  };
}
