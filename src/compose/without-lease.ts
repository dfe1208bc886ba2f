import { fail } from '../core/errors/errors.ts';
import { decodeLineage, encodeDocument, type Lineage } from '../core/lineage/lineage.ts';
import { decodeLock } from '../core/lineage/lock.ts';
import { restored } from '../core/lineage/work/lease.ts';
import { after } from '../core/lineage/work/transition.ts';
import { restoredReplica } from '../core/node/claim.ts';
import { decodeReplica } from '../core/node/replica.ts';
import type { Entry, Key } from '../ports/store.ts';

/** A document as it is on its medium, perhaps sealed. */
export type PlainDocument = Pick<Entry, 'key' | 'bytes'>;

export const idOf = ({ kind, name }: Key): string => `${kind}/${name}`;

/**
 * Removes the lease from a document that goes into another store. There, a lease no longer protects anything, and would
 * make other processes wait.
 */
export function withoutLease({ key, bytes }: PlainDocument, location: string): PlainDocument {
  if (key.kind === 'lineage') {
    const lineage = decodeLineage(bytes, key.name, location);
    const bad = versionsOf(lineage).find(({ id }) => !isVersionId(id));
    if (bad)
      throw fail('store/corrupt', {
        key: idOf(key),
        reason: `${shown(bad.id)} is not a valid version name`,
        file: location,
      });
    const next = lineage.work?.lease ? after(lineage, restored()) : lineage;
    return { key, bytes: next === lineage || !next ? bytes : encodeDocument(next) };
  }
  if (key.kind === 'lock') {
    const { lease, ...lock } = decodeLock(bytes, key.name, location);
    return { key, bytes: lease ? encodeDocument(lock) : bytes };
  }
  if (key.kind === 'replica')
    return { key, bytes: encodeDocument(restoredReplica(decodeReplica(bytes, key.name, location))) };
  return { key, bytes };
}

/** Returns the versions of a lineage. The version in progress has no chain, and may have no key yet. */
export const versionsOf = ({ current, previous, work }: Lineage) =>
  [
    ...[current, previous].map((version) => ({ id: version?.id ?? '', isStored: true })),
    ...[work?.version, work?.parked?.version].map((id) => ({ id: id ?? '', isStored: false })),
  ].filter(({ id }) => id !== '');

export const isVersionId = (id: string): boolean => /^[\w-]{1,64}$/.test(id);

export const shown = (value: unknown): string => (typeof value === 'string' ? value.slice(0, 80) : typeof value);
