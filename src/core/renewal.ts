import type { Renewal } from './lineage.ts';

const day = 86_400_000;

/** Renewal by the lifetime alone: at 2/3 of it, at 1/2 below ten days (Let's Encrypt's integration guide). */
export function renewalByLifetime(facts: { readonly notBefore: string; readonly notAfter: string }): Renewal {
  const from = Date.parse(facts.notBefore);
  const lifetime = Date.parse(facts.notAfter) - from;
  const share = lifetime < 10 * day ? 1 / 2 : 2 / 3;
  return { at: new Date(from + lifetime * share).toISOString(), source: 'lifetime' };
}

/**
 * Renewal by the CA's suggested window (RFC 9773 §4.2): a uniformly random instant of it, kept together with the
 * window, so that every later look at the same window gives the same instant.
 *
 * @param random uniform in [0, 1)
 */
export function renewalByWindow(
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
  const start = Date.parse(window.start);
  const at = same ? before.at : new Date(start + (Date.parse(window.end) - start) * random).toISOString();
  return {
    at,
    source: 'ari',
    window,
    ...(answer.explanationUrl === undefined ? {} : { explanationUrl: answer.explanationUrl }),
    checkAfter: new Date(now.getTime() + answer.retryAfterMs).toISOString(),
  };
}

/** How long a CA without a usable answer is left alone: RFC 9773 §4.3.3 names 6 h for long-term errors. */
const askAgainMs = 6 * 3_600_000;

/**
 * The renewal to keep when the CA's window could not be had: what was known before, or the lifetime's.
 *
 * @param notBefore the CA's own Retry-After, where its refusal had one
 */
export function renewalWithoutAnswer(
  facts: { readonly notBefore: string; readonly notAfter: string },
  before: Renewal | undefined,
  now: Date,
  notBefore?: Date,
): Renewal {
  const known = before ?? renewalByLifetime(facts);
  const checkAfter = Math.max(now.getTime() + askAgainMs, notBefore?.getTime() ?? 0);
  return { ...known, checkAfter: new Date(checkAfter).toISOString() };
}
