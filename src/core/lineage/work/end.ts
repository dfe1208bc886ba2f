import { provesOrderDead } from '../../ca/proofs.ts';
import type { CertfleetError } from '../../errors/errors.ts';
import { cut } from '../../errors/remote-text.ts';
import { isRetried } from '../../plan/plan.ts';
import { present } from '../../text/present.ts';
import { hasWanted } from '../differences.ts';
import { failureAfter, failureBefore, longestStored } from '../failure.ts';
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
import { whyUnusable } from '../revocation.ts';
import { afterLook, leftAgain, oneForEach } from '../tombstones.ts';
import { closedStones, tombstonesAfter, unparked, versionsOf, withRetired } from './parts.ts';
import { type Held, type Transition, whileHeld } from './transition.ts';

/**
 * Step 14: removes lease and work, once every target has the current version or is pending. A parked order comes back.
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
    // The challenges of a parked order prove nothing: its new records may not be there, and the CA may read earlier ones.
    const { kept, stones } = waiting
      ? { kept: lineage.kept ?? [], stones: [] }
      : afterOrder(lineage, { work, spec: lineage.spec, now: facts.now });
    // A run that only delivered does not end the failure of an order, nor the CA's hold.
    const renewal = facts.renewal ?? lineage.renewal;
    const now = facts.now.toISOString();
    const isDue = !hasWanted(lineage, lineage.spec) || (renewal?.at ?? '') <= now;
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

/**
 * The run failed. Remembers the back-off, the CA's hold, and the order if it may be alive. If there never was an order,
 * the document is deleted, so that a typo is not retried for ever; what could not be removed stays for the sweep.
 *
 * A certificate that is still usable keeps the settings that it was issued with, and one that is not due waits for its
 * renewal time: the work is given up.
 */
export const failed = (facts: {
  readonly error: CertfleetError;
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('failed', (lineage) => {
    const { error, now } = facts;
    const failure = failureAfter(lineage, error, now);
    const back = settingsAfterFailure(lineage, failure, now);
    const resumable = workAfterFailure(lineage.work, error, facts.asked);
    const isGivenUp = back !== undefined || !isToRetry(lineage, failure, now);
    const work = isGivenUp ? undefined : resumable;
    const stones = tombstonesAfter(lineage, facts.left, now);
    const { work: over, failure: _before, credentials, ...rest } = lineage;
    if (lineage.origin === 'command-line' && over.first && !work)
      return (
        stones.tombstones && {
          ...rest,
          ...stones,
          work: { ...closedWork(over, undefined), step: 'close', version: '' },
        }
      );
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
        code: error.code,
        message: cut(error.message, longestStored),
        hint: cut(error.hint, longestStored),
      },
    };
  });

/** The caller aborted. Everything is kept for the next run, and it does not count as a failure. */
export const stopped = (facts: {
  /** Whether newOrder may have reached the CA. */
  readonly asked: boolean;
  readonly left: readonly Tombstone[];
  readonly now: Date;
}): Transition =>
  whileHeld('stopped', (lineage) => {
    const { work, ...rest } = lineage;
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

/** The version already reported as issued; a later run that only delivers must not report it again. */
const lastVersion = ({ last }: Lineage) => (last?.version === undefined ? {} : { version: last.version });

/** The settings of before a change that failed, if the certificate is usable and is as they ask for. */
function settingsAfterFailure(lineage: Held, failure: Failure, now: Date): SettingsBefore | undefined {
  const { current, work } = lineage;
  const { before } = work;
  if (!before || !current || work.step === 'deploy') return undefined;
  if (whyUnusable(lineage, current, now) !== undefined || !hasWanted(lineage, before.spec)) return undefined;
  const { failure: _earlier, ...settings } = before;
  const left = failureBefore(before, { ...lineage, failure }, now);
  return { ...settings, ...present({ failure: left }) };
}

/** Whether `renew` makes another try before the renewal time, or there is none. */
const isToRetry = ({ work, ...lineage }: Held, failure: Failure, now: Date): boolean =>
  work.step === 'deploy' || isRetried(lineage.spec, lineage, failure, now);

/** The work to resume after a failure; undefined if newOrder was never sent. */
function workAfterFailure(held: Work, error: CertfleetError, asked: boolean): Work | undefined {
  if (held.step === 'deploy') return closedWork(held, undefined);
  const { before: _replaced, ...work } = held;
  const { order } = work;
  // The next try uses the same key, but not the dead order.
  if (provesOrderDead(error) || !order) return closedWork(work, undefined);
  return mayExist(order, asked) ? closedWork(work, order) : undefined;
}

/** Whether the next run goes on with the work, and so with its private key, after a failure. */
export const isResumedAfter = (work: Work, error: CertfleetError, asked: boolean): boolean =>
  workAfterFailure(work, error, asked) !== undefined;

/** Whether the CA may have the order. */
const mayExist = (order: Work['order'], asked: boolean): boolean =>
  order?.url !== undefined || order?.doubtful === true || asked;

const closedWork = (work: Work, order: Work['order']): Work => {
  const { lease: _given, order: _order, probe: _probe, ...others } = work;
  const { thumbprint: _print, accountUrl: _url, takenOver: _over, ...rest } = others;
  return { ...rest, challenges: [], order };
};

/** Takes what a sweep removed out of the journal, and gives the lease back. The work itself is left to be resumed. */
export const swept = (facts: {
  /** Each tombstone that was checked, and its successor if the value could not be removed. */
  readonly looked: ReadonlyMap<Tombstone, Tombstone | undefined>;
  /** Journalled challenges that could not be removed, as tombstones. */
  readonly left: readonly Tombstone[];
  /** After superseded versions have been removed from the targets. */
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
 * Deletes the lineage, after its keys, versions and challenges. If a removal may have missed something, the document stays for
 * the sweep alone.
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
