import type { FoundCertificate } from './found.ts';
import type { Lineage, Renewal, Version } from './lineage.ts';
import { isFromTheFuture } from './stored-time.ts';

const day = 86_400_000;

/** A certificate's own dates. */
interface Validity {
  readonly notBefore: string;
  readonly notAfter: string;
}

/** The version to renew. */
interface Renewed {
  readonly facts: Validity;
  readonly issuedAt: string;
}

/** Returns after which part of its lifetime a certificate is renewed. */
export const shareOfLifetime = (lifetimeMs: number): number => (lifetimeMs < 10 * day ? 1 / 2 : 2 / 3);

/**
 * Renews after 2/3 of the lifetime, or 1/2 if it is below ten days (Let's Encrypt's integration guide). A certificate
 * whose `notBefore` is long before its issuance is not due at once: it first lasts for a third of the remaining time.
 */
export function renewalByLifetime({ facts, issuedAt }: Renewed): Renewal {
  const [from, end] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
  const share = shareOfLifetime(end - from);
  const issued = Math.min(Date.parse(issuedAt), end);
  const at = Math.max(from + (end - from) * share, issued + (end - issued) / 3);
  return { at: new Date(at).toISOString(), source: 'lifetime' };
}

/** The last tenth of a lifetime is reserved for failed tries, so a renewal time within it must be wrong. */
const lastShare = 1 / 10;
/** The shortest time between two certificates of one lineage, however often the CA's window says "now". */
const shortestPauseMs = 3_600_000;
/** That time for what is left of a validity: a certificate that lasts for minutes must not expire meanwhile. */
const pauseMs = (leftMs: number): number => Math.min(leftMs / 3, shortestPauseMs);

/**
 * Returns until when `renew` leaves a version alone after a rollback to it: when the newer version would have been
 * renewed, when two thirds of this version's remaining validity have passed, or when its last day begins (the last tenth
 * of a short lifetime), which is reserved for failed tries. The first of these counts, but a rollback lasts for at least
 * an hour, or a third of what remains.
 */
export function endOfRollback({ notBefore, notAfter }: Validity, newer: Renewal | undefined, now: Date): string {
  const nowMs = now.getTime();
  const [from, end] = [Date.parse(notBefore), Date.parse(notAfter)];
  const left = end - nowMs;
  const triesMs = Math.min((end - from) * lastShare, day);
  const planned = newer === undefined ? 0 : Date.parse(newer.at);
  const latest = Math.min(nowMs + (left * 2) / 3, end - triesMs, planned > nowMs ? planned : Number.POSITIVE_INFINITY);
  return new Date(Math.max(latest, nowMs + pauseMs(left))).toISOString();
}

/**
 * Renews at a random instant of the CA's suggested window (RFC 9773 §4.2), at least an hour after the certificate was
 * issued, or a third of what it then lasted. The instant is stored with the window and stays the same as long as the window does.
 *
 * A wrong window must neither let the certificate expire nor cause an order at every pass, so an implausible window is
 * ignored and the lifetime decides.
 *
 * @param random uniform in [0, 1)
 */
export function renewalByWindow(
  version: Renewed,
  answer: {
    readonly start: string;
    readonly end: string;
    readonly explanationUrl: string | undefined;
    readonly retryAfterMs: number;
  },
  before: Renewal | undefined,
  now: Date,
  random: number,
): Renewal {
  const { facts, issuedAt } = version;
  const window = { start: answer.start, end: answer.end };
  const same = before?.window?.start === window.start && before.window.end === window.end;
  const [start, end] = [Date.parse(window.start), Date.parse(window.end)];
  const drawn = same ? Date.parse(before.at) : start + (end - start) * random;
  const checkAfter = new Date(now.getTime() + answer.retryAfterMs).toISOString();
  if (!canBeRight(facts, start, end, drawn)) return { ...renewalByLifetime(version), checkAfter };
  const endMs = Date.parse(facts.notAfter);
  const issued = Math.min(Date.parse(issuedAt), endMs);
  const soonest = isFromTheFuture(issuedAt, now) ? drawn : issued + pauseMs(endMs - issued);
  return {
    at: new Date(Math.max(drawn, soonest)).toISOString(),
    source: 'ari',
    window,
    explanationUrl: answer.explanationUrl,
    checkAfter,
  };
}

/**
 * Reports whether a window is plausible. A window in the past means "renew now" (a revocation), but one that ended
 * before `notBefore` is a mistake.
 */
function canBeRight(facts: Validity, start: number, end: number, drawn: number): boolean {
  const [notBefore, notAfter] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
  return start < end && end > notBefore && drawn <= notAfter - (notAfter - notBefore) * lastShare;
}

/** When to ask again after a failure: RFC 9773 §4.3.3 suggests 6 h for long-term errors. */
const askAgainMs = 6 * 3_600_000;
/** The shortest pause, even if the CA's Retry-After is shorter: RFC 9773 §4.3.2. */
const soonestMs = 60_000;

