import { isFailure } from '../core/errors/errors.ts';
import { encodeDocument } from '../core/lineage/lineage.ts';
import type { Clock } from '../ports/clock.ts';
import type { Entry, Kind, Store } from '../ports/store.ts';

export interface Found<T> {
  readonly document: T;
  readonly revision: string;
}

/** The documents of a kind, and what is known of them without a read. */
export interface Book<T extends object> {
  get(name: string, signal: AbortSignal): Promise<Found<T> | undefined>;
  /** Like `get`, but without a read while {@link Book.look} is called often: then it may be some seconds old. */
  known(name: string, signal: AbortSignal): Promise<Found<T> | undefined>;
  /** Returns all that can be read. */
  all(signal: AbortSignal): Promise<ReadonlyMap<string, Found<T>>>;
  /** Reports whether there is a document, readable or not. */
  isEmpty(signal: AbortSignal): Promise<boolean>;
  /** Fails with `store/conflict` if the revision is not current; null for a document that does not exist. */
  put(name: string, document: T, revision: string | null, signal: AbortSignal): Promise<void>;
  /** Reports whether it was there in this revision. */
  remove(name: string, found: Found<T>, signal: AbortSignal): Promise<boolean>;
  /** Forgets what is known of a document. */
  forget(name: string): void;
  /** Learns what others have changed. */
  look(signal: AbortSignal): Promise<void>;
  /** What is known. */
  readonly memory: ReadonlyMap<string, Found<T>>;
}

/** What was learned longer ago is not relied on: a role may have been taken away since. */
const freshMs = 30_000;

export function createBook<T extends object>(
  { store, clock }: { readonly store: Store; readonly clock: Pick<Clock, 'monotonicMs'> },
  kind: Kind,
  decode: (bytes: Uint8Array, name: string, file: string) => T,
): Book<T> {
  const memory = new Map<string, Found<T>>();
  let cursor: unknown;
  let learnedMs = Number.NEGATIVE_INFINITY;

  const found = ({ bytes, key, revision }: Entry): Found<T> => ({
    document: decode(bytes, key.name, store.location),
    revision,
  });
  function learn(entry: Entry): void {
    memory.delete(entry.key.name);
    if (entry.corrupt) return;
    try {
      memory.set(entry.key.name, found(entry));
    } catch (error) {
      if (!isFailure(error, 'store/corrupt')) throw error;
    }
  }
  async function get(name: string, signal: AbortSignal): Promise<Found<T> | undefined> {
    const entry = await store.get({ kind, name }, signal);
    return entry && found(entry);
  }

  return {
    memory,
    get,
    forget: (name) => void memory.delete(name),
    async known(name, signal) {
      const isFresh = clock.monotonicMs() - learnedMs < freshMs;
      // Another process may have written it a moment ago.
      return (isFresh ? memory.get(name) : undefined) ?? get(name, signal);
    },
    async all(signal) {
      const all = new Map<string, Found<T>>();
      for await (const page of store.scan(kind, signal))
        for (const entry of page) if (!entry.corrupt) all.set(entry.key.name, found(entry));
      return all;
    },
    async isEmpty(signal) {
      for await (const page of store.scan(kind, signal)) if (page.length > 0) return false;
      return true;
    },
    async put(name, document, revision, signal) {
      const next = await store.put({ kind, name }, encodeDocument(document), { ifRevision: revision, signal });
      memory.set(name, { document, revision: next });
    },
    async remove(name, { revision }, signal) {
      try {
        await store.delete({ kind, name }, { ifRevision: revision, signal });
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
        return false;
      } finally {
        memory.delete(name);
      }
      return true;
    },
    async look(signal) {
      const atMs = clock.monotonicMs();
      const isFirst = cursor === undefined;
      const changed = await store.changes(kind, cursor, signal);
      if (isFirst) for await (const page of store.scan(kind, signal)) for (const entry of page) learn(entry);
      for (const entry of changed.entries) {
        if ('gone' in entry) memory.delete(entry.key.name);
        else learn(entry);
      }
      ({ cursor } = changed);
      learnedMs = atMs;
    },
  };
}
