import { look } from '../limits/gcra.ts';
import { type Bucket, bucketsAsked, bucketsOfFailure, type OrderFacts } from '../limits/order-buckets.ts';
import { type LimitId, quotaText, type RateLimit } from '../limits/rate-limits.ts';
import type { Lineage, Version } from '../lineage/lineage.ts';
import { happenedWithin } from '../lineage/stored-time.ts';
import { identifierKey, identifierSet } from '../names/identifier.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import { versionsFor } from './order-facts.ts';

/** What is left of one of a CA's limits for one account, domain, set of names, or name. */
export interface BucketStatus extends BucketStanding {
  /** What has used it up, as far as the certificates in the store tell, the latest first. */
  readonly usedBy: readonly Use[];
  /**
   * How many more are used up, at least: by orders that failed, by certificates that are no longer in the store, or by
   * other programs.
   */
  readonly usedByUnknown: number;
}

/** The same without what has used it up. */
export interface BucketStanding {
  readonly limit: LimitId;
  readonly title: string;
  /**
   * The account's URL (its key if it is not open yet), `example.com`, `a.example.com b.example.com`, `a.example.com`.
   */
  readonly of: string;
  /** `50 certificates for example.com in 7 days`. */
  readonly quota: string;
  readonly burst: number;
  readonly periodSeconds: number;
  readonly left: number;
  /** When the next one is allowed, if none is left now. RFC 3339, like `fullAt`. */
  readonly nextAt?: string;
  /** When all are left again, if they are not. */
  readonly fullAt?: string;
  /** The stored time lies further ahead than a correct clock can have written it. */
  readonly isFromTheFuture?: true;
}

export interface Use {
  readonly certificate: string;
  readonly what: 'issued' | 'ordered' | 'failed';
  /** RFC 3339. */
  readonly at: string;
}

/** A certificate of a CA, as stored. */
export interface CountedCertificate {
  readonly name: string;
  readonly wanted: StoredSpec | undefined;
  readonly lineage: Lineage | undefined;
}

/** Returns the buckets that an order of a certificate asks, and those of its names that fail. */
export function bucketsOfCertificate(
  facts: OrderFacts,
  { lineage }: Partial<Pick<CountedCertificate, 'lineage'>>,
  limits: readonly RateLimit[],
): readonly Bucket[] {
  const all = { ...facts, isRenewal: false, isExempt: false };
  const failed = Object.keys(lineage?.failure?.validations ?? {});
  const names = new Set([...failed, ...facts.identifiers.map(identifierKey)]);
  return [...bucketsAsked(all, limits), ...[...names].flatMap((name) => bucketsOfFailure(facts.account, name, limits))];
}

/** The CA's clock is known only to a few seconds, by which a bucket just used may seem to lack one more. */
const grainMs = 5_000;

/** Describes one bucket. `now` is by this machine's clock, which is ahead of the CA's by `skewMs`. */
export function standingOf(
  { limit, of }: Bucket,
  arrivalMs: number | undefined,
  at: { readonly now: Date; readonly skewMs: number; readonly isFromTheFuture: boolean },
): BucketStanding {
  const { id, title, burst, periodMs } = limit;
  const nowMs = at.now.getTime() - at.skewMs;
  const { left } = look(arrivalMs, limit, nowMs + grainMs);
  const { nextAtMs, fullAtMs } = look(arrivalMs, limit, nowMs);
  const own = (ms: number) => new Date(Math.ceil(ms + at.skewMs)).toISOString();
  return {
    ...{ limit: id, title, of, quota: quotaText(limit, of), burst, periodSeconds: periodMs / 1_000, left },
    ...present({
      nextAt: left === 0 ? own(nextAtMs) : undefined,
      fullAt: fullAtMs > nowMs ? own(fullAtMs) : undefined,
      isFromTheFuture: at.isFromTheFuture ? (true as const) : undefined,
    }),
  };
}

/** Adds what has used a bucket up. */
export const withUses = (standing: BucketStanding, usedBy: readonly Use[]): BucketStatus => ({
  ...standing,
  usedBy,
  usedByUnknown: Math.max(0, standing.burst - standing.left - usedBy.length),
});

/**
 * Finds what has used up a CA's limits.
 *
 * @param given.accountOf returns the URL of a certificate's account, or its key if it is not open yet
 */
export function createUses(
  directory: string,
  all: readonly CountedCertificate[],
  {
    now,
    registeredDomain,
    accountOf,
  }: { readonly now: Date; registeredDomain(value: string): string; accountOf(spec: StoredSpec): string },
): (bucket: Bucket) => readonly Use[] {
  const found = new Map<string, Use[]>();
  const add = (key: string, use: Use) => {
    const uses = found.get(key) ?? [];
    found.set(key, uses);
    uses.push(use);
  };
  for (const { name: certificate, lineage } of all) {
    if (!lineage) continue;
    for (const version of versionsOf(lineage, directory)) {
      const { identifiers } = version.facts;
      const use = { certificate, what: 'issued', at: version.issuedAt } as const;
      add(`set ${identifierSet(identifiers)}`, use);
      if (isRenewalOf(version, lineage, directory)) continue;
      add(`account ${version.accountUrl}`, use);
      const domains = new Set(identifiers.map(({ value }) => registeredDomain(value)));
      for (const domain of domains) add(`domain ${domain}`, use);
    }
    const { work, failure, current, spec } = lineage;
    if (spec.issuer.settings.directory !== directory) continue;
    const account = `account ${accountOf(spec)}`;
    if (work?.order?.url !== undefined && work.directory === directory && !current)
      add(account, { certificate, what: 'ordered', at: work.startedAt });
    const failures = Object.entries(failure?.validations ?? {});
    for (const [name, times] of failures)
      for (const at of times) add(`name ${name}`, { certificate, what: 'failed', at });
    // All names of an order that fail are stored with one time.
    for (const at of new Set(failures.flatMap(([, times]) => times))) add(account, { certificate, what: 'failed', at });
  }
  return ({ limit, of }) => {
    const uses = found.get(`${limit.scope} ${of}`) ?? [];
    return uses
      .filter(({ at }) => happenedWithin(limit.periodMs, at, now))
      .sort((a, b) => Date.parse(b.at) - Date.parse(a.at));
  };
}

const versionsOf = ({ current, previous }: Lineage, directory: string): readonly Version[] =>
  [current, previous].filter((one): one is Version => one?.directory === directory);

/** Reports whether the CA counted a version as a renewal: the one before had the same names. */
function isRenewalOf(version: Version, lineage: Lineage, directory: string): boolean {
  const same = versionsFor(lineage, directory, version.facts.identifiers);
  return same.some(({ issuedAt }) => Date.parse(issuedAt) < Date.parse(version.issuedAt));
}
