import { backoffMs, fetchPauseMs } from '../ca/backoff.ts';
import { problemType } from '../ca/problem-advice.ts';
import { endOfHold, longestRetryAfterMs } from '../ca/retry-after.ts';
import type { CertfleetError } from '../errors/errors.ts';
import { storedError } from '../errors/stored-error.ts';
import { type StoredError, say } from '../errors/wording.ts';
import { sameRequest, sameSpec } from '../spec/same-spec.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { present } from '../text/present.ts';
import type { Failure, Lineage, SettingsBefore } from './lineage.ts';
import { holdsBack, type Rollover, rolloverText } from './rollover.ts';
import { happenedWithin, isFromTheFuture, isToCome } from './stored-time.ts';

/** Why a certificate that is due is not being renewed, and until when. */
export interface Wait {
  /** RFC 3339. */
  readonly until: string;
  /**
   * `back-off`: our own pause after a failure; a person can cut it short. `hold`: the CA asked us to wait, and
   * `--force` does not override that. `down`: another certificate of this run has found that the CA is not accepting
   * orders. `rollover`: the account's key is being changed, which has no known end. `limit`: by our own account of the
   * CA's rate limits, it would refuse an order. `paused`: a person has paused it, due or not, which has no known end.
   */
  readonly why: 'back-off' | 'hold' | 'down' | 'rollover' | 'limit' | 'paused';
  /** For display. */
  readonly reason: string;
  /** For display, with `limit`: `50 certificates for example.com in 7 days`. */
  readonly quota?: string;
  /** Whether it waits because of a failure. */
  readonly isFailing: boolean;
}

/** A rate limit of the CA that an order would exceed. */
export interface LimitWait {
  /** RFC 3339, by this machine's clock. */
  readonly until: string;
  /** For display: `50 certificates for example.com in 7 days`. */
  readonly quota: string;
}

export const limitText = ({ until, quota }: LimitWait): string => `rate limited until ${until} (${quota})`;

export const failedText = (failure: StoredError): string => `failed earlier: ${say(failure, 'en').message}`;

/** What a run needs from outside the spec. A change since the last run clears the back-off. */
export interface Means {
  /** Hash over the current secrets. */
  readonly credentials?: string;
  /** Why the secrets cannot be read. The run fails with this once it has the lease, so that the failure is stored. */
  readonly unusable?: CertfleetError;
  /** URL of the account at the CA, if it is known. */
  readonly account?: string;
}

/** Returns what a certificate waits for: our own back-off or the CA's hold, whichever ends later. */
export function waitOf(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  facts: Means & {
    readonly now: Date;
    /** False for `issue` and `--force`, which obey only the CA. */
    readonly obeyBackoff: boolean;
    /** RFC 3339: until when the CA asked us to wait with every certificate. */
    readonly caHold?: string;
    /** Whether another certificate of this run has found that the CA is down. */
    readonly isDown?: boolean;
    /** The key rollover of its account that is in progress. */
    readonly rollover?: Rollover;
    /** The rate limit that would refuse its order. */
    readonly limit?: LimitWait;
  },
): Wait | undefined {
  const { now, rollover, limit } = facts;
  if (rollover && holdsBack(rollover, lineage, now))
    return { until: now.toISOString(), why: 'rollover', reason: rolloverText(rollover), isFailing: false };
  if (facts.isDown)
    return {
      until: now.toISOString(),
      why: 'down',
      reason: 'its CA is not accepting orders at the moment',
      isFailing: false,
    };
  const failure = failureThatCounts(wanted, lineage, facts, now);
  const hold = laterOf(heldUntil(wanted, lineage, now), facts.caHold);
  const until = laterOf(hold, facts.obeyBackoff ? failure?.retryAt : undefined);
  const limited = laterOf(until, limit?.until);
  if (limited === undefined || Date.parse(limited) <= now.getTime()) return undefined;
  if (limit && limited !== until)
    return {
      until: limited,
      why: 'limit',
      reason: limitText(limit),
      quota: limit.quota,
      isFailing: failure !== undefined,
    };
  return {
    until: limited,
    why: hold === undefined ? 'back-off' : 'hold',
    reason: failure ? failedText(failure) : 'the CA asked us to wait (Retry-After)',
    isFailing: failure !== undefined,
  };
}

/**
 * Returns the last failure if it still counts: it makes a certificate wait that is due. A forced try does not.
 */
export function failureThatCounts(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  means: Means,
  now: Date,
): Failure | undefined {
  const failure = lastFailure(wanted, lineage, means, now);
  return failure?.forced ? undefined : failure;
}

/**
 * Returns the last failure, unless it is settled by a change of spec or credentials, concerned an account that has since
 * been replaced, or was written by a clock that was ahead.
 */
export function lastFailure(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  { credentials, account }: Means,
  now: Date,
): Failure | undefined {
  const failure = lineage?.failure;
  if (!failure || failure.count === 0 || isFromTheFuture(failure.at, now) || !sameSpec(lineage.spec, wanted))
    return undefined;
  if (credentials !== undefined && lineage.credentials !== undefined && credentials !== lineage.credentials)
    return undefined;
  if (account !== undefined && failure.account !== undefined && account !== failure.account) return undefined;
  return failure;
}

/**
 * Returns until when the CA asked us to wait with this certificate, if that time has not passed. A change of deployer,
 * solver or credentials does not end the wait. A rate limit counts names, so it does not apply to another set of names
 * (Let's Encrypt suggests changing it); a busy CA holds every certificate.
 */
