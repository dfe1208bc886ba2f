import type { Clock } from '../../src/ports/clock.ts';

/** How something new gets to the edge nodes of a fake of a CDN: old and new are served by turns until the time is over. */
export interface RollOut<T> {
  /** What is set: during a roll-out the new, and the old again once one has failed. */
  readonly value: T;
  /** What was served before the roll-out, while it runs. */
  readonly before: { readonly value: T } | undefined;
  begin(next: T): void;
  /** Begins when the present roll-out ends. */
  queue(next: T): void;
  /** What the next client gets. */
  serve(): T;
  /** Lets the next roll-outs, though accepted, end without effect. */
  failNext(times: number): void;
  /** Ends what is over. */
  settle(): void;
}

/** @param ended is called with whether a roll-out succeeded */
export function createRollOut<T>(
  { clock, ms, initial }: { readonly clock: Clock; readonly ms: number; readonly initial: T },
  ended: (succeeded: boolean) => void,
): RollOut<T> {
  let value = initial;
  let running: { readonly before: T; readonly untilMs: number; readonly fails: boolean } | undefined;
  let [failures, turns] = [0, 0];
  const waiting: T[] = [];

  function beginAt(next: T, atMs: number): void {
    running = { before: value, untilMs: atMs + ms, fails: failures > 0 };
    failures = Math.max(0, failures - 1);
    value = next;
    settle();
  }

  function settle(): void {
    if (running === undefined || clock.monotonicMs() < running.untilMs) return;
    const { before, untilMs, fails } = running;
    running = undefined;
    if (fails) value = before;
    ended(!fails);
    if (waiting.length > 0) beginAt(waiting.shift()!, untilMs);
  }

  return {
    get value() {
      settle();
      return value;
    },
    get before() {
      settle();
      return running && { value: running.before };
    },
    begin: (next) => beginAt(next, clock.monotonicMs()),
    queue: (next) => void waiting.push(next),
    serve() {
      settle();
      if (running === undefined) return value;
      turns += 1;
      return turns % 2 === 1 || running.fails ? running.before : value;
    },
    failNext(times) {
      failures = times;
    },
    settle,
  };
}
