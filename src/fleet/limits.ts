import { fail } from '../core/errors/errors.ts';
import { type Bucket, bucketsAsked } from '../core/limits/order-buckets.ts';
import { limitIds, type RateLimit } from '../core/limits/rate-limits.ts';
import type { Lineage } from '../core/lineage/lineage.ts';
import {
  type BucketStanding,
  type BucketStatus,
  bucketsOfCertificate,
  type CountedCertificate,
  createUses,
  withUses,
} from '../core/plan/bucket-status.ts';
import { versionsFor } from '../core/plan/order-facts.ts';
import { accountKey, accountOf, sameAccount } from '../core/spec/account.ts';
import type { NamedIssuer, StoredSpec } from '../core/spec/spec.ts';
import { present } from '../core/text/present.ts';
import type { Engine } from '../engine/engine.ts';
import { readAccount } from '../engine/ledger/account.ts';
import { placeOf, readArrivals, standingAt } from '../engine/ledger/buckets.ts';
import { limitsKey, limitsOfIssuer } from '../engine/ledger/limits.ts';
import type { OpenFleet } from './opened.ts';
import { notFound, readAll } from './stored.ts';
import { allWanted, nameOfWanted } from './wanted.ts';

export interface LimitsRequest {
  /** Only this CA, which need not be declared. */
  readonly issuer?: NamedIssuer;
  /** Everything that orders of these certificates meet. */
  readonly names: readonly string[];
  /** Also what is not used at all. */
  readonly all: boolean;
}

/** What is left of a CA's rate limits, by our own account. */
export interface LimitsStatus {
  /** What its certificates call it. */
  readonly issuers: readonly string[];
  readonly directory: string;
  /** Whether anything is known of its limits. */
  readonly isKnown: boolean;
  readonly accounts: readonly { readonly name: string; readonly url?: string }[];
  readonly buckets: readonly BucketStatus[];
}

/** The same without what has used it up, which takes a read of every document. */
export interface LimitsGlance extends Omit<LimitsStatus, 'buckets'> {
  readonly buckets: readonly BucketStanding[];
}

/** What a process that keeps running knows of a certificate without its document. */
export interface KnownNames {
  readonly issuer: string;
  /** Joined by spaces. */
  readonly identifiers: string;
  /** Whether its orders fail or wait, so that what they meet is of interest, too. */
  readonly isTroubled: boolean;
}

/** A CA, as issuers with the same limits know it. */
interface Ca {
  readonly issuers: readonly NamedIssuer[];
  readonly certificates: readonly Counted[];
}

interface Counted extends CountedCertificate {
  readonly wanted: StoredSpec;
}

/** Says what is left of each CA's limits. Only reads the store. Fails with `lineage/not-found`. */
export async function limitsOf(
  fleet: OpenFleet,
  request: LimitsRequest,
  signal: AbortSignal,
): Promise<readonly LimitsStatus[]> {
  const { issuer, names } = request;
  const stored = await readAll(fleet, signal);
  const lineages = new Map([...stored].filter((one): one is [string, Lineage] => !(one[1] instanceof Error)));
  const specs = new Map([...lineages].map(([name, { spec }]) => [name, spec]));
  for (const one of allWanted(fleet, stored)) specs.set(nameOfWanted(one), one.wanted);
  for (const name of names) if (!specs.has(name)) throw notFound(name, specs.keys());
  const counted = [...specs].map(([name, wanted]): Counted => ({ name, wanted, lineage: lineages.get(name) }));
  const declared = Object.entries(fleet.settings.issuers).map(([name, settings]) => ({ name, settings }));
  const known = casOf(declared, counted);
  const isOf = ({ issuers: [one] }: Ca) => !issuer || one?.settings.directory === issuer.settings.directory;
  const all = issuer && !known.some(isOf) ? casOf([issuer], []) : known.filter(isOf);
  for (const name of issuer ? names : []) if (!all.some((ca) => has(ca, name))) throw otherCa(issuer!, name, specs);
  const isAsked = (ca: Ca) => names.length === 0 || names.some((name) => has(ca, name));
  const sameAs = (ca: Ca) =>
    all.filter((one) => one.issuers[0]?.settings.directory === ca.issuers[0]?.settings.directory);
  return Promise.all(all.filter(isAsked).map((ca) => describeCa(fleet.engine, ca, sameAs(ca), request, signal)));
}

/** So many certificates are looked at in one go, and so many in trouble at most. */
const inOneGo = 2_000;

/**
 * Says what is left of each CA's limits for its accounts, for the domains of its certificates, and for those that are in
 * trouble. Reads the ledger, and no certificate.
 */
