import { targetsToDeploy } from '../../core/lineage/deployments.ts';
import { failureThatCounts } from '../../core/lineage/failure.ts';
import type { Lineage, Renewal } from '../../core/lineage/lineage.ts';
import { overdueMs } from '../../core/lineage/renewal.ts';
import { isStopped } from '../../core/lineage/revocation.ts';
import { type UsedAccount, usedAccount } from '../../core/lineage/store-parts.ts';
import { type SeenLease, wakeOf } from '../../core/plan/wake.ts';
import type { NamedIssuer, StoredSpec } from '../../core/spec/spec.ts';
import { nodeTargets } from '../../core/spec/traits.ts';
import { present } from '../../core/text/present.ts';
import { type CaHold, endOfCaHold } from '../ledger/ca-hold.ts';
import { questionOf, type SeenCertificate } from '../path/window.ts';
import type { Job } from '../run/job.ts';

/**
 * What a process keeps of a lineage: less than a kilobyte, so that it can keep a hundred thousand. To do something for a
 * certificate, it reads the document again. Times are in ms since 1970; NaN if there is none.
 */
export interface Summary {
  readonly revision: string;
  /** The ID of the current version. */
  readonly current: string | undefined;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly renewMs: number;
  /** From when on it is overdue. */
  readonly overdueMs: number;
  readonly isRenewed: boolean;
  readonly isFailing: boolean;
  readonly isPaused: boolean;
  /** A target lacks the current version. */
  readonly isPending: boolean;
  /** A pause may be running after a failed try of the certificate or of a target. */
  readonly hasFailed: boolean;
  readonly hasOwnTargets: boolean;
  /** A whole pass has nothing to look at in its document. */
  readonly isQuiet: boolean;
  /** The account that issued it, if that is still the one to use. */
  readonly account: UsedAccount | undefined;
  readonly hasEndpoints: boolean;
  /** A hash of the settings with which it is declared; 0 if it is not. */
  readonly declared: number;
  readonly directory: string;
  /**
   * When there is something to do besides asking for its window: at the earliest, since a CA's hold may put it off.
   * Undefined if only a change can tell.
   */
  readonly dueMs: number | undefined;
  /** A CA's hold puts it off. */
  readonly isHeld: boolean;
  /** When to ask for its window, as stored; NaN if at once. */
  readonly checkMs: number;
  /** What else the question needs, as JSON, which takes a third of the memory; undefined if a question takes a job. */
  readonly question: string | undefined;
}

/** The longest time for which a question is put off at once. */
export const longestMs = 7 * 86_400_000;

const timeOf = (text: string | undefined): number => (text === undefined ? Number.NaN : Date.parse(text));

/** Sums up a lineage. `laterMs` is until when this process asks for no window, for a reason that is not stored. */
export function summaryOf(
  { lineage, revision }: { readonly lineage: Lineage; readonly revision: string },
  job: Job | undefined,
  facts: {
    readonly now: Date;
    readonly node: string;
    readonly lease: SeenLease | undefined;
    readonly hold: CaHold | undefined;
    readonly laterMs: number;
    readonly issuers: Issuers;
    readonly accounts: Accounts;
  },
): Summary {
  const { now, node, lease, hold, laterMs, issuers, accounts } = facts;
  const { current, renewal } = lineage;
  const wanted = job?.wanted;
  const question = job && questionOf(job, lineage);
  const neverAsks = current !== undefined && current.facts.ariId === undefined;
  const noQuestionBeforeMs = question || neverAsks ? now.getTime() + longestMs : laterMs;
  const rules = { now, node, lease, nextRunMs: job?.nextRunMs, shiftMs: job?.shiftMs, noQuestionBeforeMs };
  const freeMs = wakeOf(wanted, lineage, rules);
  const caHold = endOfCaHold(hold, lineage, now);
  const dueMs = caHold === undefined ? freeMs : wakeOf(wanted, lineage, { ...rules, caHold });
  const isPending = wanted !== undefined && targetsToDeploy(wanted, lineage).length > 0;
  // While it is paused, no node delivers to its own.
  const hasOwnTargets = wanted !== undefined && !lineage.paused && nodeTargets(wanted).length > 0;
  return {
    revision: flat(revision),
    current: current?.id,
    notBeforeMs: timeOf(current?.facts.notBefore),
    notAfterMs: timeOf(current?.facts.notAfter),
    renewMs: timeOf(renewal?.at),
    overdueMs: current && !isStopped(lineage) ? overdueMs(lineage, current) : Number.NaN,
    isRenewed: wanted !== undefined,
    isFailing: wanted !== undefined && failureThatCounts(wanted, lineage, {}, now) !== undefined,
    isPaused: lineage.paused !== undefined,
    isPending,
    hasFailed: hasFailed(lineage),
    hasOwnTargets,
    isQuiet: !isPending && !hasOwnTargets && isQuiet(lineage),
    account: wanted && accounts.oneOf(usedAccount(lineage)),
    hasEndpoints: wanted !== undefined && wanted.endpoints.length > 0,
    declared: job && !job.isStored ? hashOf(job.wanted) : 0,
    directory: wanted ? issuers.at(issuers.numberOf(wanted.issuer)).settings.directory : '',
    dueMs,
    isHeld: dueMs !== freeMs,
    checkMs: timeOf(renewal?.checkAfter),
    question: question && textOf(question, issuers),
  };
}

