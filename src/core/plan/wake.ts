import { longestRetryAfterMs } from '../ca/retry-after.ts';
import { hasSuperseded, targetsToDeploy } from '../lineage/deployments.ts';
import { hasWanted } from '../lineage/differences.ts';
import { type Lineage, unfinishedWork } from '../lineage/lineage.ts';
import { renewalMs } from '../lineage/renewal.ts';
import { isFromTheFuture, isToComeMs } from '../lineage/stored-time.ts';
import { dueAt, isDue, owesCleanup } from '../lineage/tombstones.ts';
import { isByHand } from '../spec/by-hand.ts';
import type { StoredSpec } from '../spec/spec.ts';
import { planLineage } from './plan.ts';
import { isByWindow, timesOfReasons, windowReasonMs } from './schedule.ts';

/** What the lease of a lineage tells. */
export interface SeenLease {
  /** Whether its holder still runs. */
  readonly holder: 'alive' | 'dead' | 'unknown';
  /** For how long this process has seen no sign of life of its holder. */
  readonly silentMs: number;
  readonly leaseTtlMs: number;
}

/** What the plan of an unattended pass depends on, besides spec, lineage and time. */
type Rules = Pick<
  Parameters<typeof planLineage>[3],
  'credentials' | 'caHold' | 'rollover' | 'nextRunMs' | 'shiftMs' | 'node'
>;

/**
 * Reports what a sweep has to do for a lineage. `doubtful` means only if the holder of its lease is frozen or gone.
 *
 * @param holder of the lease, if there is one
 * @param canDeliver whether this process may deliver to one of the targets that lack the version
 */
export function leftToSweep(
  lineage: Lineage,
  {
    now,
    holder,
    canDeliver,
  }: { readonly now: Date; readonly holder: SeenLease['holder']; readonly canDeliver: boolean },
): 'nothing' | 'left' | 'doubtful' {
  const { work, tombstones = [] } = lineage;
  const owes =
    (canDeliver && !lineage.paused && work?.step === 'deploy') || owesCleanup(work) || lineage.revoking !== undefined;
  const hasDue = tombstones.some((stone) => isDue(stone, now)) || hasSuperseded(lineage, now);
  if (!work?.lease) return owes || hasDue ? 'left' : 'nothing';
  // A lease without work is never resumed, so the sweep releases it.
  const isBare = unfinishedWork(lineage) === undefined;
  if (holder === 'dead') return owes || hasDue || isBare ? 'left' : 'nothing';
  return owes || isBare ? 'doubtful' : 'nothing';
}

/**
 * Returns when a process that keeps running next has something to do for a lineage, in ms since 1970: `now`, or a later
 * time, before which it has nothing to do. Returns undefined if only a change of the document or the spec can give it
 * something to do.
 *
 * What a target of another node lacks does not stand in the document, so a node looks at its own targets whenever the
 * current version changes.
 *
 * @param wanted undefined if it is no longer declared
 * @param facts.noQuestionBeforeMs until when it asks for no window, for a reason that is not stored
 */
export function wakeOf(
  wanted: StoredSpec | undefined,
  stored: Lineage | undefined,
  facts: Rules & {
    readonly now: Date;
    readonly lease?: SeenLease | undefined;
    readonly noQuestionBeforeMs?: number | undefined;
  },
): number | undefined {
  const { now, lease, noQuestionBeforeMs = 0, ...rules } = facts;
  const nowMs = now.getTime();
  if (!stored) return wanted && nowMs;
  if (isPlain(wanted, stored, { now, ...rules })) return plainWakeMs(stored, { nowMs, noQuestionBeforeMs, ...rules });
  const lineage = withCheck(stored, noQuestionBeforeMs);
  // Whoever lives holds it; the first moment at which it may be taken from a process that does not.
  const isHeld = lineage.work?.lease !== undefined && lease !== undefined && lease.holder !== 'dead';
  const fromMs = isHeld ? nowMs + Math.max(0, lease.leaseTtlMs - lease.silentMs) : nowMs;
  const planning = { ...rules, obeyBackoff: true, force: false, unattended: true };
  const holder = lease?.holder ?? 'unknown';
  const isWake = (ms: number) => hasWork(wanted, lineage, { at: new Date(ms), holder, planning });
  if (isWake(fromMs)) return fromMs;
  const later = new Set(timesOf(lineage, rules).filter((ms) => ms > fromMs));
  return [...later].sort((a, b) => a - b).find(isWake);
}

