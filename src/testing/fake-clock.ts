import { onAbort } from '../core/async/on-abort.ts';
import type { Clock, Deadline } from '../ports/clock.ts';

/** A clock that moves only when the test says so. Monotonic and wall-clock time move together. */
export interface FakeClock extends Clock {
  /**
   * Advances the time by `ms`. Sleepers wake in order, each at its own time, and may sleep again within the same step.
   * Resolves when all of them have reached their next wait.
   */
  advance(ms: number): Promise<void>;
  /** Lets time pass while something runs: whenever nothing else happens, time advances to the next sleeper. */
  passWhile<T>(running: Promise<T>): Promise<T>;
  /** Moves only the wall clock, as an administrator or NTP does; wakes nothing. */
  set(now: Date): void;
  /** The time until the next sleep or deadline ends, in ms; undefined if there is none. */
  readonly untilNextMs: number | undefined;
  /** The number of sleeps and deadlines in progress. */
  readonly waiting: number;
  /** The number of sleeps and deadlines so far. */
  readonly begun: number;
  /** The lengths of all sleeps so far, in ms, for assertions about pauses. */
  readonly sleeps: readonly number[];
}

export interface FakeClockOptions {
  /** Whether sleeping advances the time at once, without `advance`. Only for code with a single flow. */
  readonly auto?: boolean;
}

/** After this many turns of the event loop without anything to wait for, the code will never end. */
const mostIdleTurns = 1_000_000;

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly wake: () => void;
}

/** Creates a clock that starts at `start`; by default, at the same time in every test. */
export function fakeClock(start = new Date('2026-11-24T12:00:00Z'), options: FakeClockOptions = {}): FakeClock {
  let monotonic = 0;
  let wallOffset = start.getTime();
  let order = 0;
  const timers = new Set<Timer>();
  const sleeps: number[] = [];

  const add = (ms: number, wake: () => void): Timer => {
    order += 1;
    const timer = { at: monotonic + Math.max(0, ms), order, wake };
    timers.add(timer);
    return timer;
  };

  const firstDue = (until: number): Timer | undefined => {
    let first: Timer | undefined;
    for (const timer of timers) {
      if (timer.at > until) continue;
      if (!first || timer.at < first.at || (timer.at === first.at && timer.order < first.order)) first = timer;
    }
    return first;
  };

  // Waits for one turn of the event loop, so that everything that was woken reaches its next wait.
  const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

  const wakeUntil = (until: number): void => {
    for (let timer = firstDue(until); timer; timer = firstDue(until)) {
      timers.delete(timer);
      monotonic = Math.max(monotonic, timer.at);
      timer.wake();
    }
    monotonic = Math.max(monotonic, until);
  };

  const advance = async (ms: number): Promise<void> => {
    const until = monotonic + ms;
    await settle();
    for (let timer = firstDue(until); timer; timer = firstDue(until)) {
      wakeUntil(timer.at);
      await settle();
    }
    monotonic = Math.max(monotonic, until);
  };

  return {
    now: () => new Date(wallOffset + monotonic),
    monotonicMs: () => monotonic,

    sleep(ms, signal) {
      sleeps.push(ms);
      return new Promise<void>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const abort = () => {
          timers.delete(timer);
          reject(signal.reason);
        };
        const timer = add(ms, () => {
          forget();
          resolve();
        });
        const forget = onAbort(signal, abort);
        if (options.auto) wakeUntil(timer.at);
      });
    },

    deadline(ms, parent): Deadline {
      const controller = new AbortController();
      let expired = false;
      const timer = add(ms, () => {
        expired = true;
        controller.abort(new DOMException('The operation timed out', 'TimeoutError'));
      });
      const abort = () => {
        timers.delete(timer);
        controller.abort(parent?.reason);
      };
      if (parent?.aborted) abort();
      const forget = parent ? onAbort(parent, abort) : () => {};
      return {
        signal: controller.signal,
        get expired() {
          return expired;
        },
        done() {
          timers.delete(timer);
          forget();
        },
      };
    },

    advance,

    async passWhile(running) {
      let isOver = false;
      const end = () => {
        isOver = true;
      };
      running.then(end, end);
      for (let idle = 0; !isOver; idle += 1) {
        // Waits for two turns, because a call of a fake API takes one.
        await settle();
        await settle();
        const next = isOver ? undefined : firstDue(Number.POSITIVE_INFINITY);
        if (next) await advance(next.at - monotonic);
        if (next) idle = 0;
        else if (idle > mostIdleTurns) throw new Error('it waits for something that never happens');
      }
      return running;
    },

    set(now) {
      wallOffset = now.getTime() - monotonic;
    },

    get untilNextMs() {
      const next = firstDue(Number.POSITIVE_INFINITY);
      return next && next.at - monotonic;
    },
    get begun() {
      return order;
    },
    get waiting() {
      return timers.size;
    },
    sleeps,
  };
}
