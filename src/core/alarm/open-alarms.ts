import { fail } from '../errors/errors.ts';
import { cut } from '../errors/remote-text.ts';
import { shortened } from '../errors/stored-error.ts';
import type { StoredError } from '../errors/wording.ts';
import { maxDocumentBytes } from '../lineage/document-limits.ts';
import { decodeDocument, encodeDocument } from '../lineage/lineage.ts';
import type { ProcessIdentity } from '../lineage/process-identity.ts';
import { isObject, isTime } from '../lineage/shape.ts';
import { isFromTheFuture } from '../lineage/stored-time.ts';
import { present } from '../text/present.ts';
import type { Alarm, AlarmKind } from './alarm.ts';
import type { Condition } from './conditions.ts';

/**
 * The alarms that are open: the document `alarm/open`. Each message has a number, the serial, and each notifier the
 * number up to which it has sent them. So a message that was written but not sent is found by the next process. What
 * opens or ends shortly after a message gets the number of the next one, which is made once it is time.
 */
export interface AlarmDocument {
  readonly schema: 1;
  /** The number of the last message. */
  readonly serial: number;
  /** When that was made. RFC 3339. */
  readonly madeAt?: string | undefined;
  /** By key. */
  readonly open: Readonly<Record<string, OpenAlarm>>;
  /** Kept until every notifier has sent them, for a day at most; the latest last. */
  readonly resolved: readonly ResolvedAlarm[];
  readonly notifiers: Readonly<Record<string, NotifierState>>;
  /** The process that is sending, and until when. */
  readonly claim?: { readonly holder: ProcessIdentity; readonly until: string } | undefined;
  /** How many conditions had no room, by kind. */
  readonly more?: Counts | undefined;
}

/** An alarm without its key. One of many of its kind has no text. */
export interface OpenAlarm extends Pick<Alarm, 'kind' | 'certificate' | 'node' | 'since'> {
  readonly message?: string | undefined;
  readonly hint?: string | undefined;
  readonly code?: string | undefined;
  readonly failure?: StoredError | undefined;
  readonly url?: string | undefined;
  /** The message that opened it, and the last one that repeated it. */
  readonly opened: number;
  readonly told: number;
  readonly toldAt: string;
  /** When a look first found that its condition is over. */
  readonly goodSince?: string | undefined;
}

export interface ResolvedAlarm extends OpenAlarm {
  readonly key: string;
  /** The message that told it. */
  readonly serial: number;
  readonly at: string;
}

interface NotifierState {
  /** The last message that it has sent. */
  readonly upTo: number;
  /** How often the next one has failed, and when it is tried again. */
  readonly tries?: number | undefined;
  readonly retryAt?: string | undefined;
}

export const noAlarms: AlarmDocument = { schema: 1, serial: 0, open: {}, resolved: [], notifiers: {} };

export function decodeAlarms(bytes: Uint8Array, location: string): AlarmDocument {
  const where = { key: 'alarm/open', file: location };
  const document = decodeDocument<AlarmDocument>(bytes, where, ['serial', 'open', 'resolved', 'notifiers']);
  const { serial, open, resolved, notifiers, claim } = document;
  const isAlarm = (one: OpenAlarm) => isObject(one) && typeof one.kind === 'string' && isTime(one.toldAt);
  const isWhole =
    Number.isSafeInteger(serial) &&
    [open, notifiers].every(isObject) &&
    Array.isArray(resolved) &&
    [...Object.values(open), ...resolved].every(isAlarm) &&
    Object.values(notifiers).every((one) => Number.isSafeInteger(one?.upTo)) &&
    (claim === undefined || isObject(claim?.holder));
  if (!isWhole) throw fail('store/corrupt', { ...where, reason: 'a value in it is of the wrong kind' });
  return document;
}

/** When an alarm is repeated, and how messages are held together. */
export interface Rhythm {
  readonly repeatMs: number;
  /** How long what is repeated waits for others, so that all alarms come to be repeated together. */
  readonly joinMs: number;
  /** The shortest time between two messages. */
  readonly pauseMs: number;
}

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The rhythm of a process that keeps running. */
export const steadyRhythm: Rhythm = { repeatMs: dayMs, joinMs: 30 * minuteMs, pauseMs: 5 * minuteMs };
/** The rhythm of runs from a timer, which come a little earlier or later each day. */
export const timerRhythm: Rhythm = { repeatMs: dayMs - 2 * 60 * minuteMs, joinMs: 0, pauseMs: 0 };

