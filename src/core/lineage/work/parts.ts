import type { StoredSpec } from '../../spec/spec.ts';
import { present } from '../../text/present.ts';
import type { Lineage, Tombstone, Version, Work } from '../lineage.ts';
import { isDue, isRule, oneForEach, owedBy, type Presented, ruleStays, tombstoneOf } from '../tombstones.ts';
import type { Held } from './transition.ts';

/** The versions that unfinished work is making, or has parked. */
export const versionsOf = (work: Work | undefined): readonly string[] =>
  work ? [work.version, ...(work.parked ? [work.parked.version] : [])] : [];

/** The order, and the id of its key, that a run which only delivers must leave alone. */
export function parkedOf({ step, version, order, parked }: Work): Pick<Work, 'parked'> {
  if (step === 'deploy') return parked ? { parked } : {};
  return { parked: { version, ...present({ order }) } };
}

/** A parked order as work that the next run can resume. */
export const unparked = ({ parked, directory, startedAt, before }: Work): Work | undefined =>
  parked && { step: 'lease', directory, startedAt, challenges: [], before, ...parked };

/** With this version as the current one. The one before becomes the previous one, and an older one is retired. */
export function withCurrent(lineage: Lineage, version: Version): Lineage {
  const { current, previous } = lineage;
  if (!current || current.id === version.id) return { ...lineage, current: version };
  return withRetired({ ...lineage, current: version, previous: current }, previous ? [previous.id] : []);
}

type Retiring = Pick<Lineage, 'current' | 'previous' | 'retired'>;

/**
 * With these versions among those that are to be removed from the store. An import can bring back a version that was
 * retired, so the current and the previous one never stay among them.
 */
export function withRetired<L extends Retiring>(lineage: L, ids: readonly string[]): L {
  const { retired: before = [], ...rest } = lineage;
  const needed = [lineage.current?.id, lineage.previous?.id];
  const retired = [...new Set([...before, ...ids])].filter((id) => !needed.includes(id));
  return (retired.length > 0 ? { ...rest, retired } : rest) as L;
}

/** No order that is known; the CA may return an open one. */
export const givenUp = (work: Pick<Work, 'order'>): NonNullable<Work['order']> => ({
  doubtful: true,
  ...droppedBefore(work),
});

export const droppedBefore = ({ order }: Pick<Work, 'order'>): Pick<NonNullable<Work['order']>, 'dropped'> =>
  order?.dropped ? { dropped: order.dropped } : {};

/** After the preflight: a probe is gone, and a forward rule stays until the challenges are removed. */
export function withoutProbe({ probe, ...work }: Work, spec: StoredSpec): Work {
  return probe !== undefined && ruleStays(spec) ? { ...work, probe } : work;
}

/** The tombstones that are due for a check. */
export const dueStones = ({ tombstones = [] }: Lineage, now: Date): readonly Tombstone[] =>
  tombstones.filter((stone) => isDue(stone, now));

/**
 * Tombstones after a close: those still to be checked, those whose removal just failed, and, if the work was taken over
 * from a process that may be alive, all closed challenges.
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

/** What another process may still add: challenges, and a forward rule; a probe file would do no harm. */
const mayComeLate = (lineage: Pick<Lineage, 'name' | 'work' | 'spec'>): readonly Presented[] =>
  owedBy(lineage).filter((one) => !one.probe || isRule(one, lineage.spec));
