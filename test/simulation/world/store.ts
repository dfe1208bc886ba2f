import { fail } from '../../../src/core/errors/errors.ts';
import type { Entry, Key, Store } from '../../../src/ports/store.ts';
import type { Checks } from './checks.ts';
import type { Gate } from './gate.ts';
import type { Process } from './process.ts';

const never = new AbortController().signal;
const quick = [1, 8] as const;
const failure = () =>
  fail('store/unusable', { path: 'memory', reason: 'the disk of the simulation is full', advice: '' });

/** What the shared store is on. */
export interface Disk {
  isFull: boolean;
}

/** Returns the store on a disk that may be full. */
export const storeOn = (disk: Disk, store: Store): Store => ({
  ...store,
  put: async (...args) => {
    if (disk.isFull) throw failure();
    return store.put(...args);
  },
});

/** The shared store, as one process reaches it. */
export function storeOf(
  shared: Store,
  process: Process,
  gates: { readonly gate: Gate; readonly alarms: Gate },
  checks: Checks,
): Store {
  const call = <T>(what: string, about: string, signal: AbortSignal, effect: () => Promise<T>): Promise<T> =>
    (what.endsWith(' alarm') ? gates.alarms : gates.gate)({
      name: `store.${what}`,
      about,
      signal,
      ms: quick,
      effect,
      failure,
      isAtomic: true,
    });
  return {
    ...shared,
    get: (key, signal) => call(`get ${key.kind}`, key.name, signal, () => shared.get(key, never)),
    put: (key, bytes, { ifRevision, signal }) =>
      call(`put ${key.kind}`, key.name, signal, () =>
        checks.written(process, key, bytes, () => shared.put(key, bytes, { ifRevision, signal: never })),
      ),
    delete: (key: Key, { ifRevision, signal }) =>
      call(`delete ${key.kind}`, key.name, signal, () =>
        checks.written(process, key, undefined, () => shared.delete(key, { ifRevision, signal: never })),
      ),
    async *scan(kind, signal, isKnown) {
      const pages = await call(`scan ${kind}`, '', signal, async () => {
        const all: (readonly Entry[])[] = [];
        for await (const page of shared.scan(kind, never, isKnown)) all.push(page);
        return all;
      });
      yield* pages;
    },
    changes: (kind, cursor, signal) => call(`changes ${kind}`, '', signal, () => shared.changes(kind, cursor, never)),
    list: (kind, signal) => call(`list ${kind}`, '', signal, () => shared.list(kind, never)),
    check: (signal) => call('check', '', signal, () => shared.check(never)),
    tidy: (signal) => call('tidy', '', signal, () => shared.tidy(never)),
  };
}
