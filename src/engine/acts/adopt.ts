import { asFailure, isFailure } from '../../core/errors/errors.ts';
import { isUnusableStore } from '../../core/errors/unusable-store.ts';
import type { Adopted, AdoptedAccount, Adoption, Found, FoundCertificate, Remark } from '../../core/lineage/found.ts';
import { encodeDocument, type Lineage, type Version } from '../../core/lineage/lineage.ts';
import { renewalOfImported } from '../../core/lineage/renewal.ts';
import { storable } from '../../core/lineage/storable.ts';
import { imported } from '../../core/lineage/work/acts.ts';
import { after, phaseOf } from '../../core/lineage/work/transition.ts';
import { deployHookTarget, withDeployHook } from '../../core/spec/hooks.ts';
import { joined } from '../../core/spec/joined.ts';
import { type KeyType, usualKeyType } from '../../core/spec/key-type.ts';
import type { NamedAdapter, Settings, StoredSpec } from '../../core/spec/spec.ts';
import { namedAdapters, partsFrom, solversFor, targetNames, targetOf } from '../../core/spec/spec-parts.ts';
import { present } from '../../core/text/present.ts';
import type { CertificateFacts } from '../../ports/pki.ts';
import type { Engine } from '../engine.ts';
import { newAccountDocument, readAccount, writeAccount } from '../ledger/account.ts';
import { keyOf, type VersionDocument } from '../run/bundles.ts';
import { lineageOf, readLineage } from '../run/stored-lineage.ts';
import { createPlaces, overtaken, type Placed, placeAll, readOne } from './adopted-names.ts';

/**
 * How many certificates are stored together. The more, the more of them share an fsync of a folder, and the more memory
 * they take.
 */
const atOnce = 1_000;

export interface AdoptOptions {
  /** Report what would be done, and write nothing. */
  readonly dryRun: boolean;
  /** Keep certificates with the same names apart, because servers read each one's files. */
  readonly keepDoubles?: boolean;
  /** Adds the traits of an adapter. */
  readonly withTraits?: (kind: 'solver' | 'deployer', adapter: NamedAdapter) => Promise<NamedAdapter>;
  /** Deployers to which every certificate is delivered besides. */
  readonly deployers?: Settings['deployers'];
  /** Deployers whose targets already have the certificates. */
  readonly has?: readonly string[];
  /** Certificates of the configuration, which says where each is delivered. */
  readonly declared?: ReadonlySet<string>;
}

/**
 * Stores another client's certificates and accounts, and orders nothing. Once `signal` aborts, it starts no other
 * certificate, and resolves with those that are stored. A kill at any point leaves only whole certificates, and the
 * next import does the rest: version IDs are derived from the certificates, so nothing is stored twice.
 */
