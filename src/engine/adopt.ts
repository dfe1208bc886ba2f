import { asFailure, isFailure, reasonOf } from '../core/errors.ts';
import type { Adopted, AdoptedAccount, Adoption, Found, FoundCertificate, Remark, Unusable } from '../core/found.ts';
import { deployHookTarget, withDeployHook } from '../core/hooks.ts';
import { type Identifier, identifierSet } from '../core/identifier.ts';
import { importedName } from '../core/identifiers.ts';
import { type KeyType, keyTypeOfVersion, usualKeyType } from '../core/key-type.ts';
import { encodeDocument, type Lineage, type Version } from '../core/lineage.ts';
import { renewalOfImported } from '../core/renewal.ts';
import type { StoredSpec } from '../core/spec.ts';
import { solverSettings, solversFor } from '../core/spec-parts.ts';
import { storable } from '../core/storable.ts';
import { createTurns } from '../core/turns.ts';
import { after, imported, phaseOf } from '../core/work.ts';
import type { CertificateFacts } from '../ports/pki.ts';
import { keyOf, type VersionDocument } from './bundles.ts';
import type { Engine } from './engine.ts';
import { newAccountDocument, readAccount, writeAccount } from './ledger/account.ts';
import { lineageOf } from './stored-lineage.ts';

/** How many certificates are stored at once: each waits mostly for the disk. */
const atOnce = 64;

export interface AdoptOptions {
  /** Say what would be done, and write nothing. */
  readonly dryRun: boolean;
  /** Keep certificates with the same names apart, because servers read the files of each. */
  readonly keepDoubles?: boolean;
  /** These deployers already have what they are to get. */
  readonly has?: readonly string[];
}

/**
 * Stores what another client has, and orders nothing. A kill at any point leaves whole certificates, and the next import
 * does the rest: ids of versions come from the certificates, so nothing is stored twice.
 */
