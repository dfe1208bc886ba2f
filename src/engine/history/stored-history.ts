import { isFailure } from '../../core/errors/errors.ts';
import { decodeHistory, encodeHistory, withRun } from '../../core/history/history.ts';
import type { RunEntry } from '../../core/history/run-entry.ts';
import { saidRun } from '../../core/history/run-wording.ts';
import type { Key, Store } from '../../ports/store.ts';

interface Ports {
  readonly store: Store;
}

const keyOf = (name: string): Key => ({ kind: 'history', name });

/** Returns the last runs of a certificate with their messages in English, the latest last. Fails with `store/corrupt`. */
export async function readHistory({ store }: Ports, name: string, signal: AbortSignal): Promise<readonly RunEntry[]> {
  const entry = await store.get(keyOf(name), signal);
  const { runs } = entry ? decodeHistory(entry.bytes, name, store.location) : { runs: [] };
  return runs.map((run) => saidRun(run, 'en'));
}

/**
 * Adds a run to the history of a certificate, unless the certificate has been deleted. Another process may add one at
 * the same time. A document that cannot be read is replaced.
 */
export async function addRun({ store }: Ports, name: string, run: RunEntry, signal: AbortSignal): Promise<void> {
  const isDeleted = async () => !(await store.get({ kind: 'lineage', name }, signal));
  let wasThere = false;
  for (;;) {
    const { runs, revision } = await readOrReplace(store, name, signal);
    const isFirst = revision === null;
    // Whoever deletes a certificate deletes its history first.
    if (isFirst && (wasThere || (await isDeleted()))) return;
    wasThere = !isFirst;
    try {
      await store.put(keyOf(name), encodeHistory(withRun(runs, run)), { ifRevision: revision, signal });
      if (isFirst && (await isDeleted())) await forgetHistory({ store }, name, signal);
      return;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

async function readOrReplace(
  store: Store,
  name: string,
  signal: AbortSignal,
): Promise<{ readonly runs: readonly RunEntry[]; readonly revision: string | null }> {
  const entry = await unlessDamaged(store, name, signal);
  if (!entry) return { runs: [], revision: null };
  try {
    return { runs: decodeHistory(entry.bytes, name, store.location).runs, revision: entry.revision };
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return { runs: [], revision: entry.revision };
  }
}

/** Reads the document. One that the store cannot read is put aside, and then there is none. */
async function unlessDamaged(store: Store, name: string, signal: AbortSignal) {
  try {
    return await store.get(keyOf(name), signal);
  } catch (error) {
    if (!isFailure(error, 'store/corrupt') || !store.setAside) throw error;
    const aside = await store.setAside(keyOf(name), signal);
    return aside?.standing || !aside ? store.get(keyOf(name), signal) : undefined;
  }
}

/** Removes the history of a certificate. */
export async function forgetHistory({ store }: Ports, name: string, signal: AbortSignal): Promise<void> {
  const entry = await unlessDamaged(store, name, signal);
  if (entry) await store.delete(keyOf(name), { ifRevision: entry.revision, signal });
}
