import type { Renewal } from './lineage.ts';
import { isFromTheFuture } from './stored-time.ts';

const day = 86_400_000;

/** A certificate's own dates. */
interface Validity {
  readonly notBefore: string;
  readonly notAfter: string;
}

/** Renewal by the lifetime alone: at 2/3 of it, at 1/2 below ten days (Let's Encrypt's integration guide). */
export function renewalByLifetime(facts: Validity): Renewal {
  const from = Date.parse(facts.notBefore);
  const lifetime = Date.parse(facts.notAfter) - from;
  const share = lifetime < 10 * day ? 1 / 2 : 2 / 3;
  return { at: new Date(from + lifetime * share).toISOString(), source: 'lifetime' };
}

/** The last share of a lifetime is for tries that fail: a window that leads into it is no plan. */
const lastShare = 1 / 10;
/** However often a CA says "now": two certificates of one lineage are at least this far apart. */
const shortestPauseMs = 3_600_000;

/**
 * Renewal by the CA's suggested window (RFC 9773 §4.2): a uniformly random instant of it, kept together with the
 * window, so that every later look at the same window gives the same instant; never within an hour of the issue.
 *
 * The answer is not signed, and a mistake in it must neither let the certificate expire nor buy one at every pass:
 * where the window cannot be right, the lifetime decides.
 *
 * @param version what is to be renewed; `issuedAt` is missing in stores of before it was kept
 * @param random uniform in [0, 1)
 */
export function renewalByWindow(
  { facts, issuedAt }: { readonly facts: Validity; readonly issuedAt?: string },
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
  const window = { start: answer.start, end: answer.end };
  const same = before?.window?.start === window.start && before.window.end === window.end;
  const [start, end] = [Date.parse(window.start), Date.parse(window.end)];
  const drawn = same ? Date.parse(before.at) : start + (end - start) * random;
  const checkAfter = new Date(now.getTime() + answer.retryAfterMs).toISOString();
  if (!canBeRight(facts, start, end, drawn)) return { ...renewalByLifetime(facts), checkAfter };
  const soonest =
    issuedAt === undefined || isFromTheFuture(issuedAt, now) ? drawn : Date.parse(issuedAt) + shortestPauseMs;
  return {
    at: new Date(Math.max(drawn, soonest)).toISOString(),
    source: 'ari',
    window,
    ...(answer.explanationUrl === undefined ? {} : { explanationUrl: answer.explanationUrl }),
    checkAfter,
  };
}

/** A window in the past means "now" (a revocation), but one from before the certificate cannot be about it. */
function canBeRight(facts: Validity, start: number, end: number, drawn: number): boolean {
  const [notBefore, notAfter] = [Date.parse(facts.notBefore), Date.parse(facts.notAfter)];
  return start < end && end > notBefore && drawn <= notAfter - (notAfter - notBefore) * lastShare;
}

/** How long a CA without a usable answer is left alone: RFC 9773 §4.3.3 names 6 h for long-term errors. */
const askAgainMs = 6 * 3_600_000;
/** However soon it says: RFC 9773 §4.3.2. */
const soonestMs = 60_000;

/**
 * The renewal to keep when the CA's window could not be had: what was known before, or the lifetime's.
 *
 * @param named the CA's own Retry-After, where its refusal had one; a limit holds as long as it says
 */
export function renewalWithoutAnswer(
  facts: Validity,
  before: Renewal | undefined,
  now: Date,
  named?: { readonly retryAt: Date; readonly isLimit: boolean },
): Renewal {
  const known = before ?? renewalByLifetime(facts);
  const later = now.getTime() + askAgainMs;
  const at = named?.retryAt.getTime() ?? later;
  const checkAfter = Math.max(named?.isLimit ? at : Math.min(at, later), now.getTime() + soonestMs);
  return { ...known, checkAfter: new Date(checkAfter).toISOString() };
}