export async function adopt(
  engine: Engine,
  found: Found,
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<Adoption> {
  const accounts: AdoptedAccount[] = [];
  for (const account of found.accounts) accounts.push(await adoptAccount(engine, account, options, signal));
  const urls = new Map(found.accounts.map(({ directory, name, url = '' }) => [`${directory} ${name}`, url]));
  const places = createPlaces(await storedLineages(engine, signal), options);
  const placed = placeAll(
    found.certificates.map((one) => read(engine, one)),
    places,
  );
  const turns = createTurns(atOnce);
  const certificates = await Promise.all(
    placed.map((one) =>
      'result' in one ? one : turns.run(() => store(engine, { ...one, urls }, options, signal), signal),
    ),
  );
  return { accounts, certificates };
}

async function adoptAccount(
  engine: Engine,
  account: Found['accounts'][number],
  { dryRun }: AdoptOptions,
  signal: AbortSignal,
): Promise<AdoptedAccount> {
  const { directory, name, keyPem, url, contacts, from } = account;
  const settings = { directory, account: name, email: [], agreeToTerms: true, test: false };
  const stored = await readAccount(engine, settings, signal);
  if (stored) return { directory, name, from, result: 'unchanged' };
  const document = {
    ...newAccountDocument(settings, keyPem),
    ...(url === undefined ? {} : { url }),
    ...(contacts.length > 0 ? { contacts } : {}),
  };
  if (!dryRun) await writeAccount(engine, document, undefined, signal);
  return { directory, name, from, result: 'imported' };
}

async function storedLineages(engine: Engine, signal: AbortSignal): Promise<readonly Lineage[]> {
  const lineages: Lineage[] = [];
  for await (const page of engine.store.scan('lineage', signal)) {
    for (const entry of page) {
      const lineage = lineageOf(engine, entry);
      // A document that cannot be read keeps its name, because `put` refuses to replace it.
      if (!(lineage instanceof Error)) lineages.push(lineage);
    }
  }
  return lineages;
}

// --- Which name a certificate gets -----------------------------------------------------------------------------------

/** A certificate that has a name in the store. */
interface Holder {
  readonly name: string;
  readonly names: string;
  readonly directory: string;
  readonly keyType: KeyType | undefined;
  readonly facts: CertificateFacts | undefined;
}

interface Places extends Required<Pick<AdoptOptions, 'keepDoubles'>> {
  readonly byName: Map<string, Holder>;
  readonly byFingerprint: Map<string, Holder>;
  /** The newest certificate of each kind of request. */
  readonly byRequest: Map<string, Holder>;
  /** Names that this import has given. */
  readonly given: Set<string>;
}

const requestOf = ({ directory, keyType, names }: Holder): string => `${directory} ${keyType} ${names}`;

function createPlaces(lineages: readonly Lineage[], { keepDoubles = false }: AdoptOptions): Places {
  const maps = { byName: new Map(), byFingerprint: new Map(), byRequest: new Map() };
  const places: Places = { ...maps, given: new Set(), keepDoubles };
  for (const { name, spec, current } of lineages)
    take(places, {
      name,
      names: identifierSet(spec.spec.identifiers),
      directory: spec.issuer.directory,
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

/** A certificate that could be read. */
interface Readable {
  readonly found: FoundCertificate;
  readonly facts: CertificateFacts;
  readonly chainPem: string;
  /** Undefined if it is of a kind that certfleet does not make. */
  readonly keyType: KeyType | undefined;
}

/** One that has a name in the store. */
interface Placed extends Readable {
  readonly name: string;
}

const failedBecause = ({ name, from }: Pick<Unusable, 'name' | 'from'>, reason: string): Adopted => ({
  certificate: name,
  from,
  result: 'failed',
  reason,
  remarks: [],
});

function read({ pki }: Engine, found: FoundCertificate | Unusable): Adopted | Readable {
  if ('reason' in found) return failedBecause(found, found.reason);
  try {
    const { certificates, facts } = pki.readChain(found.chainPem);
    const chainPem = certificates.join('');
    // The dates do not matter: what has expired is due at once, as it would be for the other client.
    const problem = pki.mismatch(chainPem, found.keyPem, facts.identifiers, new Date(facts.notBefore));
    if (problem !== undefined)
      return failedBecause(found, `its certificate and its key do not belong together: ${problem}`);
    if (facts.identifiers.length === 0) return failedBecause(found, 'its certificate has no names');
    return { found, facts, chainPem, keyType: pki.keyType(found.keyPem) };
  } catch (error) {
    return failedBecause(found, reasonOf(error));
  }
}

/** Gives each certificate its name. The newest come first, so that of several with the same names the newest stays. */
function placeAll(all: readonly (Adopted | Readable)[], places: Places): readonly (Adopted | Placed)[] {
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
      : instead('unchanged', twin.name, 'it is in the store already');
  const same = places.byName.get(wanted);
  const isOlder = same?.names === holder.names && same.directory === directory && !isNewer(facts, same.facts);
  if (isOlder && !places.given.has(wanted)) return instead('unchanged', wanted, 'the store has a newer certificate');
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

/** A name that no other certificate has, neither in the store nor in this import. */
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

// --- Storing ---------------------------------------------------------------------------------------------------------

async function store(
  engine: Engine,
  { found, name, facts, chainPem, keyType, urls }: Placed & { readonly urls: ReadonlyMap<string, string> },
  { dryRun, has = [] }: AdoptOptions,
  signal: AbortSignal,
): Promise<Adopted> {
  const wanted = withDeployHook(specOf(found, name, facts.identifiers));
  const { directory, account = '' } = wanted.issuer;
  const { profile, preferredChain, hooks } = wanted.spec;
  const issued: Omit<Version, 'id' | 'facts'> = {
    directory,
    accountUrl: urls.get(`${directory} ${account}`) ?? '',
    issuedAt: facts.notBefore,
    ...(profile === undefined ? {} : { profile }),
    ...(preferredChain === undefined ? {} : { preferredChain }),
    ...(keyType === undefined || keyType === usualKeyType ? {} : { keyType }),
  };
  // The other client has run it.
  const delivered = hooks?.deploy === undefined ? has : [...has, deployHookTarget];
  const id = versionId(facts);
  const renewal = renewalOfImported(facts, found.renewBeforeMs);
  const said = {
    certificate: name,
    from: found.from,
    remarks: [...found.remarks, ...remarksOnKey(keyType, found.nextKeyType)],
    notAfter: facts.notAfter,
    renewAt: renewal.at,
    ...(name === found.name ? {} : { renamedFrom: found.name }),
  };
  try {
    for (;;) {
      const entry = await engine.store.get({ kind: 'lineage', name }, signal);
      const lineage = entry && lineageOf(engine, entry);
      if (lineage instanceof Error) throw lineage;
      if (lineage?.current?.id === id) return { ...said, result: 'unchanged', reason: 'it is in the store already' };
      const phase = phaseOf(lineage);
      if (phase !== 'absent' && phase !== 'idle')
        return { ...said, result: 'failed', reason: 'certfleet is working on it, or has unfinished work' };
      const now = engine.clock.now();
      const version = { id, facts, ...issued };
      const next = after(lineage, imported({ wanted, version, renewal, has: delivered, now }));
      if (!dryRun && next) {
        const document: VersionDocument = { chainPem, facts, ...issued };
        await create(engine, 'key', { lineage: name, id }, { keyPem: found.keyPem.reveal() }, signal);
        await create(engine, 'version', { lineage: name, id }, document, signal);
        const options = { ifRevision: entry?.revision ?? null, signal };
        if (!(await stored(engine.store.put({ kind: 'lineage', name }, storable(next).bytes, options)))) continue;
      }
      return { ...said, result: lineage ? 'updated' : 'imported' };
    }
  } catch (error) {
    signal.throwIfAborted();
    if (isFailure(error, 'store/unusable')) throw error;
    return { ...said, result: 'failed', reason: asFailure(error).message };
  }
}

/** Without a word, the next version has the same kind of key. */
function remarksOnKey(keyType: KeyType | undefined, next: KeyType | undefined): readonly Remark[] {
  if (keyType === undefined)
    return [
      {
        kind: 'changed',
        text: `its kind of key, which certfleet does not make: the next version gets ${usualKeyType}`,
      },
    ];
  if (next === undefined || next === keyType) return [];
  return [
    {
      kind: 'changed',
      text: `the next key would have been ${next}; it will be ${keyType} as this one, unless you run \`certfleet issue\` with --key-type ${next}`,
    },
  ];
}

async function create(
  engine: Engine,
  kind: 'key' | 'version',
  version: { readonly lineage: string; readonly id: string },
  document: object,
  signal: AbortSignal,
): Promise<void> {
  // If it is there, an earlier import was killed.
  await stored(engine.store.put(keyOf(kind, version), encodeDocument(document), { ifRevision: null, signal }));
}

/** False if another process was faster. */
const stored = (put: Promise<string>): Promise<boolean> =>
  put.then(
    () => true,
    (error: unknown) => {
      if (isFailure(error, 'store/conflict')) return false;
      throw error;
    },
  );

/** Of the form of all ids, but made of the certificate, so that it is the same at each import. */
function versionId({ notBefore, fingerprint }: CertificateFacts): string {
  const time = notBefore.replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${fingerprint.slice(0, 6)}`;
}

function specOf(
  { settings: { issuer, solver, solverOf, solvers, deployers, wishes, preflight } }: FoundCertificate,
  name: string,
  identifiers: readonly Identifier[],
): StoredSpec {
  const named = solversFor(identifiers, { solver, solvers: solverOf });
  const spec = {
    ...wishes,
    name,
    identifiers,
    issuer: issuer.name,
    ...named,
    deploy: Object.keys(deployers),
    endpoints: [],
  };
  return { spec, issuer: issuer.settings, ...solverSettings(spec, solvers), deployers, preflight };
}
