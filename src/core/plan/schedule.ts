import { type CertfleetError, fail } from '../errors/errors.ts';
import type { Lineage, Renewal } from '../lineage/lineage.ts';
import { shifted } from '../lineage/renewal.ts';
import { isFromTheFuture } from '../lineage/stored-time.ts';
import { spanText } from '../text/span.ts';

// `renew --next-run 31d`: what a run must do because the next one comes only after an interval.

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** A certificate's own dates. */
interface Validity {
  readonly notBefore: string;
  readonly notAfter: string;
}

/**
 * Returns a certificate's lifetime. Both ends are included (RFC 5280 §4.1.2.5), and CAs write 89 days, 23:59:59 for 90
 * days.
 */
export const lifetimeMsOf = ({ notBefore, notAfter }: Validity): number =>
  Date.parse(notAfter) - Date.parse(notBefore) + 1_000;

/**
 * Reports whether runs at this interval keep a certificate of this lifetime valid. Twice the interval must be shorter
 * than the lifetime, so that the certificate survives one failed run.
 */
export const holds = (intervalMs: number, lifetimeMs: number): boolean => 2 * intervalMs < lifetimeMs;

/**
 * Returns the longest interval that suits a lifetime, in whole days if it is at least two, else in hours or minutes.
 */
export function longestIntervalMs(lifetimeMs: number): number {
  const most = Math.ceil(lifetimeMs / 2) - 1;
  const unit = [dayMs, hourMs].find((ms) => most >= 2 * ms) ?? 60_000;
  return Math.max(Math.floor(most / unit), 1) * unit;
}

/** Returns the error to report if the interval is too long for a certificate, with an interval that would work. */
export function tooSlow(
  certificate: string,
  intervalMs: number,
  lifetimeMs: number,
): { readonly error: CertfleetError; readonly longestMs: number } | undefined {
  if (holds(intervalMs, lifetimeMs)) return undefined;
  const longestMs = longestIntervalMs(lifetimeMs);
  const [interval, lifetime, longest] = [intervalMs, lifetimeMs, longestMs].map(spanText) as [string, string, string];
  const flag = longest.replace(/ (\w)\w*$/, '$1');
  return { longestMs, error: fail('schedule/too-slow', { certificate, interval, lifetime, longest, flag }) };
}

/** A renewal that cannot wait for the next run, although the certificate is not due. */
export interface Early {
  /** For display. */
  readonly reason: string;
  /**
   * The CA's window, if the current time is outside it. Let's Encrypt exempts only renewals inside it from its rate
   * limits.
   */
  readonly outside?: { readonly start: string; readonly end: string };
}

/**
 * Returns why to renew before the renewal time: it comes before the next run, or the certificate would expire before
 * the run after that. Returns undefined if the renewal can wait, or if there is no certificate yet.
 */
export function whyEarly({ current, renewal }: Lineage, now: Date, nextRunMs: number): Early | undefined {
  if (!current) return undefined;
  const [next, afterNext] = [now.getTime() + nextRunMs, now.getTime() + 2 * nextRunMs];
  const isDueBefore = renewal !== undefined && Date.parse(renewal.at) <= next;
  const expiresBefore = Date.parse(current.facts.notAfter) <= afterNext;
  if (!isDueBefore && !expiresBefore) return undefined;
  if (isTooYoung(current, now, nextRunMs)) return undefined;
  const reason = isDueBefore
    ? `it is due at ${renewal.at}, before the next run (in ${spanText(nextRunMs)})`
    : `it expires at ${current.facts.notAfter}, before the run after the next one (in ${spanText(2 * nextRunMs)})`;
  const { window } = renewal ?? {};
  const isInside = window && Date.parse(window.start) <= now.getTime() && now.getTime() < Date.parse(window.end);
  if (!window || isInside) return { reason };
  const { start, end } = window;
  const counted = `that is outside the CA’s window (${start} to ${end}), so the CA’s rate limits count it`;
  return { reason: `${reason}; ${counted}`, outside: { start, end } };
}

/** The interval of a process that keeps running: it renews at any instant, so nothing has to be early for its sake. */
export const atOnceMs = 0;

/** The longest interval between hourly runs: timers and the runs themselves are a few minutes late. */
const hourlyMs = 65 * 60_000;
/** How long before the end of a window a process that keeps running renews at the latest: an order takes minutes. */
const orderMs = 15 * 60_000;

interface Interval {
  readonly nextRunMs: number | undefined;
  /** How far this machine's clock is ahead of the CA's. */
  readonly shiftMs?: number | undefined;
}

/** Reports whether only the CA's window can be a reason. */
export const isByWindow = (nextRunMs: number | undefined): nextRunMs is undefined | typeof atOnceMs =>
  nextRunMs === undefined || nextRunMs === atOnceMs;