/**
 * Returns the renewal to store if the CA's window could not be fetched: the one known before, or one by lifetime.
 *
 * @param named the Retry-After of the CA's refusal; a rate limit is obeyed however long it is
 */
export function renewalWithoutAnswer(
  version: Renewed,
  before: Renewal | undefined,
  now: Date,
  named?: { readonly retryAt: Date; readonly isLimit: boolean },
): Renewal {
  const known = before ?? renewalByLifetime(version);
  const later = now.getTime() + askAgainMs;
  const at = named?.retryAt.getTime() ?? later;
  const checkAfter = Math.max(named?.isLimit ? at : Math.min(at, later), now.getTime() + soonestMs);
  return { ...known, checkAfter: new Date(checkAfter).toISOString() };
}

/** Most clients renew 30 days before expiry by default. */
const usualBeforeMs = 30 * day;

/**
 * Returns when to renew a version that another client got: when that client would have, so that a migration orders
 * nothing early or late. If the lifetime is too short for that, the version is renewed by lifetime. Later versions are
 * renewed by the CA's window or by lifetime.
 *
 * @param renewBeforeMs how long before expiry the other client was configured to renew it
 * @param renewsByLifetime the other client also renews by lifetime, whichever is first
 */
export function renewalOfImported(
  facts: Validity,
  { renewBeforeMs, renewsByLifetime }: Pick<FoundCertificate, 'renewBeforeMs' | 'renewsByLifetime'>,
): Renewal {
  const byLifetime = renewalByLifetime({ facts, issuedAt: facts.notBefore });
  const theirs = Date.parse(facts.notAfter) - Math.max(0, renewBeforeMs ?? usualBeforeMs);
  const isFirst = theirs <= Date.parse(byLifetime.at);
  const lasts = theirs > Date.parse(facts.notBefore);
  const counts = renewsByLifetime
    ? renewBeforeMs !== undefined && isFirst
    : lasts && (renewBeforeMs !== undefined || !isFirst);
  return counts ? { ...byLifetime, at: new Date(theirs).toISOString() } : byLifetime;
}

/**
 * Returns when a certificate is due, in ms since 1970: at its renewal time, and when it expires at the latest, whatever
 * time is stored. Undefined if its renewal time is not known.
 */
export function renewMs({ renewal, current }: Pick<Lineage, 'renewal' | 'current'>): number | undefined {
  if (renewal === undefined) return undefined;
  return Math.min(Date.parse(renewal.at), Date.parse(current?.facts.notAfter ?? '') || Number.POSITIVE_INFINITY);
}

/**
 * Returns a time of the CA's window on this machine's clock. Not later than in the last tenth of the lifetime, and not
 * earlier than the pause after an issue, unless the time itself is.
 *
 * @param shiftMs how far this machine's clock is ahead of the CA's
 */
export function shifted(ms: number, { facts, issuedAt }: Renewed, shiftMs: number): number {
  if (shiftMs === 0) return ms;
  const [from, end] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
  const issued = Math.min(Date.parse(issuedAt), end);
  const bound = shiftMs > 0 ? end - (end - from) * lastShare : issued + pauseMs(end - issued);
  return shiftMs > 0 ? Math.max(ms, Math.min(ms + shiftMs, bound)) : Math.min(ms, Math.max(ms + shiftMs, bound));
}

/** Returns the renewal time on this machine's clock, in ms since 1970. Only an instant in the CA's window is shifted. */
export function renewalMs({ renewal, current }: Pick<Lineage, 'renewal' | 'current'>, shiftMs = 0): number | undefined {
  if (!renewal) return undefined;
  const { at, window } = renewal;
  const ms = Date.parse(at);
  const isInside = window !== undefined && ms >= Date.parse(window.start) && ms < Date.parse(window.end);
  return current && isInside ? shifted(ms, current, shiftMs) : ms;
}

/** The part of the time between the renewal time and the expiry that passes before a certificate is overdue. */
const overdueShare = 1 / 3;

/** Returns the time at which a certificate is planned to be renewed, in ms since 1970. */
export function plannedMs({ renewal, rolledBack }: Plan, current: Version): number {
  const at = renewMs({ renewal: renewal ?? renewalByLifetime(current), current })!;
  return Math.max(at, Date.parse(rolledBack?.until ?? '') || 0);
}

/**
 * Returns from when on a certificate is overdue, in ms since 1970: a third of the time between its planned renewal and
 * its expiry is over, or it has expired.
 */
export function overdueMs(plan: Plan, current: Version): number {
  const plannedAtMs = plannedMs(plan, current);
  const endMs = Date.parse(current.facts.notAfter);
  return Math.min(endMs, plannedAtMs + (endMs - plannedAtMs) * overdueShare);
}

type Plan = Pick<Lineage, 'renewal' | 'rolledBack'>;
