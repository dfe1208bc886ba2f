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

/** Whatever an event has set off by promises is done once the event loop has turned: nothing here waits for real work. */
const settled = () => new Promise<void>((resolve) => void setImmediate(resolve));

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
    async runUntil(endMs, isOver = () => false) {
      await settled();
      for (let event = heap.takeBefore(endMs); event; event = heap.takeBefore(endMs)) {
        if (!event.run) continue;
        nowMs = event.atMs;
        happened += 1;
        event.run();
        await settled();
        if (isOver()) return;
      }
      nowMs = endMs;
    },
  };
}
