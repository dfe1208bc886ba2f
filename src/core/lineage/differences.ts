import { type Identifier, sameIdentifiers } from '../names/identifier.ts';
import { sameValidity } from '../spec/same-spec.ts';
import type { StoredSpec, Wishes } from '../spec/spec.ts';
import type { Lineage, Version } from './lineage.ts';
import { keyTypeOfVersion } from './next-key.ts';

/** Reports whether the current certificate matches the spec. */
export const hasWanted = ({ current }: Lineage, wanted: StoredSpec): boolean =>
  current !== undefined && Object.values(agreements).every((agrees) => agrees(current, wanted));

/** Returns the ways in which a version differs from the spec, in words. */
export function differences(version: Version, spec: StoredSpec): readonly string[] {
  return Object.entries(agreements).flatMap(([what, agrees]) => (agrees(version, spec) ? [] : [what]));
}

const agreements: Readonly<Record<string, (version: Version, spec: StoredSpec) => boolean>> = {
  names: (version, spec) => sameIdentifiers(namesOf(version, spec), spec.identifiers),
  CA: (version, spec) => version.directory === spec.issuer.settings.directory,
  // An unspecified type stays as it is.
  'key type': (version, spec) => spec.keyType === undefined || spec.keyType === keyTypeOfVersion(version),
  profile: (version, spec) => version.profile === spec.profile,
  'preferred chain': (version, spec) => version.preferredChain === spec.preferredChain,
  validity: sameValidity,
};

/** Returns a version's names, including those that were refused, unless the spec requires all of them. */
function namesOf({ facts, dropped }: Version, { onFailedName }: Wishes): readonly Pick<Identifier, 'value'>[] {
  if (!dropped || onFailedName !== 'drop') return facts.identifiers;
  return [...facts.identifiers, ...dropped.map(({ identifier }) => ({ value: identifier }))];
}
