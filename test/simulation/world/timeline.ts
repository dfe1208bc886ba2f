import { Heap } from './heap.ts';

/** The world's time, and everything that is going to happen in it. */
export interface Timeline {
  /** Ms since 1970. */
  readonly nowMs: number;
  /** How many events have happened. */
  readonly happened: number;
  /** Calls `run` after some time, unless the returned function was called before. */
  later(ms: number, run: () => void): () => void;
  /** Lets events happen in their order until a time, or until `isOver`. */
  runUntil(endMs: number, isOver?: () => boolean): Promise<void>;
}

/** How many events happen in one turn of the event loop, which costs as much as an event. */
const eventsOfTurn = 64;

export function createTimeline(startMs: number): Timeline {
  const heap = new Heap();
  let nowMs = startMs;
  let happened = 0;
  return {
    get nowMs() {
      return nowMs;
    },
    get happened() {
      return happened;
    },
    later(ms, run) {
      const event = heap.add(nowMs + Math.max(0, ms), run);
      return () => {
        event.run = undefined;
      };
    },
    runUntil: (endMs, isOver = () => false) =>
      new Promise((resolve, reject) => {
        let hasEnded = false;
        const end = (settle: () => void) => {
          hasEnded = true;
          settle();
        };
        // Whatever an event sets off by promises is done before the next one: nothing here waits for real work, and Node
        // empties its queue of promises after each immediate.
        const one = () => {
          if (hasEnded) return;
          if (isOver()) return end(resolve);
          let event = heap.takeBefore(endMs);
          while (event && !event.run) event = heap.takeBefore(endMs);
          nowMs = event?.atMs ?? endMs;
          if (!event?.run) return end(resolve);
          happened += 1;
          try {
            event.run();
          } catch (error) {
            end(() => reject(error));
          }
        };
        const turn = () => {
          if (hasEnded) return;
          for (let at = 0; at < eventsOfTurn; at += 1) setImmediate(one);
          setImmediate(turn);
        };
        turn();
      }),
  };
}
