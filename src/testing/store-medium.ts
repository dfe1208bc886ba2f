import { isFailure } from '../core/errors/errors.ts';
import type { Key, Store } from '../ports/store.ts';
import type { ContractTest } from './store-contract.ts';

/** What a test can do to a medium on which writes take time, and answers may be lost. */
export interface StoreMedium {
  /** Begins to write a document, past the point where it can be seen to be written; the result ends the write. */
  begin(store: Store, key: Key, bytes: Uint8Array): Promise<() => Promise<void>>;
  /**
   * From now on, the next write of the store has its effect and then its answer is lost. `meanwhile` runs between the
   * two.
   */
  loseNextAnswer(store: Store, meanwhile?: () => Promise<void>): void;
}

/** The part of the contract for stores on such a medium. */
export function storeMediumContract(
  { describe, it, expect }: ContractTest,
  makeStore: () => Promise<{ readonly store: Store; readonly other: Store }>,
  medium: StoreMedium,
): void {
  const { signal } = new AbortController();
  const bytesOf = (text: string) => new TextEncoder().encode(text);
  const key = (name: string): Key => ({ kind: 'lineage', name });
  const textOf = async (store: Store, name: string) => {
    const entry = await store.get(key(name), signal);
    return entry && new TextDecoder().decode(entry.bytes);
  };
  const outcomeOf = (call: Promise<unknown>): Promise<string> =>
    call.then(
      () => 'resolved',
      (error: unknown) => (isFailure(error) ? error.code : String(error)),
    );

  describe('store contract: slow writes', () => {
    it('shows a write that began before a look at the changes and ended after it', async () => {
      const { store, other } = await makeStore();
      await other.put(key('old'), bytesOf('old'), { ifRevision: null, signal });
      let { cursor } = await store.changes('lineage', undefined, signal);
      const look = async () => {
        const found = await store.changes('lineage', cursor, signal);
        cursor = found.cursor;
        return found.entries.map(({ key: { name } }) => name).sort();
      };
      const endFirst = await medium.begin(other, key('first'), bytesOf('x'));
      await other.put(key('between'), bytesOf('x'), { ifRevision: null, signal });
      const endSecond = await medium.begin(other, key('second'), bytesOf('x'));
      expect(await look()).toEqual(['between']);
      await endSecond();
      expect((await look()).includes('second')).toBe(true);
      await other.put(key('late'), bytesOf('x'), { ifRevision: null, signal });
      await endFirst();
      const last = await look();
      expect(['first', 'late'].filter((name) => !last.includes(name))).toEqual([]);
      expect(await look()).toEqual([]);
    });
  });

  describe('store contract: lost answers', () => {
    it('tells that a write had its effect', async () => {
      const { store, other } = await makeStore();
      await other.put(key('ready'), bytesOf('x'), { ifRevision: null, signal });
      await store.get(key('ready'), signal);
      medium.loseNextAnswer(store);
      const first = await store.put(key('a'), bytesOf('one'), { ifRevision: null, signal });
      expect((await other.get(key('a'), signal))?.revision).toBe(first);
      medium.loseNextAnswer(store);
      const second = await store.put(key('a'), bytesOf('two'), { ifRevision: first, signal });
      expect((await other.get(key('a'), signal))?.revision).toBe(second);
      expect(await textOf(other, 'a')).toBe('two');
      medium.loseNextAnswer(store);
      await store.delete(key('a'), { ifRevision: second, signal });
      expect(await textOf(other, 'a')).toBe(undefined);
    });

    it('changes nothing that others did meanwhile', async () => {
      const { store, other } = await makeStore();
      const base = await other.put(key('a'), bytesOf('base'), { ifRevision: null, signal });
      await store.get(key('a'), signal);
      const now = async () => (await other.get(key('a'), signal))?.revision ?? '';
      // They wrote on what this process had written.
      medium.loseNextAnswer(store, async () => {
        await other.put(key('a'), bytesOf('theirs'), { ifRevision: await now(), signal });
      });
      const late = store.put(key('a'), bytesOf('mine'), { ifRevision: base, signal });
      expect(await outcomeOf(late)).toBe('store/conflict');
      expect(await textOf(other, 'a')).toBe('theirs');
      // They deleted what this process had made.
      medium.loseNextAnswer(store, async () =>
        other.delete(key('b'), { ifRevision: (await other.get(key('b'), signal))?.revision ?? '', signal }),
      );
      const made = store.put(key('b'), bytesOf('mine'), { ifRevision: null, signal });
      expect(await outcomeOf(made)).toBe('store/conflict');
      expect(await textOf(other, 'b')).toBe(undefined);
    });
  });
}