export function heldUntil(wanted: StoredSpec, lineage: Lineage | undefined, now: Date): string | undefined {
  const { failure } = lineage ?? {};
  if (!lineage || failure?.holdUntil === undefined || isFromTheFuture(failure.at, now)) return undefined;
  const hold = failure.holdUntil;
  if (!isToCome(hold, longestRetryAfterMs, now)) return undefined;
  const isSame =
    failure.code === 'acme/rate-limited' || failure.code === 'acme/open-order'
      ? sameRequest(lineage.spec, wanted)
      : lineage.spec.issuer.settings.directory === wanted.issuer.settings.directory;
  return isSame ? hold : undefined;
}

/**
 * Resets the failure count after a change that resolves the failure. Keeps the CA's hold and the failed validations.
 */
export function forgiven(
  wanted: StoredSpec,
  lineage: Lineage | undefined,
  means: Means,
  now: Date,
): Failure | undefined {
  const failure = lineage?.failure;
  if (!failure || failureThatCounts(wanted, lineage, means, now)) return failure;
  return { ...failure, count: 0, retryAt: failure.at };
}

/**
 * Returns the failure to store when failed changes of settings are undone: the failure from before the change, with the
 * failed validations, and the CA's hold if it also applies to the earlier settings.
 */
export function failureBefore(
  { spec, failure: earlier }: SettingsBefore,
  lineage: Lineage & { readonly failure: Failure },
  now: Date,
): Failure | undefined {
  const { holdUntil: _ofChange, validations, ...failure } = lineage.failure;
  const hold = laterOf(earlier?.holdUntil, heldUntil(spec, lineage, now));
  if (!earlier && !validations && hold === undefined) return undefined;
  return {
    ...(earlier ?? { ...failure, count: 0, retryAt: failure.at }),
    ...present({ validations, holdUntil: hold }),
  };
}

const hourMs = 3_600_000;
/** How many failed validations to remember for a name; three are enough to stop an order. */
const mostValidations = 10;
/** The maximum length of what is stored of a failure. */
export const longestStored = 4_000;

/**
 * Returns what to remember after a failed try: the count, the back-off, the CA's hold, and the failed validations of
 * the last hour.
 */
export function failureAfter(lineage: Lineage, error: CertfleetError, now: Date): Failure {
  const before = lineage.failure;
  // A wrong clock, or another certfleet on the port, is not the certificate's fault: try again soon without counting
  // it.
  const isElsewhere = error.code === 'acme/clock-skew' || error.code === 'solver/port-held';
  const count = isElsewhere ? Math.max(1, before?.count ?? 0) : (before?.count ?? 0) + 1;
  const validityLeftMs = lineage.current && Date.parse(lineage.current.facts.notAfter) - now.getTime();
  // A name that the CA's policy excludes stays excluded.
  const retry = problemType(error) === 'rejectedIdentifier' ? 'never' : error.retry;
  // A limit of another service (a DNS provider's) ends when that service says. It is not the CA's, so it holds no other
  // certificate.
  const isOthers = !error.code.startsWith('acme/');
  // One request a try, which succeeds as soon as the open order is dead.
  const isExact = isOthers || error.code === 'acme/open-order';
  const { finalizedAt } = lineage.work?.order ?? {};
  const backMs =
    error.code === 'acme/clock-skew' && before?.code === error.code
      ? longerPauseMs(before)
      : backoffMs(isElsewhere ? 1 : count, validityLeftMs, retry);
  const fetchMs = finalizedAt === undefined ? backMs : fetchPauseMs(now.getTime() - Date.parse(finalizedAt));
  const byBackoff = now.getTime() + Math.min(backMs, fetchMs);
  const isLimit = error.code === 'acme/rate-limited';
  const hold = error.retryAt && endOfHold(error.retryAt, { now, validityLeftMs, isLimit });
  const validations = validationsAfter(before, error, now);
  const { account } = (error.problem ?? {}) as { readonly account?: string };
  return {
    count,
    at: now.toISOString(),
    ...storedError(error, longestStored),
    code: error.code,
    retryAt: (isExact && hold ? hold : new Date(Math.max(byBackoff, hold?.getTime() ?? 0))).toISOString(),
    holdUntil: hold && !isOthers ? hold.toISOString() : undefined,
    needsPerson: retry === 'never' ? true : undefined,
    validations: Object.keys(validations).length > 0 ? validations : undefined,
    overruledAt: before?.overruledAt,
    account: error.code === 'acme/account-deactivated' && account !== undefined ? account : undefined,
  };
}

/** A clock that stays wrong for a day must not cause a try each minute. */
const longestPauseMs = 10 * 60_000;

const longerPauseMs = ({ at, retryAt }: Failure): number =>
  Math.min(Math.max(2 * (Date.parse(retryAt) - Date.parse(at)), 60_000), longestPauseMs);

/** Returns what to remember after a failed try of a certificate that is not due: only the CA's hold delays the next try. */
export const failureOfForced = (failure: Failure): Failure => ({
  ...failure,
  forced: true,
  retryAt: failure.holdUntil ?? failure.at,
});

function validationsAfter(
  before: Failure | undefined,
  error: CertfleetError,
  now: Date,
): Readonly<Record<string, readonly string[]>> {
  const recent = Object.entries(before?.validations ?? {})
    .map(([name, times]) => [name, times.filter((time) => happenedWithin(hourMs, time, now))] as const)
    .filter(([, times]) => times.length > 0);
  const validations = new Map(recent);
  const failed = error.code === 'acme/invalid-authorization' ? (error.names ?? []) : [];
  for (const { identifier } of failed)
    validations.set(identifier, [...(validations.get(identifier) ?? []), now.toISOString()].slice(-mostValidations));
  return Object.fromEntries(validations);
}

/** Returns the later of two times, or the only one. */
export const laterOf = (a: string | undefined, b: string | undefined) =>
  a === undefined || (b !== undefined && Date.parse(b) > Date.parse(a)) ? b : a;
