import { sameAccount } from './account.ts';
import { type Identifier, sameIdentifiers } from './identifier.ts';
import { keyTypeOfVersion } from './key-type.ts';
import type { Lineage, Version } from './lineage.ts';
import type { StoredSpec, Wishes } from './spec.ts';

/** JSON with sorted keys, so that equal values give equal text. */
export const canonical = (value: unknown): string => JSON.stringify(sorted(value));

// A replacer function would make JSON.stringify three times as slow.
function sorted(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const copy: Record<string, unknown> = {};
  for (const key of Object.keys(value).sort()) copy[key] = sorted((value as Record<string, unknown>)[key]);
  return copy;
}

/** Whether two specs are equal; a change clears the back-off. */
export const sameSpec = (a: StoredSpec, b: StoredSpec): boolean => canonical(a) === canonical(b);

/** Whether two specs lead to the same order of the same account, so that one's order serves the other. */
export const sameRequest = (a: StoredSpec, b: StoredSpec): boolean =>
  sameAccount(a.issuer, b.issuer) &&
  a.spec.keyType === b.spec.keyType &&
  a.spec.onFailedName === b.spec.onFailedName &&
  sameOrder(a.spec, b.spec) &&
  sameIdentifiers(a.spec.identifiers, b.spec.identifiers);

/** Whether the current certificate is what the spec asks for. */
export const hasWanted = ({ current }: Lineage, wanted: StoredSpec): boolean =>
  current !== undefined && differences(current, wanted).length === 0;

/** In what a version is not as the spec asks, in words. */
export function differences(version: Version, { spec, issuer }: StoredSpec): readonly string[] {
  const same = {
    names: sameIdentifiers(namesOf(version, spec), spec.identifiers),
    CA: version.directory === issuer.directory,
    // A type that is not named stays as it is.
    'key type': spec.keyType === undefined || spec.keyType === keyTypeOfVersion(version),
    profile: version.profile === spec.profile,
    'preferred chain': version.preferredChain === spec.preferredChain,
    validity: sameValidity(version, spec),
  };
  return Object.entries(same).flatMap(([what, isSame]) => (isSame ? [] : [what]));
}

/** The names of a version, with those that were refused, unless the spec must have all. */
function namesOf({ facts, dropped }: Version, { onFailedName }: Wishes): readonly Pick<Identifier, 'value'>[] {
  if (!dropped || onFailedName !== 'drop') return facts.identifiers;
  return [...facts.identifiers, ...dropped.map(({ identifier }) => ({ value: identifier }))];
}

type Ordered = Pick<Wishes, 'profile' | 'validity' | 'preferredChain'>;

/** Whether a certificate that one of them asks for serves the other. */
const sameOrder = (a: Ordered, b: Ordered): boolean =>
  a.profile === b.profile && a.preferredChain === b.preferredChain && sameValidity(a, b);

const sameValidity = ({ validity: a }: Ordered, { validity: b }: Ordered): boolean =>
  a?.notBefore === b?.notBefore && a?.notAfter === b?.notAfter;

/**
 * Whether two specs ask for the same certificate on the same targets. Solvers may differ, because each node of a
 * cluster may declare its own responder.
 */
export const sameResult = (a: StoredSpec, b: StoredSpec): boolean =>
  sameRequest(a, b) &&
  canonical([a.spec.deploy, a.spec.endpoints, a.deployers]) ===
    canonical([b.spec.deploy, b.spec.endpoints, b.deployers]);
