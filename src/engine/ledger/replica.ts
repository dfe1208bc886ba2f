import { isFailure } from '../../core/errors/errors.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { decodeReplica, type Replica, type ReplicaDocument } from '../../core/node/replica.ts';
import type { Entry, Gone } from '../../ports/store.ts';
import type { Engine } from '../engine.ts';

type Ports = Pick<Engine, 'store'>;

const keyOf = (node: string) => ({ kind: 'replica', name: node }) as const;

async function entryOf({ store }: Ports, node: string, signal: AbortSignal) {
  const entry = await store.get(keyOf(node), signal);
  return entry && { document: decodedOf(entry, node, store.location), revision: entry.revision };
}

/** Returns the document of a node; undefined also if it is damaged. */
export const readReplicaIfWhole = async (
  ports: Ports,
  node: string,
  signal: AbortSignal,
): Promise<ReplicaDocument | undefined> => (await entryOf(ports, node, signal))?.document;

/** A damaged document counts as none: the next sign of life of the node replaces it. */
function decodedOf({ bytes }: Entry, node: string, location: string): ReplicaDocument | undefined {
  try {
    return decodeReplica(bytes, node, location);
  } catch (error) {
    if (!isFailure(error, 'store/corrupt')) throw error;
    return undefined;
  }
}

export async function readReplica(
  { store }: Ports,
  node: string,
  signal: AbortSignal,
): Promise<ReplicaDocument | undefined> {
  const entry = await store.get(keyOf(node), signal);
  return entry && decodeReplica(entry.bytes, node, store.location);
}

/**
 * Changes the document of a node, unless the change returns none. Another process of the node may change it at the same
 * time. Resolves with what was written.
 */
export async function changeReplica(
  ports: Ports,
  node: string,
  change: (before: ReplicaDocument | undefined) => ReplicaDocument | undefined,
  signal: AbortSignal,
): Promise<ReplicaDocument | undefined> {
  return (await changeEntry(ports, node, change, signal))?.document;
}

async function changeEntry(
  { store }: Ports,
  node: string,
  change: (before: ReplicaDocument | undefined) => ReplicaDocument | undefined,
  signal: AbortSignal,
): Promise<{ readonly document: ReplicaDocument; readonly revision: string } | undefined> {
  for (;;) {
    const found = await entryOf({ store }, node, signal);
    const document = change(found?.document);
    if (!document) return undefined;
    try {
      const options = { ifRevision: found?.revision ?? null, signal };
      return { document, revision: await store.put(keyOf(node), encodeDocument(document), options) };
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

/**
 * Returns a function like {@link changeReplica} for a process that changes the document of its node again and again: it
 * reads that only if somebody else has written it.
 */
export function createOwnReplica(
  ports: Ports,
  node: string,
): (
  change: (before: ReplicaDocument | undefined) => ReplicaDocument | undefined,
  signal: AbortSignal,
) => Promise<ReplicaDocument | undefined> {
  let known: { readonly document: ReplicaDocument; readonly revision: string } | undefined;
  return async (change, signal) => {
    const before = known;
    // If the write fails, it may have taken effect.
    known = undefined;
    const next = before && change(before.document);
    if (before && next)
      try {
        const options = { ifRevision: before.revision, signal };
        known = { document: next, revision: await ports.store.put(keyOf(node), encodeDocument(next), options) };
        return next;
      } catch (error) {
        if (!isFailure(error, 'store/conflict')) throw error;
      }
    const written = await changeEntry(ports, node, change, signal);
    known = written;
    return written?.document;
  };
}

/** Returns all known nodes, in the order of their names. A document that cannot be read is left out. */
export async function readReplicas(ports: Ports, signal: AbortSignal): Promise<readonly Replica[]> {
  let found: readonly Replica[] = [];
  for await (const page of ports.store.scan('replica', signal)) found = withChanged(ports, found, page);
  return found;
}

/** Returns all known nodes after some documents have changed. */
export function withChanged(
  { store }: Ports,
  before: readonly Replica[],
  changed: readonly (Entry | Gone)[],
): readonly Replica[] {
  const known = new Map(before.map(({ node, document }) => [node, document]));
  for (const entry of changed) {
    const { name: node } = entry.key;
    const isThere = !('gone' in entry) && !entry.corrupt;
    const document = isThere ? decodedOf(entry, node, store.location) : undefined;
    if (document) known.set(node, document);
    else known.delete(node);
  }
  return [...known].map(([node, document]) => ({ node, document })).sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Removes the document of a node, if it is meant. Resolves with whether it did. */
export async function forgetReplica(
  { store }: Ports,
  node: string,
  signal: AbortSignal,
  isMeant: (document: ReplicaDocument | undefined) => boolean = () => true,
): Promise<boolean> {
  for (;;) {
    const entry = await store.get(keyOf(node), signal);
    if (!entry || !isMeant(decodedOf(entry, node, store.location))) return false;
    try {
      await store.delete(keyOf(node), { ifRevision: entry.revision, signal });
      return true;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}
