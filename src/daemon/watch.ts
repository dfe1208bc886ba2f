/** Watches files, or groups of them, by their stamps. */
export interface Watch {
  /** Begins to watch a key, or goes on if it is watched already. Its stamp is empty while there is nothing. */
  add(key: string, stamp: () => Promise<string>): Promise<void>;
  /** Begins to watch a key of which an earlier stamp is known. */
  since(before: string, key: string, stamp: () => Promise<string>): void;
  forget(key: string): void;
  /**
   * Looks at everything once. A change counts once two looks in a row have found the same, because a file may be
   * half-written.
   */
  look(): Promise<Looked>;
}

interface Looked {
  /** Whether something has changed since the last look, so that the next one should be soon. */
  readonly isChanging: boolean;
  readonly changed: readonly Change[];
}

export interface Change {
  readonly key: string;
  readonly isThere: boolean;
}

interface Watched {
  readonly stamp: () => Promise<string>;
  /** The stamp that was last told, and that of the last look. */
  told: string;
  last: string;
}

export function createWatch(): Watch {
  const all = new Map<string, Watched>();
  const adding = new Map<string, Promise<void>>();
  return {
    add(key, stamp) {
      if (all.has(key)) return Promise.resolve();
      const known = adding.get(key);
      if (known) return known;
      const added = stamp()
        .then((now) => void all.set(key, { stamp, told: now, last: now }))
        .finally(() => adding.delete(key));
      adding.set(key, added);
      return added;
    },
    since: (before, key, stamp) => void all.set(key, { stamp, told: before, last: before }),
    forget: (key) => void all.delete(key),
    async look() {
      let isChanging = false;
      const changed: Change[] = [];
      for (const [key, one] of all) {
        const now = await one.stamp();
        if (now !== one.last) isChanging = true;
        else if (now !== one.told) {
          one.told = now;
          changed.push({ key, isThere: now !== '' });
        }
        one.last = now;
      }
      return { isChanging, changed };
    },
  };
}