export async function limitsAtAGlance(
  { engine, settings }: Pick<OpenFleet, 'engine' | 'settings'>,
  certificates: Iterable<KnownNames>,
  signal: AbortSignal,
): Promise<readonly LimitsGlance[]> {
  const registeredDomain = await engine.loadRegisteredDomain();
  const domainsOf = new Map<string, Set<string>>();
  const troubled: KnownNames[] = [];
  let seen = 0;
  for (const one of certificates) {
    const domains = domainsOf.get(one.issuer) ?? new Set();
    domainsOf.set(one.issuer, domains);
    for (const value of one.identifiers.split(' ')) domains.add(registeredDomain(value));
    if (one.isTroubled && troubled.length < inOneGo) troubled.push(one);
    if (++seen % inOneGo === 0) await engine.clock.sleep(1, signal);
  }
  const issuers = Object.entries(settings.issuers).map(([name, one]) => ({ name, settings: one }));
  const describe = async ({ issuers: same }: Ca): Promise<LimitsGlance> => {
    const about = await aboutCa(engine, same, signal);
    const { limits, accountNamed, shown } = about;
    const ofAll = limits.filter(({ scope }) => scope === 'account' || scope === 'domain');
    const buckets = same.flatMap(({ name, settings: own }) => {
      const account = accountNamed(accountOf(own).name);
      const factsOf = (values: Iterable<string>) => ({
        // Buckets have the values alone.
        identifiers: [...values].map((value) => ({ type: 'dns', value }) as const),
        ...{ account, isRenewal: false, isExempt: false, registeredDomain },
      });
      const needy = troubled.filter(({ issuer }) => issuer === name);
      return [
        ...bucketsAsked(factsOf(domainsOf.get(name) ?? []), ofAll),
        ...needy.flatMap((one) => bucketsOfCertificate(factsOf(one.identifiers.split(' ')), {}, limits)),
      ];
    });
    const known = new Map(buckets.map((bucket) => [bucket.key, { bucket, isNamed: false }]));
    const described = await describeBuckets(engine, about, [...known.values()], { registeredDomain, signal });
    const left = described.filter(matters).map(({ standing }) => standing);
    return { ...shown, buckets: left.sort(inOrder) };
  };
  return Promise.all(casOf(issuers, []).map(describe));
}

const has = ({ certificates }: Ca, certificate: string) => certificates.some(({ name }) => name === certificate);

const otherCa = ({ name: issuer }: NamedIssuer, certificate: string, specs: ReadonlyMap<string, StoredSpec>) => {
  const own = specs.get(certificate)!.issuer.name;
  return fail('usage/invalid-value', { typed: `${certificate} --issuer ${issuer}`, form: `its own issuer, ${own}` });
};

/** Groups issuers and certificates by CA and limits. */
function casOf(issuers: readonly NamedIssuer[], counted: readonly Counted[]): readonly Ca[] {
  const cas = new Map<string, { readonly issuers: NamedIssuer[]; readonly certificates: Counted[] }>();
  const add = (issuer: NamedIssuer) => {
    const { settings } = issuer;
    const key = limitsKey(settings);
    const ca = cas.get(key) ?? { issuers: [], certificates: [] };
    cas.set(key, ca);
    const isThere = ca.issuers.some((one) => one.name === issuer.name && sameAccount(one.settings, settings));
    if (!isThere) ca.issuers.push(issuer);
    return ca;
  };
  for (const issuer of issuers) add(issuer);
  for (const one of counted) add(one.wanted.issuer).certificates.push(one);
  return [...cas.values()];
}

/** A bucket, and what is known of it beside the ledger. */
interface Known {
  readonly bucket: Bucket;
  readonly isNamed: boolean;
  /** When the last certificate for exactly its names was issued: a renewal at its time is not in the ledger. */
  issuedAtMs?: number | undefined;
}

async function describeCa(
  engine: Engine,
  { issuers, certificates }: Ca,
  sameCa: readonly Ca[],
  { names, all }: LimitsRequest,
  signal: AbortSignal,
): Promise<LimitsStatus> {
  const about = await aboutCa(engine, issuers, signal);
  const { limits, accountNamed, shown } = about;
  const { directory, accounts } = shown;
  if (limits.length === 0) return { ...shown, buckets: [] };
  const registeredDomain = await engine.loadRegisteredDomain();
  const known = knownBuckets({ accountNamed, directory, accounts, certificates, names, all, limits, registeredDomain });
  const accountOfSpec = ({ issuer }: StoredSpec) => accountNamed(accountOf(issuer.settings).name);
  // An issuer of the same CA may have other limits, but its certificates count for the same domains.
  const counted = sameCa.flatMap((ca) => ca.certificates);
  const now = engine.clock.now();
  const usesOf = createUses(directory, counted, { now, registeredDomain, accountOf: accountOfSpec });
  const described = await describeBuckets(engine, about, known, { registeredDomain, signal });
  const isShown = (one: Described) => all || one.isNamed || (names.length === 0 && matters(one));
  return {
    ...shown,
    buckets: described
      .filter(isShown)
      .map(({ bucket, standing }) => withUses(standing, usesOf(bucket)))
      .sort(inOrder),
  };
}

