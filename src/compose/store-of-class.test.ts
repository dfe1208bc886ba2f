import { describe, expect, it } from 'vitest';
import { randomOf, seeded } from '../../test/support/seeded.ts';
import { spreadable } from '../lib/spreadable.ts';
import type { Store } from '../ports/store.ts';
import { openEncrypted, storeKeyOf } from '../stores/encrypted.ts';
import { createMemoryStore } from '../stores/memory.ts';
import { withoutLiterals } from './literals.ts';

const { signal } = new AbortController();
const random = randomOf(seeded('store of class'));

/** A store as somebody else may write it: its methods are those of its class. */
class ClassStore implements Store {
  readonly #inner = createMemoryStore();
  readonly called: string[] = [];
  get location() {
    return this.#inner.location;
  }
  get(...args: Parameters<Store['get']>) {
    return this.#inner.get(...args);
  }
  put(...args: Parameters<Store['put']>) {
    return this.#inner.put(...args);
  }
  delete(...args: Parameters<Store['delete']>) {
    return this.#inner.delete(...args);
  }
  scan(...args: Parameters<Store['scan']>) {
    return this.#inner.scan(...args);
  }
  changes(...args: Parameters<Store['changes']>) {
    return this.#inner.changes(...args);
  }
  list(...args: Parameters<Store['list']>) {
    return this.#inner.list(...args);
  }
  exists(...args: Parameters<Store['exists']>) {
    return this.#inner.exists(...args);
  }
  async check() {
    this.called.push('check');
  }
  async tidy() {
    this.called.push('tidy');
  }
  async close() {
    this.called.push('close');
  }
}

describe('a store around one of a class', () => {
  it.each<[string, (inner: Store) => Store | Promise<Store>]>([
    ['with the same members', spreadable],
    ['without literals', (inner) => withoutLiterals(inner, random)],
    [
      'encrypted',
      async (inner) =>
        (await openEncrypted(inner, { keys: [storeKeyOf(new Uint8Array(32))], random, isNew: true }, signal)).store,
    ],
  ])('has all of its methods: %s', async (_which, around) => {
    const inner = new ClassStore();
    const store = await around(inner);
    const key = { kind: 'lineage', name: 'a' } as const;
    const revision = await store.put(key, Buffer.from('{}'), { ifRevision: null, signal });
    expect(Buffer.from((await store.get(key, signal))!.bytes).toString()).toBe('{}');
    for await (const page of store.scan('lineage', signal)) expect(page).toHaveLength(1);
    const { cursor } = await store.changes('lineage', undefined, signal);
    await store.delete(key, { ifRevision: revision, signal });
    expect((await store.changes('lineage', cursor, signal)).entries).toEqual([{ key, gone: true }]);
    await store.check(signal);
    await store.tidy(signal);
    await store.close?.();
    expect([store.location, inner.called]).toEqual([inner.location, ['check', 'tidy', 'close']]);
    expect(store.scrub).toBeUndefined();
  });
});