/**
 * Reports whether a certificate is as nearly all are at nearly all times: every target has it, nothing is to be finished,
 * tried again or removed, and nothing has to wait.
 */
function isPlain(
  wanted: StoredSpec | undefined,
  lineage: Lineage,
  { now, caHold, rollover, nextRunMs, node }: Rules & { readonly now: Date },
): wanted is StoredSpec {
  const { current, failure, work, tombstones, rolledBack, paused, revoking, deployments } = lineage;
  if (!wanted || !current || (failure ?? work ?? tombstones ?? rolledBack ?? paused ?? revoking) !== undefined)
    return false;
  if (current.compromised || current.revoked || isFromTheFuture(current.issuedAt, now)) return false;
  if ((caHold ?? rollover) !== undefined || !isByWindow(nextRunMs) || isByHand(wanted)) return false;
  for (const target in deployments) if (deployments[target]?.sent) return false;
  return hasWanted(lineage, wanted) && targetsToDeploy(wanted, lineage, { node }).length === 0;
}

/** Returns the time of {@link wakeOf} for such a certificate, without a plan for each time that may be the one. */
function plainWakeMs(
  lineage: Lineage,
  {
    nowMs,
    noQuestionBeforeMs,
    nextRunMs,
    shiftMs,
  }: Rules & { readonly nowMs: number; readonly noQuestionBeforeMs: number },
): number {
  const { current, renewal } = lineage;
  const renewsMs = renewalMs(lineage, shiftMs);
  if (!current || !renewal || renewsMs === undefined) return nowMs;
  const checkMs = Math.max(Date.parse(renewal.checkAfter ?? '') || 0, noQuestionBeforeMs);
  if (!isToComeMs(checkMs, longestRetryAfterMs, nowMs)) return nowMs;
  const reasonMs = windowReasonMs(current, renewal, { nextRunMs, shiftMs });
  return Math.max(nowMs, Math.ceil(Math.min(renewsMs, Date.parse(current.facts.notAfter), reasonMs, checkMs)));
}

/** Returns the lineage with a later time for the next question. */
function withCheck(lineage: Lineage, ms: number): Lineage {
  const { renewal } = lineage;
  if (!renewal || ms <= (Date.parse(renewal.checkAfter ?? '') || 0)) return lineage;
  return { ...lineage, renewal: { ...renewal, checkAfter: new Date(ms).toISOString() } };
}

/** Reports whether an unattended pass has something to do at that time, once it may take the lease. */
function hasWork(
  wanted: StoredSpec | undefined,
  lineage: Lineage,
  {
    at,
    holder,
    planning,
  }: {
    readonly at: Date;
    readonly holder: SeenLease['holder'];
    readonly planning: Parameters<typeof planLineage>[3];
  },
): boolean {
  if (leftToSweep(lineage, { now: at, holder, canDeliver: true }) !== 'nothing') return true;
  return planLineage(wanted, lineage, at, planning).action !== 'none';
}

/** Returns the times at which the passing of time alone may give a pass something to do. */
function timesOf(lineage: Lineage, { caHold, nextRunMs, shiftMs }: Rules): readonly number[] {
  const { current, renewal, failure, rolledBack, tombstones = [], deployments } = lineage;
  const targets = Object.values(deployments);
  const texts = [
    ...[current?.facts.notAfter, renewal?.checkAfter, failure?.retryAt, failure?.holdUntil, rolledBack?.until, caHold],
    ...targets.map(({ retryAt }) => retryAt),
  ];
  const kept = targets.flatMap(({ sent = [] }) => sent.flatMap(({ keptAt }) => keptAt ?? []));
  const times = [
    ...texts.flatMap((text) => (text === undefined ? [] : Date.parse(text))),
    ...kept.map((at) => Date.parse(at) + dayMs),
    ...tombstones.map(dueAt),
    renewalMs(lineage, shiftMs) ?? Number.NaN,
    ...timesOfReasons(lineage, { nextRunMs, shiftMs }),
  ];
  return times.filter(Number.isFinite).map(Math.ceil);
}

const dayMs = 86_400_000;