/** A CA's incident shows at each certificate only until that is renewed, and others are asked about within a day. */
const lastsMs = ({ kind }: OpenAlarm): number => (kind === 'ca-incident' ? dayMs : 0);
/** Two good looks are at least this far apart. */
const goodForMs = minuteMs;
/** From this many on, the alarms of one kind in a message become one line. */
export const groupedFrom = 10;
/** How many alarms have room, and how many bytes they take without their texts. */
const mostAlarms = 1_000;
const mostBytes = 180 * 1024;
const longestText = 400;
const longestUrl = 1_000;

/** One look at what is worth an alarm. */
export interface Look {
  readonly conditions: readonly Condition[];
  /** Reports whether the look would have found the condition of an open alarm if it still lasted. */
  readonly covers: (alarm: OpenAlarm, key: string) => boolean;
  readonly now: Date;
  readonly rhythm: Rhythm;
}

/** What a look has changed. */
export interface Looked {
  /** The same document if nothing has changed. */
  readonly document: AlarmDocument;
  readonly opened: readonly Alarm[];
  readonly repeated: readonly Alarm[];
  readonly resolved: readonly Alarm[];
}

/** Returns the document after a look. */
export function afterLook(before: AlarmDocument, { conditions, covers, now, rhythm }: Look): Looked {
  const at = now.toISOString();
  const found = new Map(conditions.map((one) => [one.key, one]));
  const agoMs = (time: string) =>
    isFromTheFuture(time, now) ? Number.POSITIVE_INFINITY : now.getTime() - Date.parse(time);
  const open = new Map(Object.entries(before.open));
  const next = before.serial + 1;
  const due: string[] = [];
  const over: ResolvedAlarm[] = [];
  let isOverdue = false;
  let isChanged = false;
  for (const [key, alarm] of open) {
    const { goodSince, toldAt } = alarm;
    if (found.has(key)) {
      if (goodSince !== undefined) {
        open.set(key, { ...alarm, goodSince: undefined });
        isChanged = true;
      }
      const waitedMs = agoMs(toldAt) - rhythm.repeatMs;
      if (waitedMs >= 0) due.push(key);
      isOverdue ||= waitedMs >= rhythm.joinMs;
    } else if (covers(alarm, key) && agoMs(alarm.since) >= lastsMs(alarm)) {
      if (goodSince === undefined || isFromTheFuture(goodSince, now)) {
        open.set(key, { ...alarm, goodSince: at });
        isChanged = true;
      } else if (agoMs(goodSince) >= goodForMs) {
        open.delete(key);
        over.push({ ...alarm, key, serial: next, at });
      }
    }
  }
  const fresh = [...found.values()].filter(({ key }) => !open.has(key));
  const opening = withRoom({ open, resolved: before.resolved }, fresh);
  // No message has said that it was over.
  const back = new Map(before.resolved.flatMap((one) => (one.serial === next ? [[one.key, one] as const] : [])));
  for (const one of opening) open.set(one.key, reopened(back.get(one.key)) ?? opened(one, next, at));
  const left = countOf(fresh.filter(({ key }) => !open.has(key)));
  // What no message has told ends without one.
  const ended = over.filter((one) => one.opened !== next);
  const resolved = [...before.resolved.filter((one) => one.serial !== next || !open.has(one.key)), ...ended];
  const isNews = resolved.some((one) => one.serial === next) || [...open.values()].some((one) => one.opened === next);
  const isQuiet = before.madeAt === undefined || agoMs(before.madeAt) >= rhythm.pauseMs;
  const isTime = isQuiet && (isNews || isOverdue);
  if (isTime) {
    for (const key of due) open.set(key, { ...open.get(key)!, ...textOf(found.get(key)!), told: next });
    for (const [key, one] of open) if (one.told === next) open.set(key, { ...one, toldAt: at });
  }
  isChanged ||= isTime || over.length > 0 || opening.length > 0 || !isSameCount(left, before.more);
  const pick = (keys: readonly string[]) =>
    keys.flatMap((key) => (found.has(key) ? [toldOf(found.get(key)!, at)] : []));
  const document = (): AlarmDocument =>
    storable({
      ...before,
      ...{ serial: isTime ? next : before.serial, madeAt: isTime ? at : before.madeAt },
      open: isTime ? withoutTextOfMany(open, next) : Object.fromEntries(open),
      resolved: resolved.slice(-mostAlarms),
      more: Object.keys(left).length > 0 ? left : undefined,
    });
  return {
    document: isChanged ? document() : before,
    opened: pick(opening.map(({ key }) => key)),
    repeated: isTime ? pick(due) : [],
    resolved: over.map((one) => alarmOf(one.key, one)),
  };
}

const isSameCount = (a: Counts, b: Counts = {}): boolean =>
  Object.entries(a).length === Object.entries(b).length &&
  Object.entries(a).every(([kind, n]) => b[kind as AlarmKind] === n);

