import { provesOrderDead } from '../../ca/proofs.ts';
import type { CertfleetError } from '../../errors/errors.ts';
import { storedError } from '../../errors/stored-error.ts';
import { isRetried, whyDue } from '../../plan/due.ts';
import { present } from '../../text/present.ts';
import { hasWanted } from '../differences.ts';
import { failureAfter, failureBefore, failureOfForced, longestStored } from '../failure.ts';
import { afterOrder } from '../kept-records.ts';
import {
  type Deployment,
  type Failure,
  isOnlyOwing,
  type LastRun,
  type Lineage,
  type Renewal,
  type SettingsBefore,
  type Tombstone,
  unfinishedWork,
  type Work,
} from '../lineage.ts';
import { renewMs } from '../renewal.ts';
import { whyUnusable } from '../revocation.ts';
import { afterLook, leftAgain, oneForEach } from '../tombstones.ts';
import { closedStones, tombstonesAfter, unparked, versionsOf, withRetired } from './parts.ts';
import { change, type Held, type Transition, whileHeld } from './transition.ts';

/**
 * Step 14: removes the lease and the work once every target has the current version or is pending. A parked order
 * becomes the work again.
 */
export const closed = (facts: {
  /** Undefined if no target was touched. */
  readonly deployments: Readonly<Record<string, Deployment>> | undefined;
  readonly renewal: Renewal | undefined;
  /** Retired versions that are still in the store. */
  readonly retired: readonly string[];
  readonly left: readonly Tombstone[];
  readonly last: LastRun;
  readonly now: Date;
}): Transition =>
  whileHeld('closed', (lineage) => {
    const { work, failure, retired: _removed, kept: _before, ...rest } = lineage;
    const isIssue = lineage.last?.version !== lineage.current?.id;
    const waiting = unparked(work);
    // The challenges of a parked order prove nothing: its new records may not exist, and the CA may have read earlier
    // ones.
    const { kept, stones } = waiting
      ? { kept: lineage.kept ?? [], stones: [] }
      : afterOrder(lineage, { work, spec: lineage.spec, now: facts.now });
    // A run that only delivered resolves neither an order's failure nor the CA's hold.
    const renewal = facts.renewal ?? lineage.renewal;
    const now = facts.now.toISOString();
    const isDue = !hasWanted(lineage, lineage.spec) || (renewMs({ ...lineage, renewal }) ?? 0) <= facts.now.getTime();
    const stands = !isIssue && failure && (waiting || isDue || (failure.holdUntil ?? '') > now);
    return {
      ...rest,
      ...tombstonesAfter(lineage, [...facts.left, ...stones], facts.now),
      kept: kept.length > 0 ? kept : undefined,
      failure: stands ? failure : undefined,
      work: waiting,
      retired: facts.retired.length > 0 ? facts.retired : undefined,
      ...present({ renewal, deployments: facts.deployments }),
      last: facts.last,
    };
  });

/** Stores the CA's renewal window of a certificate of which nothing else is to change. */
export const windowAsked = (facts: { readonly renewal: Renewal; readonly last: LastRun }): Transition => ({
  name: 'windowAsked',
  [change]: (lineage) => lineage && { ...lineage, ...facts },
});

/**
 * Ends a failed run. Stores the back-off, the CA's hold, and the order if it may be alive, or its certificate may only
 * have to be fetched. If there never was an order,
 * the document is deleted, so that a typo is not retried for ever; what could not be removed stays for the sweep.
 *
 * A certificate that is still usable keeps the settings with which it was issued. If it is not due either, the work is
 * dropped, and the certificate waits for its renewal time: a forced try that fails does not make it a failing one.
 */
