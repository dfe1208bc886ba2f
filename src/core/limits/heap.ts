/** A binary heap: the first in order comes out first. Items that are equal come out in any order. */
export interface Heap<T> {
  push(item: T): void;
  /** Returns the first item, which stays. */
  first(): T | undefined;
  pop(): T | undefined;
}

export function createHeap<T>(numberOf: (item: T) => number): Heap<T> {
  const items: T[] = [];
  const isBefore = (a: number, b: number) => numberOf(items[a]!) < numberOf(items[b]!);
  const swap = (a: number, b: number) => {
    [items[a], items[b]] = [items[b]!, items[a]!];
  };
  return {
    push(item) {
      items.push(item);
      for (let at = items.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isBefore(at, parent)) return;
        swap(at, parent);
        at = parent;
      }
    },
    first: () => items[0],
    pop() {
      if (items.length < 2) return items.pop();
      swap(0, items.length - 1);
      const popped = items.pop();
      for (let at = 0; ; ) {
        const left = 2 * at + 1;
        if (left >= items.length) return popped;
        const child = left + 1 < items.length && isBefore(left + 1, left) ? left + 1 : left;
        if (!isBefore(child, at)) return popped;
        swap(at, child);
        at = child;
      }
    },
  };
}
