import type { StoredSpec } from '../../spec/spec.ts';
import { present } from '../../text/present.ts';
import { hasBroken } from '../deployments.ts';
import type { Lineage, Tombstone, Version, Work } from '../lineage.ts';
import { whyUnusable } from '../revocation.ts';
import { isDue, isRule, oneForEach, owedBy, type Presented, ruleStays, tombstoneOf } from '../tombstones.ts';
import type { Held } from './transition.ts';

/** Returns the versions that unfinished work is issuing or has parked. */
export const versionsOf = (work: Work | undefined): readonly string[] =>
  work ? [work.version, ...(work.parked ? [work.parked.version] : [])] : [];

/** Returns the order and its key's ID, which a run that only delivers must leave alone. */
export function parkedOf({ step, version, order, parked }: Work): Pick<Work, 'parked'> {
  if (step === 'deploy') return parked ? { parked } : {};
  return { parked: { version, ...present({ order }) } };
}

/** Returns a parked order as work that the next run can resume. */
export const unparked = ({ parked, directory, startedAt, before }: Work): Work | undefined =>
  parked && { step: 'lease', directory, startedAt, challenges: [], before, ...parked };

/**
 * Makes this version the current one. The current version becomes the previous one, and the previous one is retired. If
 * the current version broke a handshake, it is retired instead, as long as the previous one can be put back.
 */
export function withCurrent(lineage: Lineage, version: Version, now: Date): Lineage {
  const { current, previous } = lineage;
  if (!current || current.id === version.id) return { ...lineage, current: version };
  const isKept =
    previous !== undefined &&
    previous.id !== version.id &&
    hasBroken(lineage.spec, lineage) &&
    whyUnusable(lineage, previous, now) === undefined;
  const [kept, over] = isKept ? [previous, current] : [current, previous];
  return withRetired({ ...lineage, current: version, previous: kept }, over ? [over.id] : []);
}

type Retiring = Pick<Lineage, 'current' | 'previous' | 'retired'>;

/**
 * Adds versions to those that are to be removed from the store. An import can bring back a version that was retired, so
 * the current and the previous version are never among them.
 */
export function withRetired<L extends Retiring>(lineage: L, ids: readonly string[]): L {
  const { retired: before = [], ...rest } = lineage;
  const needed = [lineage.current?.id, lineage.previous?.id];
  const retired = [...new Set([...before, ...ids])].filter((id) => !needed.includes(id));
  return (retired.length > 0 ? { ...rest, retired } : rest) as L;
}

/** Begins another version: the CA may have issued a certificate with the key of this one, which cannot be fetched. */
export const withNewVersion = (lineage: Held, newId: string): Held => {
  const { work } = lineage;
  return { ...withRetired(lineage, [work.version]), work: { ...work, version: newId } };
};

/** Forgets the order's URL; the CA may still return the open order. */
export const givenUp = (work: Pick<Work, 'order'>): NonNullable<Work['order']> => ({
  doubtful: true,
  ...droppedBefore(work),
});

export const droppedBefore = ({ order }: Pick<Work, 'order'>): Pick<NonNullable<Work['order']>, 'dropped'> =>
  order?.dropped ? { dropped: order.dropped } : {};

/** Returns the work after the preflight: a probe is gone, and a forward rule stays until the challenges are removed. */
export function withoutProbe({ probe, ...work }: Work, spec: StoredSpec): Work {
  return probe !== undefined && ruleStays(spec) ? { ...work, probe } : work;
}

/** Returns the tombstones that are due for a check. */
export const dueStones = ({ tombstones = [] }: Lineage, now: Date): readonly Tombstone[] =>
  tombstones.filter((stone) => isDue(stone, now));

/**
 * Returns the tombstones after a close: those still to be checked, those whose removal just failed and, if the work was
 * taken over from a process that may be alive, all closed challenges.
 */
export function tombstonesAfter(lineage: Held, left: readonly Tombstone[], now: Date): Pick<Lineage, 'tombstones'> {
  const stones = oneForEach([...(lineage.tombstones ?? []), ...closedStones(lineage, left, now)]);
  return stones.length > 0 ? { tombstones: stones } : {};
}

export const closedStones = (
  { name, work, spec }: Held,
  left: readonly Tombstone[],
  now: Date,
): readonly Tombstone[] =>
  work.takenOver
    ? oneForEach([...mayComeLate({ name, work, spec }).map((presented) => tombstoneOf(spec, presented, now)), ...left])
    : left;

/** Returns what another process may still add: challenges and a forward rule. A probe file would do no harm. */
const mayComeLate = (lineage: Pick<Lineage, 'name' | 'work' | 'spec'>): readonly Presented[] =>
  owedBy(lineage).filter((one) => !one.probe || isRule(one, lineage.spec));
