import type { FakeClock } from '../../src/testing/fake-clock.ts';

/** No run waits this long, and the loop of one that hangs must end. */
const mostMs = 24 * 3_600_000;

const stepMs = 10;

/**
 * After so many turns of the event loop in which no wait began or ended, all that runs waits for the clock: an answer of
 * a fake takes one or two.
 */
const quietTurns = 10;

/**
 * Lets 10 ms of a fake clock pass for each turn of the event loop while something runs, and skips the turns of a long
 * wait. How much time passes must not depend on the machine, so nothing that runs may wait for real work, such as a
 * signature on another thread.
 */
export async function passing<T>(clock: FakeClock, running: Promise<T>): Promise<T> {
  const endMs = clock.monotonicMs() + mostMs;
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  running.then(end, end);
  let begun = clock.begun;
  let quiet = 0;
  while (!isOver) {
    const nextMs = clock.untilNextMs ?? 0;
    quiet = nextMs > stepMs && clock.begun === begun ? quiet + 1 : 0;
    begun = clock.begun;
    // The wait ends in the same step as without the skip.
    const skippedMs = quiet > quietTurns ? Math.floor((nextMs - 1) / stepMs) * stepMs : 0;
    await clock.advance(Math.max(stepMs, skippedMs));
    if (clock.monotonicMs() > endMs) throw new Error('it has not ended within a day of its clock');
  }
  return running;
}

/**
 * The clock of one process: it stops when the process is killed. Otherwise a wait of the killed one would end, and it
 * would fight the others for leases that they may take from it at once.
 */
export function mortal(clock: FakeClock, isDead: () => boolean): FakeClock {
  return {
    ...clock,
    async sleep(ms, signal) {
      await clock.sleep(ms, signal);
      if (isDead()) await new Promise(() => {});
    },
    deadline(ms, parent) {
      const deadline = clock.deadline(ms, parent);
      const controller = new AbortController();
      const end = () => {
        if (!isDead()) controller.abort(deadline.signal.reason);
      };
      if (deadline.signal.aborted) end();
      deadline.signal.addEventListener('abort', end);
      return {
        signal: controller.signal,
        get expired() {
          return deadline.expired;
        },
        done: () => deadline.done(),
      };
    },
  };
}
