import { onAbort } from './on-abort.ts';

/** A limited number of places; further callers wait in the order in which they came. */
export interface Turns {
  /** How many callers are waiting. */
  readonly waiting: number;
  /**
   * Takes a place, and returns a function that gives it back. Rejects with the signal's reason if that aborts first.
   */
  take(signal?: AbortSignal): Promise<() => void>;
  /** Takes a place, does the work, and gives the place back. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Lets waiting callers in after `max` has grown. */
  admit(): void;
}

export function createTurns(max: number | (() => number)): Turns {
  const queue = new Set<() => void>();
  let taken = 0;

  const isFree = (): boolean => taken < (typeof max === 'number' ? max : max());
  const admit = (): void => {
    for (const begin of queue) {
      if (!isFree()) return;
      // Taken for the caller before it runs, so that a newcomer cannot take the place first.
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
