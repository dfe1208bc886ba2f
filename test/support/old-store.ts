import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Key, Kind, Store } from '../../src/ports/store.ts';

/** A store that an earlier release wrote, with the parts of the CA and the world that its documents name. */
export interface OldStore {
  /** What happened. */
  readonly title: string;
  /** `waiting`: for a back-off or a hold of the CA. `pending`: a target lacks the current version. */
  readonly state: 'idle' | 'interrupted' | 'waiting' | 'pending';
  /** The time when it was left. */
  readonly at: string;
  /** By `kind/name`. */
  readonly documents: Named<object>;
  /** The simulated CA's records by id; dates are text, and a chain that a version document holds is `=version/…`. */
  readonly accounts: Named<object>;
  readonly orders: Named<object>;
  readonly authorizations: Named<object>;
  readonly certificates: Named<object>;
  /** Below the folder of the web server. */
  readonly files: Named<string>;
  readonly txt: readonly TxtValue[];
  /** Hooks that outlived their certfleet, by pid; each adds its value later. */
  readonly hooks: Named<TxtValue>;
  /** The versions that each target was given. */
  readonly delivered: Named<readonly string[]>;
}

type Named<T> = Readonly<Record<string, T>>;

export interface TxtValue {
  readonly name: string;
  readonly value: string;
}

const folder = fileURLToPath(new URL('../fixtures/store-769111c', import.meta.url));

/** Every fixture. A file is one history: each entry has the differences from the one before; null means removed. */
export const oldStores = (): readonly (readonly [name: string, store: OldStore])[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const history = JSON.parse(readFileSync(join(folder, file), 'utf8')) as readonly Partial<OldStore>[];
      const stores: OldStore[] = [];
      for (const change of history) stores.push(changed(stores.at(-1) ?? nothing, change));
      return stores.map((store, at) => [`${file.slice(0, -5)} ${at + 1}: ${store.title}`, store] as const);
    });

export const nothing: OldStore = {
  title: '',
  state: 'idle',
  at: '2026-11-24T12:00:00.000Z',
  ...{ documents: {}, accounts: {}, orders: {}, authorizations: {}, certificates: {} },
  ...{ files: {}, txt: [], hooks: {}, delivered: {} },
};

function changed(before: OldStore, change: Partial<OldStore>): OldStore {
  const merged = Object.entries(change).map(([field, value]) => {
    if (typeof value !== 'object' || Array.isArray(value)) return [field, value];
    const all = { ...(before[field as keyof OldStore] as Named<unknown>), ...value };
    return [field, Object.fromEntries(Object.entries(all).filter(([, one]) => one !== null))];
  });
  return { ...before, ...Object.fromEntries(merged) };
}

const { signal } = new AbortController();

/** Writes the documents into an empty store. */
export async function fillStore(store: Store, documents: OldStore['documents']): Promise<void> {
  for (const [id, document] of Object.entries(documents))
    await store.put(keyOf(id), Buffer.from(JSON.stringify(document)), { ifRevision: null, signal });
}

const keyOf = (id: string): Key => {
  const at = id.indexOf('/');
  return { kind: id.slice(0, at) as Kind, name: id.slice(at + 1) };
};
