import { reasonOf } from '../../core/errors/errors.ts';
import type { Adopted, FoundCertificate, Unusable } from '../../core/lineage/found.ts';
import type { Lineage, Renewal } from '../../core/lineage/lineage.ts';
import { keyTypeOfVersion } from '../../core/lineage/next-key.ts';
import { renewalOfImported } from '../../core/lineage/renewal.ts';
import { identifierSet } from '../../core/names/identifier.ts';
import { importedName } from '../../core/names/identifiers.ts';
import { type KeyType, usualKeyType } from '../../core/spec/key-type.ts';
import type { CertificateFacts } from '../../ports/pki.ts';
import type { Engine } from '../engine.ts';

// Chooses the name of each imported certificate in the store, and finds certificates that are the same.

/** What decides which of two certificates is kept. */
interface Dated {
  readonly startMs: number;
  readonly endMs: number;
  /** Its renewal time has come. */
  readonly isDue: boolean;
}

/** A certificate that has a name in the store. */
interface Holder {
  readonly name: string;
  readonly names: string;
  readonly directory: string;
  readonly keyType: KeyType | undefined;
  readonly fingerprint: string | undefined;
  readonly dated: Dated | undefined;
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
export function createPlaces(lineages: readonly Lineage[], keepDoubles: boolean, now: Date): Places {
  const maps = { byName: new Map(), byFingerprint: new Map(), byRequest: new Map() };
  const places: Places = { ...maps, given: new Set(), keepDoubles };
  for (const lineage of lineages) take(places, holderOf(lineage, now));
  return places;
}

function holderOf({ name, spec, current, renewal }: Lineage, now: Date): Holder {
  const isOver = current?.revoked !== undefined || current?.compromised === true;
  const dated = current && datedOf(current.facts, renewal, now);
  return {
    name,
    names: identifierSet(spec.identifiers),
    directory: spec.issuer.settings.directory,
    keyType: current && keyTypeOfVersion(current),
    fingerprint: current?.facts.fingerprint,
    // A newer one always takes the place of one that must not be used.
    dated: dated && isOver ? { ...dated, endMs: 0, isDue: true } : dated,
  };
}

const datedOf = ({ notBefore, notAfter }: CertificateFacts, renewal: Renewal | undefined, now: Date): Dated => ({
  startMs: Date.parse(notBefore),
  endMs: Date.parse(notAfter),
  isDue: renewal !== undefined && Date.parse(renewal.at) <= now.getTime(),
});

function take({ byName, byFingerprint, byRequest }: Places, holder: Holder): void {
  byName.set(holder.name, holder);
  if (!holder.dated || holder.fingerprint === undefined) return;
  byFingerprint.set(holder.fingerprint, holder);
  const best = byRequest.get(requestOf(holder))?.dated;
  if (!best || isBetter(holder.dated, best)) byRequest.set(requestOf(holder), holder);
}

/** A certificate that was read successfully. */
interface Readable {
  readonly found: FoundCertificate;
  readonly facts: CertificateFacts;
  readonly chainPem: string;
  /** Undefined if certfleet does not generate keys of this type. */
  readonly keyType: KeyType | undefined;
  readonly dated: Dated;
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

export function readOne({ pki, clock }: Engine, found: FoundCertificate | Unusable): Adopted | Readable {
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
    const dated = datedOf(facts, renewalOfImported(facts, found), clock.now());
    return { found, facts, chainPem, keyType: pki.keyType(found.keyPem), dated };
  } catch (error) {
    return failedBecause(found, reasonOf(error));
  }
}

/** Names each certificate. The best come first, so that the best of several with the same names is kept. */
export function placeAll(all: readonly (Adopted | Readable)[], places: Places): readonly (Adopted | Placed)[] {
  const placed = new Map<Adopted | Readable, Adopted | Placed>();
  const readable = all.filter((one) => 'facts' in one);
  for (const one of readable.toSorted(
    (a, b) => Number(isBetter(b.dated, a.dated)) - Number(isBetter(a.dated, b.dated)),
  ))
    placed.set(one, place(one, places));
  return all.map((one) => placed.get(one) ?? (one as Adopted));
}

function place(readable: Readable, places: Places): Adopted | Placed {
  const { found, facts, keyType = usualKeyType, dated } = readable;
  const { directory } = found.settings.issuer.settings;
  const wanted = importedName(found.name);
  const { fingerprint } = facts;
  const names = identifierSet(facts.identifiers);
  const holder: Holder = { name: wanted, names, directory, keyType, fingerprint, dated };
  const instead = (result: Adopted['result'], certificate: string, reason: string): Adopted => {
    const renamed = certificate === found.name ? {} : { renamedFrom: found.name };
    return { certificate, from: found.from, result, reason, notAfter: facts.notAfter, remarks: [], ...renamed };
  };
  const twin = places.byFingerprint.get(fingerprint);
  if (twin && (twin.name === wanted || !places.keepDoubles))
    return places.given.has(twin.name)
      ? instead('merged', twin.name, 'it is the same certificate')
      : { ...readable, name: twin.name, stays: 'it is in the store already' };
  const same = places.byName.get(wanted);
  const stays = same && reasonToStay({ names, directory, dated }, same);
  if (stays !== undefined && !places.given.has(wanted)) return { ...readable, name: wanted, stays };
  const double = places.keepDoubles ? undefined : places.byRequest.get(requestOf(holder));
  if (double?.dated && !replaces(dated, double.dated))
    return instead(
      'merged',
      double.name,
      `another one has the same names and kind of key, and ${advantageOf(double.dated, dated)}`,
    );
  const name = double?.name ?? freeName(holder, places);
  places.given.add(name);
  take(places, { ...holder, name });
  return { ...readable, name };
}

/** Tells why the store keeps its own version of a certificate, which has perhaps changed since the names were chosen. */
export function overtaken({ facts, found, dated }: Placed, stored: Lineage, now: Date): string | undefined {
  const { directory } = found.settings.issuer.settings;
  return reasonToStay({ names: identifierSet(facts.identifiers), directory, dated }, holderOf(stored, now));
}

function reasonToStay(
  one: Pick<Holder, 'names' | 'directory'> & { readonly dated: Dated },
  { names, directory, dated }: Holder,
): string | undefined {
  if (one.names !== names || one.directory !== directory || !dated || replaces(one.dated, dated)) return undefined;
  return `the store has one that ${advantageOf(dated, one.dated)}`;
}

/** Reports whether a certificate takes the place of another one. An older one never does: its key may be known. */
const replaces = (one: Dated, other: Dated): boolean => one.startMs > other.startMs && isBetter(one, other);

/**
 * Reports whether a certificate is to be kept rather than another one: the newer one, unless it is due. Where a CA's
 * lifetimes become shorter, a newer certificate may expire before an older one.
 */
function isBetter(one: Dated, other: Dated): boolean {
  if (one.isDue !== other.isDue) return other.isDue;
  return one.isDue ? one.endMs > other.endMs : one.startMs > other.startMs;
}

const advantageOf = (kept: Dated, other: Dated): string =>
  kept.startMs < other.startMs ? 'is not due as soon' : 'is newer';

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