/** Returns when to renew at the latest, so that the order comes before the end of the CA's window. */
function lastMsOf({ start, end }: NonNullable<Renewal['window']>, nextRunMs: number | undefined): number {
  const endMs = Date.parse(end);
  return endMs - (nextRunMs === atOnceMs ? Math.min(orderMs, (endMs - Date.parse(start)) / 2) : hourlyMs);
}

/**
 * Returns why a run must not leave a renewal to the next one: with `--next-run` as in {@link whyEarly}, else because
 * the CA's window will be over an hour later. The renewal windows of Let's Encrypt's six-day certificates are about
 * three hours long, and only renewals inside them are exempt from the rate limits. If no run falls into a window, the
 * run before it renews. A process that keeps running only leaves an order the time that it takes.
 */
export function whyNow(lineage: Lineage, now: Date, { nextRunMs, shiftMs = 0 }: Interval): Early | undefined {
  if (!isByWindow(nextRunMs)) return whyEarly(lineage, now, nextRunMs);
  const { current, renewal } = lineage;
  if (!current || !renewal?.window) return undefined;
  const { at, window } = renewal;
  // The renewal time is after the window if the certificate is less than an hour old.
  if (Date.parse(at) >= Date.parse(window.end)) return undefined;
  if (shifted(lastMsOf(window, nextRunMs), current, shiftMs) > now.getTime()) return undefined;
  if (isTooYoung(current, now, 4 * hourMs)) return undefined;
  const ends = `it is due at ${at}, and the CA’s window ends at ${window.end}`;
  return { reason: nextRunMs === atOnceMs ? ends : `${ends}, before the next run an hour from now` };
}

/** Returns the first time at which {@link whyNow} may have a reason. */
export function earliestReasonMs({ current, renewal }: Lineage, { nextRunMs, shiftMs = 0 }: Interval): number {
  const parsed = (time: string | undefined) => (time === undefined ? Number.POSITIVE_INFINITY : Date.parse(time));
  if (isByWindow(nextRunMs)) {
    const lastMs = renewal?.window ? lastMsOf(renewal.window, nextRunMs) : Number.POSITIVE_INFINITY;
    return current && Number.isFinite(lastMs) ? shifted(lastMs, current, shiftMs) : lastMs;
  }
  return Math.min(parsed(renewal?.at) - nextRunMs, parsed(current?.facts.notAfter) - 2 * nextRunMs);
}

/**
 * Returns the first time at which {@link whyNow} has the CA's window as a reason, for a certificate that was not issued in
 * the future.
 */
export function windowReasonMs(
  current: NonNullable<Lineage['current']>,
  { at, window }: Renewal,
  { nextRunMs, shiftMs = 0 }: Interval,
): number {
  if (!window || Date.parse(at) >= Date.parse(window.end)) return Number.POSITIVE_INFINITY;
  const oldEnoughMs = (Date.parse(current.issuedAt) || 0) + youngestMs(4 * hourMs);
  return Math.max(shifted(lastMsOf(window, nextRunMs), current, shiftMs), oldEnoughMs);
}

/** Returns the times at which {@link whyNow} may begin to have a reason: it has none while a certificate is too young. */
export function timesOfReasons(lineage: Lineage, interval: Interval): readonly number[] {
  const { nextRunMs } = interval;
  const { current, renewal } = lineage;
  if (!current) return [];
  const oldEnoughMs = youngestMs(isByWindow(nextRunMs) ? 4 * hourMs : nextRunMs);
  const ages = [current.issuedAt, current.facts.notBefore].map((at) => Date.parse(at) + oldEnoughMs || 0);
  const reasons = isByWindow(nextRunMs)
    ? [earliestReasonMs(lineage, interval)]
    : [Date.parse(renewal?.at ?? '') - nextRunMs, Date.parse(current.facts.notAfter) - 2 * nextRunMs];
  return reasons.flatMap((ms) => ages.map((ageMs) => Math.max(ms, ageMs)));
}

/**
 * Reports whether a certificate was issued so recently that a new one would not last much longer, as after a second run
 * by hand, or with a schedule too slow for the lifetime. Two days keep such runs below Let's Encrypt's limit of five
 * certificates a week for the same names.
 */
function isTooYoung({ issuedAt, facts }: NonNullable<Lineage['current']>, now: Date, nextRunMs: number): boolean {
  const issued = isFromTheFuture(issuedAt, now) ? facts.notBefore : issuedAt;
  return now.getTime() - Date.parse(issued) < youngestMs(nextRunMs);
}

const youngestMs = (nextRunMs: number): number => Math.min(nextRunMs / 4, 2 * dayMs);
