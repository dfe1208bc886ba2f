/** Creates a map of at most `most` entries. Adding one more removes the entry that was set longest ago. */
export function createBoundedMap<V>(most: number): Map<string, V> {
  const kept = new Map<string, V>();
  const set = kept.set.bind(kept);
  return Object.assign(kept, {
    set(key: string, value: V) {
      // Delete first: a map lists its keys in the order in which they were added.
      kept.delete(key);
      set(key, value);
      const [oldest] = kept.keys();
      if (kept.size > most && oldest !== undefined) kept.delete(oldest);
      return kept;
    },
  });
}
