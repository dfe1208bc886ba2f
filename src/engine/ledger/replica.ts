import { isFailure } from '../../core/errors/errors.ts';
import { encodeDocument } from '../../core/lineage/lineage.ts';
import { decodeReplica, type Replica, type ReplicaDocument } from '../../core/node/replica.ts';
import type { Entry } from '../../ports/store.ts';
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
  for (;;) {
    const found = await entryOf(ports, node, signal);
    const next = change(found?.document);
    if (!next) return undefined;
    try {
      await ports.store.put(keyOf(node), encodeDocument(next), { ifRevision: found?.revision ?? null, signal });
      return next;
    } catch (error) {
      if (!isFailure(error, 'store/conflict')) throw error;
    }
  }
}

/** Returns all known nodes, in the order of their names. A document that cannot be read is left out. */
export async function readReplicas({ store }: Ports, signal: AbortSignal): Promise<readonly Replica[]> {
  const found: Replica[] = [];
  for await (const page of store.scan('replica', signal))
    for (const entry of page) {
      const { name: node } = entry.key;
      const document = entry.corrupt ? undefined : decodedOf(entry, node, store.location);
      if (document) found.push({ node, document });
    }
  return found.sort((a, b) => (a.node < b.node ? -1 : 1));
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
