import { createRecent } from '../../core/async/recent.ts';
import { asFailure, type CertfleetError } from '../../core/errors/errors.ts';
import type { Holder, HolderOf } from '../../core/lineage/holder.ts';
import { decodeLineage, type Lineage } from '../../core/lineage/lineage.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Entry, Kind } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';

/** Decodes a lineage from a scan. Fails with `store/corrupt`. */
export function readLineage({ store }: Pick<Engine, 'store'>, { key, bytes, corrupt }: Entry): Lineage {
  if (corrupt) throw corrupt;
  return decodeLineage(bytes, key.name, store.location);
}

/** Like {@link readLineage}, but returns the error. */
export function lineageOf(engine: Pick<Engine, 'store'>, entry: Entry): Lineage | CertfleetError {
  try {
    return readLineage(engine, entry);
  } catch (error) {
    return asFailure(error);
  }
}

/** Reads a lineage. Resolves with the error if it cannot be decoded, and with undefined if there is none. */
export async function lineageNamed(
  engine: Pick<Engine, 'store'>,
  name: string,
  signal: AbortSignal,
): Promise<Lineage | CertfleetError | undefined> {
  const entry = await engine.store.get({ kind: 'lineage', name }, signal);
  return entry && lineageOf(engine, entry);
}

/** How old the index of holders may be. The deliveries of a pass share it. */
const recentMs = 10_000;

/** Returns a function that finds the lineage with a version, by the first 12 digits of its fingerprint. */
export function createHolders(store: Engine['store'], clock: Clock): HolderOf {
  const holders = createRecent(clock, async (signal) => {
    const all = new Map<string, Holder>();
    for await (const page of store.scan('lineage', signal))
      for (const entry of page) {
        const found = lineageOf({ store }, entry);
        if (found instanceof Error || !found.current) continue;
        const { current, previous, spec } = found;
        for (const has of [previous, current])
          if (has)
            all.set(has.facts.fingerprint.slice(0, 12), {
              ...{ lineage: entry.key.name, has, current, targets: spec.targets },
            });
      }
    return all;
  });
  let last: ReadonlyMap<string, Holder> = new Map();

  return async (fingerprint, signal) => {
    // A version that is not in the index may have been issued since.
    last = await holders.get(last.has(fingerprint) ? recentMs : 0, signal);
    return last.get(fingerprint);
  };
}

export async function deleteDocument(
  { store }: Pick<Engine, 'store'>,
  kind: Kind,
  name: string,
  signal: AbortSignal,
): Promise<void> {
  const entry = await store.get({ kind, name }, signal);
  if (entry) await store.delete({ kind, name }, { ifRevision: entry.revision, signal });
}
