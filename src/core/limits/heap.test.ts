import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createHeap } from './heap.ts';

it('gives the first item, whatever was pushed and popped before', () => {
  // A number is pushed, and null pops.
  const steps = fc.array(fc.option(fc.integer({ min: 0, max: 20 })));
  fc.assert(
    fc.property(steps, (all) => {
      const heap = createHeap<number>((item) => item);
      const list: number[] = [];
      for (const step of all) {
        expect(heap.first()).toBe(list[0]);
        if (step === null) expect(heap.pop()).toBe(list.shift());
        else {
          heap.push(step);
          list.push(step);
          list.sort((a, b) => a - b);
        }
      }
    }),
  );
});
