import { type Identifier, sameIdentifiers } from '../names/identifier.ts';
import { sameValidity } from '../spec/same-spec.ts';
import type { StoredSpec, Wishes } from '../spec/spec.ts';
import type { Lineage, Version } from './lineage.ts';
import { keyTypeOfVersion } from './next-key.ts';

/** Whether the current certificate is what the spec asks for. */
export const hasWanted = ({ current }: Lineage, wanted: StoredSpec): boolean =>
  current !== undefined && differences(current, wanted).length === 0;

/** In what a version is not as the spec asks, in words. */
export function differences(version: Version, spec: StoredSpec): readonly string[] {
  const same = {
    names: sameIdentifiers(namesOf(version, spec), spec.identifiers),
    CA: version.directory === spec.issuer.settings.directory,
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
