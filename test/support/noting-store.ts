import type { Store } from '../../src/ports/store.ts';

/** A store that notes what is read of it: `lineage abc` for a document, `all of lineage` for all of a kind. */
export function notingStore(store: Store): { readonly store: Store; readonly read: string[] } {
  const read: string[] = [];
  const noting: Store = {
    ...store,
    get(key, signal) {
      read.push(`${key.kind} ${key.name}`);
      return store.get(key, signal);
    },
    scan(kind, signal, isKnown) {
      read.push(`all of ${kind}`);
      return store.scan(kind, signal, isKnown);
    },
  };
  return { store: noting, read };
}
