import { identifierSet } from './identifier.ts';
import type { Lineage } from './lineage.ts';
import type { StoredSpec } from './spec.ts';

/** JSON with sorted keys: two values that mean the same give the same text. */
export function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
}

/** Whether the user wrote the same; a difference clears the back-off. */
export const sameSpec = (a: StoredSpec, b: StoredSpec): boolean => canonical(a) === canonical(b);

/** Whether two specs send the same order to the same CA: one's order serves the other. */
export const sameRequest = (a: StoredSpec, b: StoredSpec): boolean =>
  a.issuer.directory === b.issuer.directory &&
  a.spec.profile === b.spec.profile &&
  identifierSet(a.spec.identifiers) === identifierSet(b.spec.identifiers);

/** Whether the current certificate is the one that is wanted: names, CA and profile. */
export function hasWanted({ current }: Lineage, { spec, issuer }: StoredSpec): boolean {
  if (!current) return false;
  const has = identifierSet(current.facts.identifiers);
  return (
    has === identifierSet(spec.identifiers) &&
    current.directory === issuer.directory &&
    current.profile === spec.profile
  );
}

/**
 * Whether two specs want the same certificate at the same places. The nodes of a cluster declare it with responders of
 * their own, so solvers do not count here.
 */
export const sameResult = (a: StoredSpec, b: StoredSpec): boolean =>
  sameRequest(a, b) &&
  canonical([a.spec.deploy, a.spec.endpoints, a.deployers]) ===
    canonical([b.spec.deploy, b.spec.endpoints, b.deployers]);
