import type { ProcessIdentity } from '../lineage/process-identity.ts';
import { happenedWithin, isToCome } from '../lineage/stored-time.ts';
import type { Alarm, AlarmChange, AlarmKind, AlarmNews, MoreAlarms } from './alarm.ts';
import { type AlarmDocument, alarmOf, countOf, groupedFrom, type ResolvedAlarm } from './open-alarms.ts';

const secondMs = 1_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How long one process may take to send. Each notifier has a shorter deadline of its own. */
export const claimMs = 120 * secondMs;
/** The pauses after failures of a notifier; the last one comes again and again. */
const pausesMs = [10 * secondMs, 60 * secondMs, 5 * 60 * secondMs, 30 * 60 * secondMs, hourMs];

/**
 * Returns the notifiers that have something to send now, of those that are declared.
 *
 * @param now undefined if no pause after a failure counts
 */
export function behind(document: AlarmDocument, names: readonly string[], now: Date | undefined): readonly string[] {
  return names.filter((name) => {
    const { upTo, retryAt } = stateOf(document, name);
    return upTo < document.serial && !(now && isUntil(retryAt, hourMs, now));
  });
}

/** Returns when the next notifier that is behind may be tried, in ms since 1970; undefined if none is. */
export function nextTryMs(document: AlarmDocument, names: readonly string[], now: Date): number | undefined {
  const times = names.flatMap((name) => {
    const { upTo, retryAt } = stateOf(document, name);
    if (upTo >= document.serial) return [];
    return isUntil(retryAt, hourMs, now) ? Date.parse(retryAt!) : now.getTime();
  });
  return times.length > 0 ? Math.min(...times) : undefined;
}

const stateOf = ({ notifiers }: AlarmDocument, name: string) =>
  Object.hasOwn(notifiers, name) ? notifiers[name]! : { upTo: 0, retryAt: undefined };

/** Reports whether a time that was stored is still to come. One further ahead than it can be was stored by a wrong clock. */
const isUntil = (time: string | undefined, mostMs: number, now: Date): boolean =>
  time !== undefined && isToCome(time, mostMs, now);

/** Reports whether another process may be sending. */
export const isClaimed = (
  { claim }: AlarmDocument,
  now: Date,
  look: (holder: ProcessIdentity) => 'alive' | 'dead' | 'unknown',
): boolean => claim !== undefined && isUntil(claim.until, claimMs, now) && look(claim.holder) !== 'dead';

export const claimed = (document: AlarmDocument, holder: ProcessIdentity, now: Date): AlarmDocument => ({
  ...document,
  claim: { holder, until: new Date(now.getTime() + claimMs).toISOString() },
});

/** Returns what a notifier has to send, or undefined if it is nothing: what it has not told is over. */
export function newsFor(
  document: AlarmDocument,
  notifier: string,
  from: { readonly node: string; readonly now: Date },
): AlarmNews | undefined {
  const { upTo } = stateOf(document, notifier);
  const more: MoreAlarms[] = [];
  const open = Object.entries(document.open).map(([key, one]) => ({ ...one, alarm: alarmOf(key, one) }));
  // What is for the next message has a higher number.
  const opened = open.filter((one) => one.opened > upTo && one.opened <= document.serial).map(({ alarm }) => alarm);
  const repeated = open.filter((one) => one.opened <= upTo && one.told > upTo).map(({ alarm }) => alarm);
  // One that has come back meanwhile is not over.
  const isOver = ({ key, serial, opened: from }: ResolvedAlarm) =>
    from <= upTo && serial > upTo && serial <= document.serial && !Object.hasOwn(document.open, key);
  const resolved = document.resolved.filter(isOver).map((one) => alarmOf(one.key, one));
  const grouped = (change: AlarmChange, alarms: readonly Alarm[]): readonly Alarm[] => {
    const left = change === 'opened' ? document.more : undefined;
    const counts = countOf(alarms);
    const isOneOfMany = ({ kind }: Alarm) => (counts[kind] ?? 0) + (left?.[kind] ?? 0) >= groupedFrom;
    const kinds = new Set<AlarmKind>(alarms.filter(isOneOfMany).map(({ kind }) => kind));
    for (const kind of kinds) {
      const certificates = alarms.flatMap((one) => (one.kind === kind && one.certificate ? [one.certificate] : []));
      const count = (counts[kind] ?? 0) + (left?.[kind] ?? 0);
      more.push({ kind, change, count, certificates: [...new Set(certificates)].slice(0, 3) });
    }
    return alarms.filter((one) => !isOneOfMany(one));
  };
  const news = {
    ...{ node: from.node, at: from.now.toISOString() },
    ...{ opened: grouped('opened', opened), repeated: grouped('repeated', repeated) },
    ...{ resolved: grouped('resolved', resolved), more },
  };
  return news.opened.length + news.repeated.length + news.resolved.length + more.length > 0 ? news : undefined;
}

/** What has become of a message. */
export interface Sent {
  readonly notifier: string;
  readonly serial: number;
  readonly hasFailed: boolean;
}

/**
 * Returns the document after messages were sent.
 *
 * @param names the notifiers that are declared; others are forgotten
 */
export function afterSending(
  document: AlarmDocument,
  { sent, names, now }: { readonly sent: readonly Sent[]; readonly names: readonly string[]; readonly now: Date },
): AlarmDocument {
  const notifiers = Object.fromEntries(
    names.map((name) => {
      const before = stateOf(document, name);
      const last = sent.findLast(({ notifier }) => notifier === name);
      if (!last) return [name, before];
      if (!last.hasFailed) return [name, { upTo: Math.max(before.upTo, last.serial) }];
      const tries = ('tries' in before ? (before.tries ?? 0) : 0) + 1;
      const pauseMs = pausesMs[Math.min(tries, pausesMs.length) - 1]!;
      return [name, { upTo: before.upTo, tries, retryAt: new Date(now.getTime() + pauseMs).toISOString() }];
    }),
  );
  const slowest = Math.min(document.serial, ...Object.values(notifiers).map(({ upTo }) => upTo));
  const resolved = document.resolved.filter(({ serial, at }) => serial > slowest && happenedWithin(dayMs, at, now));
  return { ...document, notifiers, resolved, claim: undefined };
}
