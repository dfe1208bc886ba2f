import fc from 'fast-check';
import { expect, it } from 'vitest';
import { createOrdered } from './ordered.ts';

interface Item {
  readonly name: string;
  readonly ms: number;
}

const times = fc.constantFrom(1, 2, 3, Number.NaN);
const change = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), ms: fc.option(times) });

it('has the order that sorting all again would give, from each place on', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 6 }),
      fc.boolean(),
      fc.constantFrom(0, 1, 4, 500),
      (rounds, isDescending, mostChanges) => {
        const items = new Map<string, Item>();
        const order = createOrdered<Item>(({ ms }) => ms, mostChanges);
        for (const round of rounds) {
          for (const { name, ms } of round) {
            const next = ms === null ? undefined : { name, ms };
            order.replace(items.get(name), next);
            if (next) items.set(name, next);
            else items.delete(name);
          }
          const numberOf = ({ ms }: Item) => (Number.isNaN(ms) ? 4 : ms);
          const sorted = [...items.values()].sort((a, b) => numberOf(a) - numberOf(b) || (a.name < b.name ? -1 : 1));
          const expected = isDescending ? sorted.reverse() : sorted;
          expect([...order.from(items.values(), undefined, isDescending)]).toEqual(expected);
          for (const [at, item] of expected.entries())
            expect([...order.from(items.values(), order.placeOf(item), isDescending)]).toEqual(expected.slice(at + 1));
        }
      },
    ),
    { numRuns: 200 },
  );
});