interface AboutCa {
  readonly limits: readonly RateLimit[];
  /** Returns the URL of an account, or its key if it is not open yet. */
  readonly accountNamed: (name: string) => string;
  readonly shown: Omit<LimitsStatus, 'buckets'>;
}

async function aboutCa(engine: Engine, issuers: readonly NamedIssuer[], signal: AbortSignal): Promise<AboutCa> {
  const [{ settings }] = issuers as [NamedIssuer];
  const { directory } = settings;
  const limits = limitsOfIssuer(settings);
  const accounts = await accountsOf(engine, issuers, signal);
  const names = [...new Set(issuers.map(({ name }) => name))];
  return {
    limits,
    accountNamed: namesOfAccounts(directory, accounts),
    shown: { issuers: names, directory, accounts, isKnown: limits.length > 0 },
  };
}

interface Described extends Pick<Known, 'bucket' | 'isNamed'> {
  readonly standing: BucketStanding;
}

/** Reads what is stored of the buckets of a CA. */
async function describeBuckets(
  engine: Engine,
  { shown: { directory } }: AboutCa,
  known: readonly Known[],
  { registeredDomain, signal }: { registeredDomain(value: string): string; readonly signal: AbortSignal },
): Promise<readonly Described[]> {
  const places = known.map(({ bucket }) => placeOf(engine, directory, bucket, registeredDomain));
  const arrivals = await readArrivals(engine, places, signal);
  return known.map(({ bucket, isNamed, issuedAtMs }) => {
    const storedMs = arrivals.get(bucket.key);
    return { bucket, isNamed, standing: standingAt(engine, directory, { bucket, storedMs, issuedAtMs }) };
  });
}

/** Every new certificate uses one of its own set, which tells nothing. */
const matters = ({ bucket: { limit }, standing: { left, burst } }: Described): boolean =>
  limit.scope === 'account' || left < burst - (limit.scope === 'set' ? 1 : 0);

/** By kind, then those first of which least is left. */
const inOrder = (a: Pick<BucketStanding, 'limit' | 'left' | 'of'>, b: typeof a): number =>
  limitIds.indexOf(a.limit) - limitIds.indexOf(b.limit) || a.left - b.left || (a.of < b.of ? -1 : 1);

/** Returns a function that returns the URL of an account, or its key if it is not open yet. */
function namesOfAccounts(directory: string, accounts: LimitsStatus['accounts']): (name: string) => string {
  const open = new Map(accounts.map(({ name, url }) => [name, url]));
  return (name) => open.get(name) ?? accountKey({ directory, name });
}

/** Returns each bucket from which certificates of a CA take, once. */
function knownBuckets(ca: {
  readonly directory: string;
  readonly accounts: LimitsStatus['accounts'];
  readonly accountNamed: (name: string) => string;
  readonly certificates: readonly Counted[];
  readonly names: readonly string[];
  readonly all: boolean;
  readonly limits: readonly RateLimit[];
  registeredDomain(value: string): string;
}): readonly Known[] {
  const { directory, accounts, accountNamed, certificates, names, all, limits, registeredDomain } = ca;
  const known = new Map<string, Known>();
  for (const { name } of accounts) {
    const facts = { account: accountNamed(name), identifiers: [], isRenewal: false, isExempt: false, registeredDomain };
    for (const bucket of bucketsAsked(facts, limits))
      if (bucket.limit.scope === 'account') known.set(bucket.key, { bucket, isNamed: false });
  }
  for (const { name, wanted, lineage } of certificates) {
    const account = accountNamed(accountOf(wanted.issuer.settings).name);
    const { identifiers } = wanted;
    const facts = { account, identifiers, isRenewal: false, isExempt: false, registeredDomain };
    const [newest] = lineage ? versionsFor(lineage, directory, wanted.identifiers) : [];
    const isWhole = all || names.includes(name);
    for (const bucket of bucketsOfCertificate(facts, { lineage }, limits)) {
      // A valid certificate has no failures that matter, and thousands have twice as many buckets of names.
      if (!isWhole && bucket.limit.scope === 'name' && lineage?.current && !lineage.failure) continue;
      const before = known.get(bucket.key);
      const isNamed = before?.isNamed === true || names.includes(name);
      const issuedAtMs = Math.max(before?.issuedAtMs ?? 0, newest ? Date.parse(newest.issuedAt) : 0) || undefined;
      known.set(bucket.key, { bucket, isNamed, issuedAtMs });
    }
  }
  return [...known.values()];
}

async function accountsOf(
  engine: Engine,
  issuers: readonly NamedIssuer[],
  signal: AbortSignal,
): Promise<LimitsStatus['accounts']> {
  const accounts = new Map<string, { readonly name: string; readonly url?: string }>();
  for (const { settings } of issuers) {
    const { name } = accountOf(settings);
    if (accounts.has(name)) continue;
    const url = (await readAccount(engine, settings, signal))?.document.url;
    accounts.set(name, { name, ...present({ url }) });
  }
  return [...accounts.values()];
}
