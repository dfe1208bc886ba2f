import type { FakeClock } from '../../src/testing/fake-clock.ts';

/** No run waits this long, and the loop of one that hangs must end. */
const mostMs = 24 * 3_600_000;

/**
 * Lets 10 ms of a fake clock pass for each turn of the event loop while something runs. How much time passes must not
 * depend on the machine, so nothing that runs may wait for real work, such as a signature on another thread.
 */
export async function passing<T>(clock: FakeClock, running: Promise<T>): Promise<T> {
  const endMs = clock.monotonicMs() + mostMs;
  let isOver = false;
  const end = () => {
    isOver = true;
  };
  running.then(end, end);
  while (!isOver) {
    await clock.advance(10);
    if (clock.monotonicMs() > endMs) throw new Error('it has not ended within a day of its clock');
  }
  return running;
}
