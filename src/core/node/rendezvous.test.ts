import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownerOf, rankOf } from './rendezvous.ts';

const nodes = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 20 }), { minLength: 1, maxLength: 12 });

describe('the owner of a key', () => {
  it('is one of the nodes, whatever their order', () => {
    fc.assert(
      fc.property(fc.string(), nodes, (key, all) => {
        const owner = ownerOf(key, all);
        expect(all).toContain(owner);
        expect(ownerOf(key, [...all].reverse())).toBe(owner);
        expect(ownerOf(key, [...all, ...all])).toBe(owner);
      }),
    );
    expect(ownerOf('a', [])).toBeUndefined();
  });

  it('changes only if the owner goes, or to a node that comes', () => {
    fc.assert(
      fc.property(fc.string(), nodes, fc.string({ minLength: 21, maxLength: 30 }), (key, all, other) => {
        const owner = ownerOf(key, all);
        for (const gone of all)
          if (gone !== owner) {
            const left = all.filter((node) => node !== gone);
            expect(ownerOf(key, left)).toBe(owner);
          }
        expect([owner, other]).toContain(ownerOf(key, [...all, other]));
      }),
    );
  });

  it('is the first of an order in which each node has another rank, and keeps its place when others go', () => {
    fc.assert(
      fc.property(fc.string(), nodes, (key, all) => {
        const order = all.toSorted((a, b) => rankOf(key, a, all) - rankOf(key, b, all));
        expect(order.map((node) => rankOf(key, node, [...all, ...all]))).toEqual([...all.keys()]);
        expect(order[0]).toBe(ownerOf(key, all));
        const left = order.slice(1);
        expect(left.map((node) => rankOf(key, node, left))).toEqual([...left.keys()]);
      }),
    );
  });

  it.each([
    ['web-1', 'web-2', 'web-3'],
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
    ['node-10.example.com', 'node-11.example.com'],
  ])('is each node about equally often: %s, %s…', (...all) => {
    const keys = Array.from({ length: 6_000 }, (_, index) => `failing ${index}.example.com`);
    const counts = new Map<string, number>();
    for (const key of keys) counts.set(ownerOf(key, all)!, (counts.get(ownerOf(key, all)!) ?? 0) + 1);
    const fair = keys.length / all.length;
    for (const node of all) expect(Math.abs((counts.get(node) ?? 0) - fair)).toBeLessThan(fair * 0.15);
  });
});