export async function adopt(
  engine: Engine,
  found: Found,
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<Adoption> {
  const accounts: AdoptedAccount[] = [];
  let known: ReadonlyMap<string, Known>;
  try {
    for (const account of found.accounts) accounts.push(await adoptAccount(engine, account, options, signal));
    known = await storedLineages(engine, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    return { accounts, certificates: [], remaining: found.certificates.length };
  }
  const urls = new Map(found.accounts.map(({ directory, name, url = '' }) => [`${directory} ${name}`, url]));
  const lineages = [...known.values()].map(({ lineage }) => lineage);
  const places = createPlaces(lineages, options.keepDoubles ?? false, engine.clock.now());
  const placed = placeAll(
    found.certificates.map((one) => readOne(engine, one)),
    places,
  );
  const results = new Map<Adopted | Placed, Adopted>();
  const adopting: Adopting[] = [];
  for (const one of placed)
    if ('result' in one) results.set(one, one);
    else adopting.push({ placed: one, urls, known: known.get(one.name) });
  for (let at = 0; at < adopting.length && !signal.aborted; at += atOnce)
    for (const [one, result] of await storeAll(engine, adopting.slice(at, at + atOnce), options, signal))
      results.set(one.placed, result);
  const certificates = placed.flatMap((one) => results.get(one) ?? []);
  const remaining = placed.length - certificates.length;
  return { accounts, certificates, ...present({ remaining: remaining === 0 ? undefined : remaining }) };
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
  const adopted = { directory, name, from, ...present({ keyType: engine.pki.keyType(keyPem) }) };
  if (stored) return { ...adopted, result: 'unchanged' };
  const document = {
    ...newAccountDocument(settings, keyPem),
    ...present({ url, contacts: contacts.length > 0 ? contacts : undefined }),
  };
  if (!dryRun) await writeAccount(engine, document, undefined, signal);
  return { ...adopted, result: 'imported' };
}

/** A stored lineage, and the revision at which it was read. */
interface Known {
  readonly lineage: Lineage;
  readonly revision: string;
}

async function storedLineages(engine: Engine, signal: AbortSignal): Promise<ReadonlyMap<string, Known>> {
  const lineages = new Map<string, Known>();
  for await (const page of engine.store.scan('lineage', signal)) {
    for (const entry of page) {
      const lineage = lineageOf(engine, entry);
      // An unreadable document keeps its name, because `put` refuses to replace it.
      if (!(lineage instanceof Error)) lineages.set(lineage.name, { lineage, revision: entry.revision });
    }
  }
  return lineages;
}

async function readKnown(engine: Engine, name: string, signal: AbortSignal): Promise<Known | undefined> {
  const entry = await engine.store.get({ kind: 'lineage', name }, signal);
  return entry && { lineage: readLineage(engine, entry), revision: entry.revision };
}

/** A certificate with what the store knows about it. */
interface Adopting {
  readonly placed: Placed;
  /** The URLs of accounts, by `<directory> <name>`. */
  readonly urls: ReadonlyMap<string, string>;
  readonly known: Known | undefined;
}

/**
 * Stores certificates together: all keys and versions, then all lineages, because a lineage names only what is stored.
 * Returns once nothing is being written, without the certificates that an abort left out.
 */
async function storeAll(
  engine: Engine,
  group: readonly Adopting[],
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<Adopting, Adopted>> {
  const results = new Map<Adopting, Adopted>();
  /** Runs a step for each certificate, and waits for all of them. */
  const forEach = async <T extends { readonly one: Adopting }>(all: readonly T[], step: (each: T) => Promise<void>) => {
    const attempt = async (each: T): Promise<void> => {
      try {
        await step(each);
      } catch (error) {
        signal.throwIfAborted();
        if (isUnusableStore(error)) throw error;
        results.set(each.one, failedBy(each.one.placed, error));
      }
    };
    const ended = await Promise.allSettled(all.map(attempt));
    const failed = ended.find((one) => one.status === 'rejected' && one.reason !== signal.reason);
    if (failed?.status === 'rejected') throw failed.reason;
  };
  const decided: Begun[] = [];
  const begun: Begun[] = [];
  await forEach(
    group.map((one) => ({ one })),
    async ({ one }) => {
      decided.push({ one, decision: await decide(engine, one, one.known, options) });
    },
  );
  await forEach(decided, async (each) => {
    if (!options.dryRun) await storeParts(engine, each.one.placed, each.decision, signal);
    begun.push(each);
  });
  await forEach(begun, async ({ one, decision }) => {
    results.set(one, await storeLineage(engine, one, decision, options, signal));
  });
  return results;
}

interface Begun {
  readonly one: Adopting;
  readonly decision: Decision;
}

/** What is to be stored of a certificate, and what is reported once that is done. */
interface Decision {
  readonly adopted: Adopted;
  /** The revision that the lineage replaces; null if it is new. */
  readonly ifRevision: string | null;
  readonly next?: Lineage | undefined;
  /** Set if its key and chain are not stored yet. */
  readonly version?: VersionDocument;
}

async function decide(
  engine: Engine,
  { placed, urls }: Adopting,
  before: Known | undefined,
  options: AdoptOptions,
): Promise<Decision> {
  const { found, name, facts, chainPem, keyType, stays } = placed;
  const { has = [], declared } = options;
  const wanted = withDeployHook(await specOf(found, { name, identifiers: facts.identifiers }, options));
  const { directory, account = '' } = wanted.issuer.settings;
  const { profile, preferredChain } = wanted;
  const issued: Omit<Version, 'id' | 'facts'> = {
    directory,
    accountUrl: urls.get(`${directory} ${account}`) ?? '',
    issuedAt: facts.notBefore,
    ...present({
      profile,
      preferredChain,
      keyType: keyType === undefined || keyType === usualKeyType ? undefined : keyType,
    }),
  };
  // The other client has already run it.
  const delivered = targetOf(wanted, deployHookTarget) ? [...has, deployHookTarget] : has;
  const id = versionId(facts);
  const renewal = renewalOfImported(facts, found);
  const stayed = aboutStayed(placed);
  const said = aboutTaken(placed);
  const isDeclared = declared?.has(name) ?? false;
  const { lineage, revision: ifRevision = null } = before ?? {};
  const now = engine.clock.now();
  const kept = stays ?? (lineage && overtaken(placed, lineage, now));
  const reason = lineage?.current?.id === id ? 'it is in the store already' : kept;
  const added = lineage && !isDeclared ? addedTo(lineage, wanted) : undefined;
  if (reason !== undefined && added === undefined)
    return { adopted: { ...stayed, result: 'unchanged', reason }, ifRevision };
  const phase = phaseOf(lineage);
  if (phase !== 'absent' && phase !== 'idle')
    return {
      adopted: { ...said, result: 'failed', reason: 'certfleet is working on it, or has unfinished work' },
      ifRevision,
    };
  if (reason !== undefined && lineage?.current) {
    const { current: version, renewal: its = renewal } = lineage;
    const ran = lineage.deployments[deployHookTarget]?.state === 'current';
    const there = version.id !== id ? [] : ran ? delivered : has;
    const next = after(lineage, imported({ wanted, version, renewal: its, has: there, node: engine.node, now }));
    return { adopted: { ...stayed, result: 'joined', reason: `${reason}; ${added}` }, ifRevision, next };
  }
  const version = { id, facts, ...issued };
  const next = after(
    lineage,
    imported({ wanted, version, renewal, has: delivered, node: engine.node, isDeclared, now }),
  );
  return {
    adopted: { ...said, result: lineage ? 'updated' : 'imported' },
    ifRevision,
    next,
    version: { chainPem, facts, ...issued },
  };
}

const failedBy = (placed: Placed, error: unknown): Adopted => ({
  ...aboutTaken(placed),
  result: 'failed',
  reason: asFailure(error).message,
});

/** Returns what is reported of a certificate that stays as it is. */
const aboutStayed = ({ found, name, facts }: Placed) => ({
  certificate: name,
  from: found.from,
  remarks: [],
  notAfter: facts.notAfter,
  ...present({ renamedFrom: name === found.name ? undefined : found.name }),
});

/** Returns what is reported of a certificate that is taken over, or was to be. */
const aboutTaken = (placed: Placed) => ({
  ...aboutStayed(placed),
  remarks: [...placed.found.remarks, ...remarksOnKey(placed.keyType, placed.found.nextKeyType)],
  renewAt: renewalOfImported(placed.facts, placed.found).at,
});

/** Stores the key and the version. If they exist, an earlier import was killed. */
async function storeParts(
  engine: Engine,
  { found, name, facts }: Placed,
  { version }: Decision,
  signal: AbortSignal,
): Promise<void> {
  if (!version) return;
  const ref = { lineage: name, id: versionId(facts) };
  const create = (kind: 'key' | 'version', document: object) =>
    stored(engine.store.put(keyOf(kind, ref), encodeDocument(document), { ifRevision: null, signal }));
  const both = [create('key', { keyPem: found.keyPem.reveal() }), create('version', version)];
  const failed = (await Promise.allSettled(both)).find((one) => one.status === 'rejected');
  if (failed) throw failed.reason;
}

/** Stores the lineage. Decides again if another process was faster. */
async function storeLineage(
  engine: Engine,
  one: Adopting,
  first: Decision,
  options: AdoptOptions,
  signal: AbortSignal,
): Promise<Adopted> {
  const { name } = one.placed;
  for (let decision = first; ; ) {
    const { adopted, next, ifRevision } = decision;
    if (options.dryRun || !next) return adopted;
    if (await stored(engine.store.put({ kind: 'lineage', name }, storable(next).bytes, { ifRevision, signal }))) {
      engine.pass.runs.acted(name, 'imported', `imported from ${one.placed.found.from}`);
      engine.pass.runs.ended(name, undefined);
      return adopted;
    }
    decision = await decide(engine, one, await readKnown(engine, name, signal), options);
    await storeParts(engine, one.placed, decision, signal);
  }
}

/** Describes what another import adds to a stored lineage, or returns undefined if it adds nothing. */
function addedTo({ origin, spec }: Lineage, wanted: StoredSpec): string | undefined {
  const added = targetNames(joined(spec, wanted)).filter((target) => !targetOf(spec, target));
  if (added.length > 0) return `from now on, it is delivered to ${added.join(', ')}, too`;
  return origin === 'configuration' ? 'from now on, it is renewed again' : undefined;
}

/** Returns remarks on the key type. Without a remark, the next version has the same type. */
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

/** Returns false if another process was faster. */
const stored = (put: Promise<string>): Promise<boolean> =>
  put.then(
    () => true,
    (error: unknown) => {
      if (isFailure(error, 'store/conflict')) return false;
      throw error;
    },
  );

/** Returns an ID of the usual form, derived from the certificate, so that each import gets the same one. */
function versionId({ notBefore, fingerprint }: CertificateFacts): string {
  const time = notBefore.replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  return `${time}-${fingerprint.slice(0, 6)}`;
}

async function specOf(
  { settings: { issuer, solver, solverOf, solvers, deployers, wishes, preflight } }: FoundCertificate,
  { name, identifiers }: Pick<StoredSpec, 'name' | 'identifiers'>,
  { deployers: others, withTraits = async (_kind, adapter) => adapter }: AdoptOptions,
): Promise<StoredSpec> {
  const named = solversFor(identifiers, { solver, solvers: solverOf });
  const parts = partsFrom({ name, identifiers, ...named }, namedAdapters(solvers));
  const targets = Object.values(namedAdapters(deployers));
  return {
    ...wishes,
    ...{ name, identifiers, issuer, preflight },
    parts: await Promise.all(parts.map(async (part) => ({ ...part, solver: await withTraits('solver', part.solver) }))),
    targets: [
      ...Object.values(others ?? {}),
      ...(await Promise.all(targets.map((target) => withTraits('deployer', target)))),
    ],
    endpoints: [],
  };
}
