import { reasonOf } from '../../core/errors/errors.ts';
import type { Adopted, FoundCertificate, Unusable } from '../../core/lineage/found.ts';
import type { Lineage } from '../../core/lineage/lineage.ts';
import { keyTypeOfVersion } from '../../core/lineage/next-key.ts';
import { identifierSet } from '../../core/names/identifier.ts';
import { importedName } from '../../core/names/identifiers.ts';
import { type KeyType, usualKeyType } from '../../core/spec/key-type.ts';
import type { CertificateFacts } from '../../ports/pki.ts';
import type { Engine } from '../engine.ts';

// Chooses the name of each imported certificate in the store, and finds certificates that are the same.

/** A certificate that has a name in the store. */
interface Holder {
  readonly name: string;
  readonly names: string;
  readonly directory: string;
  readonly keyType: KeyType | undefined;
  readonly facts: CertificateFacts | undefined;
}

interface Places {
  readonly keepDoubles: boolean;
  readonly byName: Map<string, Holder>;
  readonly byFingerprint: Map<string, Holder>;
  /** The newest certificate of each kind of request. */
  readonly byRequest: Map<string, Holder>;
  /** Names that this import has assigned. */
  readonly given: Set<string>;
}

const requestOf = ({ directory, keyType, names }: Holder): string => `${directory} ${keyType} ${names}`;

/** @param keepDoubles keep certificates with the same names apart */
export function createPlaces(lineages: readonly Lineage[], keepDoubles: boolean): Places {
  const maps = { byName: new Map(), byFingerprint: new Map(), byRequest: new Map() };
  const places: Places = { ...maps, given: new Set(), keepDoubles };
  for (const { name, spec, current } of lineages)
    take(places, {
      name,
      names: identifierSet(spec.identifiers),
      directory: spec.issuer.settings.directory,
      keyType: current && keyTypeOfVersion(current),
      facts: current?.facts,
    });
  return places;
}

function take({ byName, byFingerprint, byRequest }: Places, holder: Holder): void {
  byName.set(holder.name, holder);
  if (!holder.facts) return;
  byFingerprint.set(holder.facts.fingerprint, holder);
  const newest = byRequest.get(requestOf(holder));
  if (!newest || isNewer(holder.facts, newest.facts)) byRequest.set(requestOf(holder), holder);
}

/** A certificate that was read successfully. */
interface Readable {
  readonly found: FoundCertificate;
  readonly facts: CertificateFacts;
  readonly chainPem: string;
  /** Undefined if certfleet does not generate keys of this type. */
  readonly keyType: KeyType | undefined;
}

/** A readable certificate that has a name in the store. */
export interface Placed extends Readable {
  readonly name: string;
  /** Why the store keeps its own version. */
  readonly stays?: string;
}

const failedBecause = ({ name, from, isLeft }: Omit<Unusable, 'reason'>, reason: string): Adopted => ({
  certificate: name,
  from,
  result: isLeft ? 'left' : 'failed',
  reason,
  remarks: [],
});

export function readOne({ pki }: Engine, found: FoundCertificate | Unusable): Adopted | Readable {
  if ('reason' in found) return failedBecause(found, found.reason);
  try {
    const { certificates, facts } = pki.readChain(found.chainPem);
    const joined = certificates.join('');
    // Keep one string rather than two equal ones for each of thousands of certificates.
    const chainPem = joined === found.chainPem ? found.chainPem : joined;
    // The dates do not matter: an expired certificate is due at once, as it would be for the other client.
    const problem = pki.mismatch(certificates[0] ?? '', found.keyPem, facts.identifiers, new Date(facts.notBefore));
    if (problem !== undefined)
      return failedBecause(found, `its certificate and its key do not belong together: ${problem}`);
    if (facts.identifiers.length === 0) return failedBecause(found, 'its certificate has no names');
    return { found, facts, chainPem, keyType: pki.keyType(found.keyPem) };
  } catch (error) {
    return failedBecause(found, reasonOf(error));
  }
}

/** Names each certificate. The newest come first, so that the newest of several with the same names is kept. */
export function placeAll(all: readonly (Adopted | Readable)[], places: Places): readonly (Adopted | Placed)[] {
  const placed = new Map<Adopted | Readable, Adopted | Placed>();
  const readable = all.filter((one) => 'facts' in one);
  for (const one of readable.toSorted((a, b) => Date.parse(b.facts.notBefore) - Date.parse(a.facts.notBefore)))
    placed.set(one, place(one, places));
  return all.map((one) => placed.get(one) ?? (one as Adopted));
}

function place(readable: Readable, places: Places): Adopted | Placed {
  const { found, facts, keyType = usualKeyType } = readable;
  const { directory } = found.settings.issuer.settings;
  const wanted = importedName(found.name);
  const holder: Holder = { name: wanted, names: identifierSet(facts.identifiers), directory, keyType, facts };
  const instead = (result: Adopted['result'], certificate: string, reason: string): Adopted => {
    const renamed = certificate === found.name ? {} : { renamedFrom: found.name };
    return { certificate, from: found.from, result, reason, notAfter: facts.notAfter, remarks: [], ...renamed };
  };
  const twin = places.byFingerprint.get(facts.fingerprint);
  if (twin && (twin.name === wanted || !places.keepDoubles))
    return places.given.has(twin.name)
      ? instead('merged', twin.name, 'it is the same certificate')
      : { ...readable, name: twin.name, stays: 'it is in the store already' };
  const same = places.byName.get(wanted);
  const isOlder = same?.names === holder.names && same.directory === directory && !isNewer(facts, same.facts);
  if (isOlder && !places.given.has(wanted))
    return { ...readable, name: wanted, stays: 'the store has a newer certificate' };
  const double = places.keepDoubles ? undefined : places.byRequest.get(requestOf(holder));
  if (double && !isNewer(facts, double.facts))
    return instead('merged', double.name, 'another one has the same names and kind of key, and is newer');
  const name = double?.name ?? freeName(holder, places);
  places.given.add(name);
  take(places, { ...holder, name });
  return { ...readable, name };
}

const isNewer = (facts: CertificateFacts, other: CertificateFacts | undefined): boolean =>
  other === undefined || Date.parse(facts.notBefore) > Date.parse(other.notBefore);

/** Returns a name that no other certificate has, neither in the store nor in this import. */
function freeName({ name, names, directory }: Holder, { byName, given }: Places): string {
  const isFree = (one: string): boolean => {
    const holder = byName.get(one);
    return !holder || (!given.has(one) && holder.names === names && holder.directory === directory);
  };
  for (let number = 1; ; number++) {
    const one = number === 1 ? name : `${name}-${number}`;
    if (isFree(one)) return one;
  }
}