/** Returns an alarm that was over as an open one. */
function reopened(resolved: ResolvedAlarm | undefined): OpenAlarm | undefined {
  if (!resolved) return undefined;
  const { key: _key, serial: _serial, at: _at, goodSince: _good, ...alarm } = resolved;
  return alarm;
}

function opened(one: Condition, serial: number, at: string): OpenAlarm {
  const { kind, certificate, node, since = at } = one;
  return { kind, ...present({ certificate, node }), since, ...textOf(one), opened: serial, told: serial, toldAt: at };
}

/** Returns the conditions for which the document has room, without their texts. */
function withRoom(
  { open, resolved }: { readonly open: ReadonlyMap<string, OpenAlarm>; readonly resolved: AlarmDocument['resolved'] },
  fresh: readonly Condition[],
): readonly Condition[] {
  const bare = (key: string, one: OpenAlarm) => encodeDocument({ [key]: withoutText(one) }).length + longestMark;
  let count = open.size + resolved.length;
  let bytes =
    fresh.length === 0
      ? 0
      : [...open, ...resolved.map((one) => [one.key, one] as const)]
          .map(([key, one]) => bare(key, one))
          .reduce((sum, size) => sum + size, 0);
  return fresh.filter((one) => {
    const size = bare(one.key, opened(one, 0, ''));
    if (count >= mostAlarms || bytes + size > mostBytes) return false;
    count += 1;
    bytes += size;
    return true;
  });
}

/** What numbers, times and marks add to an alarm later. */
const longestMark = 120;

const toldOf = (one: Condition, at: string): Alarm => ({ ...one, since: one.since ?? at });

const textOf = ({ message, hint, code, failure, url }: Condition) => ({
  message: cut(message, longestText),
  hint: cut(hint, longestText),
  code,
  failure: failure && shortened(failure, longestText),
  url: url !== undefined && url.length <= longestUrl ? url : undefined,
});

const noText = { message: undefined, hint: undefined, failure: undefined, url: undefined };

const withoutText = (alarm: OpenAlarm): OpenAlarm => ({ ...alarm, ...noText });

type Counts = Readonly<Partial<Record<AlarmKind, number>>>;

export function countOf(alarms: Iterable<{ readonly kind: AlarmKind }>): Counts {
  const counts: Partial<Record<AlarmKind, number>> = {};
  for (const { kind } of alarms) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}

/** Leaves out the texts of alarms that a message does not list one by one. */
function withoutTextOfMany(open: ReadonlyMap<string, OpenAlarm>, serial: number): AlarmDocument['open'] {
  const told = [...open.values()].filter((one) => one.told === serial);
  const opened = countOf(told.filter((one) => one.opened === serial));
  const repeated = countOf(told.filter((one) => one.opened !== serial));
  const isOneOfMany = ({ told: last, opened: first, kind }: OpenAlarm) =>
    last === serial && ((first === serial ? opened : repeated)[kind] ?? 0) >= groupedFrom;
  return Object.fromEntries([...open].map(([key, one]) => [key, isOneOfMany(one) ? withoutText(one) : one]));
}

/** Makes room by leaving out texts: first those of earlier messages. */
function storable(document: AlarmDocument): AlarmDocument {
  const isTooLarge = (one: AlarmDocument) => encodeDocument(one).length > maxDocumentBytes;
  const bare = (isBare: (told: number) => boolean): AlarmDocument => ({
    ...document,
    open: Object.fromEntries(
      Object.entries(document.open).map(([key, one]) => [key, isBare(one.told) ? withoutText(one) : one]),
    ),
    resolved: document.resolved.map((one) => (isBare(one.serial) ? { ...one, ...noText } : one)),
  });
  if (!isTooLarge(document)) return document;
  const smaller = bare((told) => told < document.serial);
  return isTooLarge(smaller) ? bare(() => true) : smaller;
}

const shortTexts: Readonly<Record<AlarmKind, string>> = {
  failing: 'fails again and again',
  expiring: 'is not renewed in time',
  target: 'is not on one of its targets',
  endpoint: 'is not served at one of its endpoints',
  paused: 'was paused by its CA',
  'ca-incident': 'is affected by an incident of its CA',
  limited: 'waits for a rate limit that lasts longer than it',
  configuration: 'has refused its configuration',
  'node-missing': 'is missing',
  store: 'cannot use the store',
};

/** Returns an open alarm as it is shown. */
export function alarmOf(key: string, alarm: OpenAlarm): Alarm {
  const { kind, certificate, node, since, code, failure, url } = alarm;
  const message = alarm.message ?? `${certificate ?? node ?? key} ${shortTexts[kind]}`;
  const hint = alarm.hint ?? (certificate === undefined ? '' : `\`certfleet show ${certificate}\` says more.`);
  return { key, kind, message, hint, since, ...present({ certificate, node, code, failure, url }) };
}