/** Reports whether a whole pass finds nothing in a document: no targets whose places it looks at, and no records that end. */
const isQuiet = ({ deployments, kept }: Lineage): boolean =>
  kept === undefined && Object.values(deployments).every(({ places }) => places === undefined);

const hasFailed = ({ failure, deployments }: Lineage): boolean =>
  failure !== undefined || Object.values(deployments).some(({ retryAt }) => retryAt !== undefined);

/** The issuers of all summaries, each kept once: every document has a copy of its own. */
export interface Issuers {
  /** Returns the number of an issuer. */
  numberOf(issuer: NamedIssuer): number;
  at(number: number): NamedIssuer;
}

export function createIssuers(): Issuers {
  const numbers = new Map<string, number>();
  const all: NamedIssuer[] = [];
  let last: { readonly issuer: NamedIssuer; readonly number: number } | undefined;
  const numberOf = (issuer: NamedIssuer): number => {
    const key = JSON.stringify(issuer);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, all.length);
    return all.push(issuer) - 1;
  };
  return {
    numberOf(issuer) {
      // A summary asks twice.
      if (last?.issuer !== issuer) last = { issuer, number: numberOf(issuer) };
      return last.number;
    },
    at: (number) => all[number]!,
  };
}

/** The accounts of all summaries, each kept once. */
interface Accounts {
  oneOf(account: UsedAccount | undefined): UsedAccount | undefined;
}

export function createAccounts(): Accounts {
  const all = new Map<string, UsedAccount>();
  return {
    oneOf(account) {
      if (!account) return undefined;
      const key = `${account.account} ${account.url}`;
      const known = all.get(key) ?? account;
      all.set(key, known);
      return known;
    },
  };
}

/**
 * A text that was put together or cut out of another one keeps its parts, or all of the other one. V8 copies what is
 * shorter than this.
 */
const shortest = 13;
const flat = (text: string): string => (text.length < shortest ? text : Buffer.from(text).toString());

/** What a question needs besides the rest of the summary. */
type Rest = readonly [
  issuer: number,
  source: Renewal['source'],
  window: Renewal['window'] | null,
  explanationUrl: string | null,
  ...version: [issuedAt: string, ariId: string],
];

function textOf({ issuer, lineage }: Omit<SeenCertificate, 'revision'>, issuers: Issuers): string | undefined {
  const { renewal, current } = lineage;
  if (!renewal || current?.facts.ariId === undefined) return undefined;
  const { source, window = null, explanationUrl = null } = renewal;
  const version = [current.issuedAt, current.facts.ariId] as const;
  return JSON.stringify([issuers.numberOf(issuer), source, window, explanationUrl, ...version] satisfies Rest);
}

/** Returns what the question for the window of a certificate needs. */
export function questionIn(name: string, summary: Summary, issuers: Issuers): SeenCertificate | undefined {
  const { question, revision, renewMs, checkMs, notBeforeMs, notAfterMs } = summary;
  if (question === undefined) return undefined;
  const [number, source, window, explanationUrl, issuedAt, ariId] = JSON.parse(question) as Rest;
  const issuer = issuers.at(number);
  const facts = { ariId, notBefore: textOfTime(notBeforeMs), notAfter: textOfTime(notAfterMs) };
  const renewal: Renewal = {
    ...{ at: textOfTime(renewMs), source },
    ...present({
      window: window ?? undefined,
      explanationUrl: explanationUrl ?? undefined,
      checkAfter: Number.isNaN(checkMs) ? undefined : textOfTime(checkMs),
    }),
  };
  const current = { directory: issuer.settings.directory, issuedAt, facts };
  return { issuer, revision, lineage: { name, renewal, current } };
}

const textOfTime = (ms: number): string => new Date(ms).toISOString();

/** Returns a hash of settings: the same for the same settings, and never 0. */
export function hashOf(wanted: StoredSpec): number {
  const text = JSON.stringify(wanted);
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) + 1;
}

/** Returns what a try depends on. A certificate that rests after a try is tried again at once when this changes. */
export const stateOf = ({ spec, current, renewal, failure, work, rolledBack, paused, deployments }: Lineage): string =>
  JSON.stringify([
    ...[current?.id, current?.revoked !== undefined, renewal?.at, rolledBack?.until, paused?.at],
    ...[failure?.code, failure?.retryAt, failure?.holdUntil, failure?.account],
    ...[work?.step, work?.version, work?.order?.url, hashOf(spec)],
    // Found since the last try.
    ...Object.values(deployments).flatMap(({ drifted, tries, since }) => (drifted && tries === 0 ? [since] : [])),
  ]);