export const failed = (facts: {
  readonly error: CertfleetError;
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  /** Whether the CA may have issued the certificate; undefined if the run has not seen the order. */
  readonly mayBeIssued?: boolean | undefined;
  readonly left: readonly Tombstone[];
  readonly now: Date;
  /** The interval until the next run. What could not wait for that run was due. */
  readonly nextRunMs?: number | undefined;
  /** How far this machine's clock is ahead of the CA's, if that is known. */
  readonly shiftMs?: number | undefined;
}): Transition =>
  whileHeld('failed', (began) => {
    const { error, now } = facts;
    const lineage = withFinalized(began, facts);
    // It is fetched in any case, because it has been issued.
    const isToFetch = lineage.work.order?.finalizedAt !== undefined;
    const isForced = !isToFetch && wasOnlyForced(lineage, facts);
    const counted = failureAfter(lineage, error, now);
    const failure = isForced ? failureOfForced(counted) : counted;
    const back = isToFetch ? undefined : settingsAfterFailure(lineage, failure, now);
    const resumable = workAfterFailure(lineage.work, error, facts.asked);
    const isGivenUp =
      !isToFetch &&
      (back !== undefined || isForced || !isToRetry(lineage, { ...failure, shiftMs: facts.shiftMs }, now));
    const work = isGivenUp ? undefined : resumable;
    const stones = tombstonesAfter(lineage, facts.left, now);
    const { work: over, failure: _before, credentials, ...rest } = lineage;
    if (lineage.origin === 'command-line' && over.first && !work) return onlyOwing(lineage, stones);
    const settings = { ...present({ credentials }), failure };
    return {
      ...withRetired(rest, resumable && isGivenUp ? versionsOf(over) : []),
      ...stones,
      work,
      ...(back ?? settings),
      last: {
        at: now.toISOString(),
        result: 'failed',
        ...lastVersion(lineage),
        ...storedError(error, longestStored),
      },
    };
  });

/** Returns the document of a first issue that is given up: only what could not be removed, if there is something. */
function onlyOwing({ work, ...lineage }: Held, stones: Pick<Lineage, 'tombstones'>): Lineage | undefined {
  const { failure: _failure, credentials: _credentials, ...rest } = lineage;
  return (
    stones.tombstones && { ...rest, ...stones, work: { ...closedWork(work, undefined), step: 'close', version: '' } }
  );
}

