import { createHeap } from '../../core/limits/heap.ts';

/** When there is something to do for each of many certificates: one time for each name, all by one clock, in ms. */
export interface Wakes {
  /** Sets the time of a name; undefined if only a change can give it something to do. */
  set(name: string, atMs: number | undefined): void;
  /** Returns the first time of all. */
  firstMs(): number | undefined;
  /** Removes and returns the names whose time has come. */
  takeDue(nowMs: number): readonly string[];
}

interface Wake {
  readonly name: string;
  readonly atMs: number;
}

const leastToTidy = 1_000;

export function createWakes(): Wakes {
  const wakes = new Map<string, Wake>();
  // A wake that was replaced stays in the heap until its time comes, or until most of the heap is such wakes.
  let heap = createHeap<Wake>(({ atMs }) => atMs);
  let size = 0;
  function push(wake: Wake): void {
    heap.push(wake);
    size += 1;
    if (size <= 2 * wakes.size + leastToTidy) return;
    heap = createHeap(({ atMs }) => atMs);
    for (const one of wakes.values()) heap.push(one);
    size = wakes.size;
  }
  const first = (): Wake | undefined => {
    for (let wake = heap.first(); wake; wake = heap.first()) {
      if (wakes.get(wake.name) === wake) return wake;
      heap.pop();
      size -= 1;
    }
    return undefined;
  };
  return {
    set(name, atMs) {
      if (wakes.get(name)?.atMs === atMs) return;
      wakes.delete(name);
      if (atMs === undefined) return;
      const wake = { name, atMs };
      wakes.set(name, wake);
      push(wake);
    },
    firstMs: () => first()?.atMs,
    takeDue(nowMs) {
      const due: string[] = [];
      for (let wake = first(); wake && wake.atMs <= nowMs; wake = first()) {
        due.push(wake.name);
        wakes.delete(wake.name);
      }
      return due;
    },
  };
}
