import { decodeLineage, type Lineage } from '../../../src/core/lineage/lineage.ts';

const lineages = new WeakMap<Uint8Array, Lineage>();

/** Returns the lineage in a document. Its bytes never change here, so all who look at them share one decoding. */
export function lineageIn(bytes: Uint8Array, name: string): Lineage {
  const lineage = lineages.get(bytes) ?? decodeLineage(bytes, name, 'memory');
  lineages.set(bytes, lineage);
  return lineage;
}
