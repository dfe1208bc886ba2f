import { type CertfleetError, fail } from '../core/errors/errors.ts';
import { checkDocument } from '../core/lineage/document-limits.ts';
import { defineStore, z } from '../define.ts';
import type { Entry, Key, Store } from '../ports/store.ts';

/** Small, so that tests get more than one page. */
const pageSize = 16;

/**
 * Creates a store that lives as long as the object, for tests and experiments.
 *
 * @param taken returns the bytes to keep, or to hand out: a copy, unless all who use the store leave them as they are
 */
export function createMemoryStore(taken = (bytes: Uint8Array): Uint8Array => bytes.slice()): Store {
  const entries = new Map<string, Entry>();
  /** When each document was last written or deleted, by the counter. */
  const changed = new Map<string, { readonly key: Key; readonly at: number }>();
  // One counter for all keys, so that no revision ever repeats.
  let counter = 0;

  const idOf = (key: Key): string => `${key.kind}/${key.name}`;
  const conflict = (key: Key): CertfleetError => fail('store/conflict', { key: idOf(key) });
  /** Counts a change, which becomes the latest of all. */
  const count = ({ kind, name }: Key): number => {
    const key = { kind, name };
    changed.delete(idOf(key));
    changed.set(idOf(key), { key, at: ++counter });
    return counter;
  };
  const copy = (entry: Entry): Entry => ({ ...entry, bytes: taken(entry.bytes) });

  return {
    location: 'memory',
    async get(key, signal) {
      signal.throwIfAborted();
      checkDocument(key);
      const entry = entries.get(idOf(key));
      return entry && copy(entry);
    },
    async put(key, bytes, { ifRevision, signal }) {
      signal.throwIfAborted();
      checkDocument(key, bytes);
      if ((entries.get(idOf(key))?.revision ?? null) !== ifRevision) throw conflict(key);
      const revision = String(count(key));
      entries.set(idOf(key), { key: { kind: key.kind, name: key.name }, revision, bytes: taken(bytes) });
      return revision;
    },
    async delete(key, { ifRevision, signal }) {
      signal.throwIfAborted();
      checkDocument(key);
      const entry = entries.get(idOf(key));
      if (!entry) return;
      if (entry.revision !== ifRevision) throw conflict(key);
      entries.delete(idOf(key));
      count(key);
    },
    async *scan(kind, signal, isKnown) {
      signal.throwIfAborted();
      const all = [...entries.values()]
        .filter(({ key, revision }) => key.kind === kind && !isKnown?.(key.name, revision))
        .map((entry) => (isKnown ? { ...copy(entry), stamp: entry.revision } : copy(entry)));
      for (let at = 0; at < all.length; at += pageSize) {
        signal.throwIfAborted();
        yield all.slice(at, at + pageSize);
      }
    },
    async changes(kind, cursor, signal) {
      signal.throwIfAborted();
      const since = typeof cursor === 'number' ? cursor : counter;
      const news = [...changed.values()].filter(({ key, at }) => at > since && key.kind === kind);
      const found = news.map(({ key }) => {
        const entry = entries.get(idOf(key));
        return entry ? copy(entry) : ({ key, gone: true } as const);
      });
      return { entries: found, cursor: counter };
    },
    async list(kind, signal) {
      signal.throwIfAborted();
      const names = [...entries.values()].filter(({ key }) => key.kind === kind).map(({ key }) => key.name);
      return { names, has: (name) => entries.has(idOf({ kind, name })) };
    },
    async exists(signal) {
      signal.throwIfAborted();
      return true;
    },
    async check(signal) {
      signal.throwIfAborted();
    },
    async tidy(signal) {
      signal.throwIfAborted();
    },
  };
}

export default defineStore({
  id: 'memory',
  title: 'Memory (stores nothing)',
  since: '0.1.0',
  options: z.object({}),
  notes: 'For tests: all state is lost when the process ends, so nothing can be resumed or renewed.',
  connect: () => createMemoryStore(),
});