/** Ends a run that the caller aborted. Everything is kept for the next run, and it does not count as a failure. */
export const stopped = (facts: {
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  /** As of a failed run. */
  readonly mayBeIssued?: boolean | undefined;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('stopped', (lineage) => {
    const { work, ...rest } = withFinalized(lineage, facts);
    return {
      ...rest,
      ...tombstonesAfter(lineage, facts.left, facts.now),
      work: closedWork(work, mayExist(work.order, facts.asked) ? work.order : undefined),
      last: {
        at: facts.now.toISOString(),
        result: 'stopped',
        ...lastVersion(lineage),
        message: 'it was stopped; the next run continues where it stopped',
      },
    };
  });

/**
 * Ends a run whose order must wait for a rate limit of the CA. That is no failure, so the next run goes on with the same
 * key. A certificate that is not due is not renewed later only because a person asked for it now; and of a first issue by
 * flags nothing is stored, unless an earlier run began it.
 */
export const waited = (facts: {
  readonly left: readonly Tombstone[];
  readonly now: Date;
  /** The interval until the next run. What could not wait for that run was due. */
  readonly nextRunMs?: number | undefined;
  /** How far this machine's clock is ahead of the CA's, if that is known. */
  readonly shiftMs?: number | undefined;
}): Transition =>
  whileHeld('waited', (lineage) => {
    const { work, ...rest } = lineage;
    const stones = tombstonesAfter(lineage, facts.left, facts.now);
    const order = mayExist(work.order, false) ? work.order : undefined;
    const isNew = work.first && lineage.last === undefined && !order;
    if (lineage.origin === 'command-line' && isNew) return onlyOwing(lineage, stones);
    const isGivenUp = wasOnlyForced(lineage, facts) && work.before === undefined;
    return { ...rest, ...stones, work: isGivenUp ? undefined : closedWork(work, order) };
  });

/**
 * Returns the version that was already reported as issued, so that a later run that only delivers does not report it
 * again.
 */
const lastVersion = ({ last }: Lineage) => (last?.version === undefined ? {} : { version: last.version });

/** Returns the settings from before a change that failed, if the certificate is usable and matches them. */
function settingsAfterFailure(lineage: Held, failure: Failure, now: Date): SettingsBefore | undefined {
  const { current, work } = lineage;
  const { before } = work;
  if (!before || !current || work.step === 'deploy') return undefined;
  if (whyUnusable(lineage, current, now) !== undefined || !hasWanted(lineage, before.spec)) return undefined;
  const { failure: _earlier, ...settings } = before;
  const left = failureBefore(before, { ...lineage, failure }, now);
  return { ...settings, ...present({ failure: left }) };
}

/** Notes whether the CA may have issued the certificate, unless the run has not seen the order. */
function withFinalized(
  lineage: Held,
  { mayBeIssued, now }: { readonly mayBeIssued?: boolean | undefined; readonly now: Date },
): Held {
  const { work } = lineage;
  if (mayBeIssued === undefined || work.order?.url === undefined) return lineage;
  const { finalizedAt = now.toISOString(), ...order } = work.order;
  return {
    ...lineage,
    work: { ...work, order: { ...order, ...present({ finalizedAt: mayBeIssued ? finalizedAt : undefined }) } },
  };
}

/** Reports whether the certificate was not due by itself, so that only a person asked for a new one. */
const wasOnlyForced = (
  { work, ...lineage }: Held,
  {
    now,
    ...facts
  }: { readonly now: Date; readonly nextRunMs?: number | undefined; readonly shiftMs?: number | undefined },
): boolean => work.step !== 'deploy' && whyDue(lineage.spec, lineage, now, { ...facts, force: false }) === undefined;

/** Reports whether `renew` tries again before the renewal time, or no renewal time exists. */
const isToRetry = ({ work, ...lineage }: Held, failure: Parameters<typeof isRetried>[2], now: Date): boolean =>
  work.step === 'deploy' || isRetried(lineage.spec, lineage, failure, now);

/** Returns the work to resume after a failure, or undefined if newOrder was never sent. */
function workAfterFailure(held: Work, error: CertfleetError, asked: boolean): Work | undefined {
  if (held.step === 'deploy') return closedWork(held, undefined);
  const { order } = held;
  if (order?.finalizedAt !== undefined) return closedWork(held, order);
  const { before: _replaced, ...work } = held;
  // The next try uses the same key, but not the dead order.
  if (provesOrderDead(error) || !order) return closedWork(work, undefined);
  return mayExist(order, asked) ? closedWork(work, order) : undefined;
}

/** Reports whether the next run resumes the work, and so uses its private key, after a failure. */
export const isResumedAfter = (work: Work, error: CertfleetError, asked: boolean): boolean =>
  workAfterFailure(work, error, asked) !== undefined;

/** Reports whether the order may exist at the CA. */
const mayExist = (order: Work['order'], asked: boolean): boolean =>
  order?.url !== undefined || order?.doubtful === true || asked;

const closedWork = (work: Work, order: Work['order']): Work => {
  const { lease: _given, order: _order, probe: _probe, ...others } = work;
  const { thumbprint: _print, accountUrl: _url, takenOver: _over, ...rest } = others;
  return { ...rest, challenges: [], order };
};

/**
 * Removes from the journal what a sweep removed outside, and releases the lease. Unfinished work stays, to be resumed.
 */
export const swept = (facts: {
  /** Each tombstone that was checked, with its successor if the value could not be removed. */
  readonly looked: ReadonlyMap<Tombstone, Tombstone | undefined>;
  /** Journalled challenges that could not be removed, as tombstones. */
  readonly left: readonly Tombstone[];
  /** Set after superseded versions have been removed from the targets. */
  readonly deployments?: Readonly<Record<string, Deployment>>;
  readonly now: Date;
}): Transition =>
  whileHeld('swept', (lineage) => {
    const { work, tombstones = [], ...rest } = lineage;
    const kept = tombstones.flatMap((stone) => {
      if (!facts.looked.has(stone)) return [stone];
      const stillThere = facts.looked.get(stone);
      return stillThere ? [leftAgain(stone, stillThere)] : afterLook(stone, facts.now);
    });
    const stones = oneForEach([...kept, ...closedStones(lineage, facts.left, facts.now)]);
    if (isOnlyOwing(lineage) && stones.length === 0) return undefined;
    const isKept = unfinishedWork(lineage) || isOnlyOwing(lineage);
    return {
      ...rest,
      tombstones: stones.length > 0 ? stones : undefined,
      work: isKept ? sweptWork(work) : undefined,
      ...present({ deployments: facts.deployments }),
    };
  });

/**
 * Deletes the lineage, after its keys, versions and challenges. If a removal may have missed something, the document is
 * kept for the sweep only.
 */
export const forgotten = (unsure: readonly Tombstone[] = []): Transition =>
  whileHeld('forgotten', ({ schema, name, origin, spec, work: { directory, startedAt } }) =>
    unsure.length === 0
      ? undefined
      : {
          ...{ schema, name, origin, spec, deployments: {}, tombstones: oneForEach(unsure) },
          work: { step: 'close', version: '', directory, startedAt, challenges: [], first: true },
        },
  );

function sweptWork(work: Work): Work {
  const { lease: _given, probe: _gone, ...rest } = work;
  return { ...rest, challenges: [] };
}
