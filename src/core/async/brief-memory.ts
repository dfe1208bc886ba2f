/**
 * Remembers each key's value for a fixed time after it was last set. Expired entries are removed, so it does not leak
 * memory.
 */
export interface BriefMemory<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
  delete(key: string): void;
  readonly size: number;
}

/** @param nowMs a monotonic clock */
export function createBriefMemory<T>(nowMs: () => number, forMs: number): BriefMemory<T> {
  // In order of expiry.
  const kept = new Map<string, { readonly value: T; readonly endMs: number }>();
  return {
    get(key) {
      const found = kept.get(key);
      return found && found.endMs > nowMs() ? found.value : undefined;
    },
    set(key, value) {
      for (const [old, { endMs }] of kept) {
        if (endMs > nowMs()) break;
        kept.delete(old);
      }
      kept.delete(key);
      kept.set(key, { value, endMs: nowMs() + forMs });
    },
    delete: (key) => void kept.delete(key),
    get size() {
      return kept.size;
    },
  };
}
